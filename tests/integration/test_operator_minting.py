"""Sources that mint, on a real API server and with the rights of the chart: minted once, refreshed
by their real expiry, taken back when nobody needs them; and what a provider that fails comes to.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from cluster.waiting import await_condition
from tests.support.clusters import own_cluster
from tests.support.faults import Answer, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.operatorworld import PASSWORD, REGISTRY, Installation, OperatorWorld
from tests.support.providers import github as githubs
from tests.support.providers import quay as quays
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.oidc import a_key
from tests.support.providers.serving import Clock, serve, watched
from tests.support.secrecycluster import History, OperatorsRun

APP, NUMBER = 12345, 678
ACCESS = "glpat-of-the-test-0123456789"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


cluster = own_cluster


@pytest.fixture(scope="module")
def history(cluster, installation):  # which brings the CRD
    with History(cluster) as made:
        yield made


@pytest.fixture(autouse=True)
def run(history, installation):
    """At the end of each test no operator has written any secret but into Secrets."""
    made = OperatorsRun(history)
    made.follow(installation)
    with watched() as served:
        yield made
    made.secrecy.add_served(served)
    made.require()


class Hub:
    """GitHub, and what became of it in a world.

    Args:
        world: whose PullCredential ``main`` has it for a source.
        served: where it is.
        github: what it knows.
        key: of the App, in PEM.
    """

    def __init__(self, world, served, github, key):
        self.world, self.served, self.github, self.key = world, served, github, key

    def put(self, **fields):
        source = {
            "appId": APP,
            "installationId": NUMBER,
            "url": self.served.url,
            "secretRef": {"name": self.world.full("app")},
        }
        self.world.put_pullcredential("main", source={"githubApp": source}, **fields)

    def touch(self):
        """Have the operator ask again, by a change of the Secret that tells GitHub nothing."""
        extra = {"touched": encoded(datetime.now(UTC).isoformat())}
        self.world.put_source_data("app", {"private-key.pem": encoded(self.key)} | extra)

    def tokens(self):
        """The passwords that are in the namespaces' Secrets."""
        return {login[REGISTRY][1] for login in self.world.logins().values() if REGISTRY in login}

    def accepted(self):
        """Whether each namespace has a login, and one that is good now."""
        logins = self.world.logins()
        return len(logins) == len(self.world.namespaces) and all(
            self.github.accepts(*each[REGISTRY]) for each in logins.values()
        )


@pytest.fixture
def hub(operator_world):
    key = a_key("github")
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    world = operator_world(namespaces=3)
    github = githubs.GitHub(APP, key.public_key(), Clock())
    github.installations[NUMBER] = githubs.Installation("Acme")
    world.put_source_data("app", {"private-key.pem": encoded(pem)})
    with serve(github.app) as served:
        yield Hub(world, served, github, pem)


@pytest.fixture
def lifetime(monkeypatch):
    """Set how long tokens of GitHub live, which is an hour."""
    return lambda **given: monkeypatch.setattr(githubs, "LIFETIME", timedelta(**given))


def condition(world, kind, name="main"):
    status = (world.pullcredential(name) or {}).get("status") or {}
    found = {each["type"]: each for each in status.get("conditions", ())}
    return found.get(kind, {"status": "", "reason": "", "message": ""})


def give(provider):
    """Make it a source, and wait until each of the three namespaces has what it gives."""
    provider.put()
    provider.world.await_state("it is everywhere", lambda: provider.world.ready() == "3/3")


def moment(text):
    return datetime.fromisoformat(text)


def test_one_token_for_all_namespaces(installation, hub):
    with installation.operator() as operator:
        give(hub)
        assert hub.accepted()
        assert len(hub.github.issued) == len(hub.tokens()) == 1
        status = hub.world.pullcredential("main")["status"]
        (issued,) = hub.github.issued.values()
        assert moment(status["expiresAt"]) == issued.expires
        minted, refresh = moment(status["minted"]["mintedAt"]), moment(status["refreshAt"])
        share = (refresh - minted) / (issued.expires - minted)
        assert 2 / 3 * 0.89 < share < 2 / 3 * 1.11
        operator.stop()


def test_it_is_refreshed_while_it_is_good(installation, hub, lifetime):
    lifetime(seconds=30)
    with installation.operator() as operator:
        give(hub)
        since = condition(hub.world, "Ready")["lastTransitionTime"]

        def third():
            assert hub.world.ready() == "3/3", "each has one that is good, all the time"
            assert hub.accepted(), "a namespace has a token that has ended"
            return len(hub.github.issued) >= 3 and len(hub.tokens()) == 1

        await_condition("the third token is everywhere", third, timeout=120)
        assert condition(hub.world, "Ready")["lastTransitionTime"] == since
        operator.stop()


def test_a_new_leader_asks_nobody(installation, hub):
    with installation.operator() as operator:
        give(hub)
        operator.stop()
    before, versions = hub.tokens(), hub.world.versions()
    with installation.operator() as operator:
        operator.wait_for("SourceRead")
        hub.world.await_state("it is there", lambda: hub.world.ready() == "3/3")
        hub.world.add_namespaces(["new"], {})
        hub.world.await_state("the new one has it", lambda: hub.world.ready() == "4/4")
        operator.stop()
    assert len(hub.github.issued) == 1
    assert hub.tokens() == before
    assert versions.items() <= hub.world.versions().items()


def test_what_tenants_write_is_not_taken_for_minted(installation, hub):
    with installation.operator() as operator:
        give(hub)
        operator.stop()
    forged = hub.world.logins()["ns-0"][REGISTRY][1]
    for name in ("ns-0", "ns-1", "ns-2"):
        path = f"{hub.world.path(name)}/secrets/{installation.secret_name}"

        def forge(obj):
            text = base64.b64decode(obj["data"][".dockerconfigjson"]).decode()
            text = text.replace(forged, "forged").replace(
                encoded(f"x-access-token:{forged}"), encoded("x-access-token:forged")
            )
            obj["data"][".dockerconfigjson"] = encoded(text)

        hub.world.change(path, forge)
    assert hub.tokens() == {"forged"}
    with installation.operator() as operator:
        hub.world.await_state(
            "what was minted is there again", lambda: hub.world.ready() == "3/3" and hub.accepted()
        )
        operator.stop()
    assert len(hub.github.issued) == 2


def test_a_provider_that_is_away_takes_nothing_away(installation, hub):
    with installation.operator() as operator:
        give(hub)
        before = hub.tokens()
        hub.served.hang_up()
        hub.touch()
        hub.world.await_state(
            "it is said", lambda: condition(hub.world, "Minted")["reason"] == "Unreachable"
        )
        assert "what it gave before stays" in condition(hub.world, "Minted")["message"]
        assert hub.world.ready() == "3/3"
        assert hub.tokens() == before
        hub.served.heal()
        hub.world.await_state(
            "it is minted again", lambda: condition(hub.world, "Minted")["status"] == "True"
        )
        hub.world.await_state(
            "and everywhere", lambda: hub.tokens() != before and len(hub.tokens()) == 1
        )
        operator.stop()


def test_a_provider_that_is_away_for_too_long(installation, hub, lifetime):
    lifetime(seconds=15)
    with installation.operator() as operator:
        give(hub)
        hub.served.hang_up()
        hub.world.await_state(
            "it has ended",
            lambda: hub.world.ready() == "Unreachable" or hub.world.ready() == "Expired",
        )
        assert condition(hub.world, "Minted")["reason"] == "Unreachable"
        assert hub.served.host in condition(hub.world, "Minted")["message"]
        lifetime(hours=1)
        hub.served.heal()
        hub.world.await_state("it is good again", lambda: hub.world.ready() == "3/3")
        assert hub.accepted()
        operator.stop()


def of_helm(hub):
    name = hub.world.full("app")
    hub.world.delete_source("app")
    path = f"/api/v1/namespaces/{hub.world.installation.namespace}/secrets"
    data = {"private-key.pem": encoded(hub.key)}
    hub.world.create(path, {"metadata": {"name": name}, "type": "helm.sh/release.v1", "data": data})


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (lambda hub: hub.github.installations.clear(), "NotConfigured", str(NUMBER)),
        (
            lambda hub: setattr(hub.github.installations[NUMBER], "suspended", True),
            "NoPermission",
            "suspended",
        ),
        (
            lambda hub: hub.served.instead(429, {"message": "slow down"}),
            "Throttled",
            "takes no more requests",
        ),
        (lambda hub: hub.world.delete_source("app"), "NotConfigured", "does not exist"),
        (of_helm, "NotConfigured", "of the type helm.sh/release.v1, which is no source"),
        (
            lambda hub: hub.world.put_source_data("app", {"private-key.pem": encoded("no key")}),
            "NotConfigured",
            "private key of App",
        ),
    ],
    ids=["no installation", "suspended", "throttled", "no secret", "not a source", "no key"],
)
def test_why_there_is_none(installation, hub, fault, reason, words):
    fault(hub)
    with installation.operator() as operator:
        hub.put()
        hub.world.await_state("it is said", lambda: hub.world.ready() == reason)
        minted = condition(hub.world, "Minted")
        assert (minted["status"], minted["reason"]) == ("False", reason)
        assert words in minted["message"]
        assert hub.world.logins() == {}
        operator.stop()


@pytest.mark.parametrize("debug", ["1", ""], ids=["debug", "plain"])
def test_what_a_provider_repeats_is_not_repeated(installation, hub, debug):
    with installation.operator(env={"REGCRED_DEBUG": debug}) as operator:
        give(hub)
        shown = hub.served.requests[-1].headers["authorization"]
        (token,) = hub.tokens()
        hub.served.instead(401, {"message": f"cannot use {shown} {token}\n{hub.key}"})
        hub.touch()
        hub.world.await_state(
            "it is said", lambda: condition(hub.world, "Minted")["reason"] == "BadCredentials"
        )
        operator.stop()


def test_what_is_said_somewhere_is_found(installation, hub, run):
    with installation.operator() as operator:
        give(hub)
        (token,) = hub.tokens()
        operator.stop()
    run.require()
    for kind, text in (("configmaps", token), ("serviceaccounts", encoded(f"a:{token}"))):
        metadata = {"name": "leak", "annotations": {"said": text}}
        hub.world.create(f"{hub.world.path('ns-0')}/{kind}", {"metadata": metadata})
        with pytest.raises(AssertionError, match=f"is in {kind}"):
            run.require()


def test_a_secret_that_changes_when_something_else_has(installation, hub):
    """The spec was changed since it was minted, but not its source."""
    with installation.operator() as operator:
        give(hub)
        hub.put(serviceAccounts={"include": ["*"]})
        generation = hub.world.pullcredential("main")["metadata"]["generation"]
        hub.world.await_state(
            "it is seen",
            lambda: hub.world.pullcredential("main")["status"]["observedGeneration"] == generation,
        )
        assert len(hub.github.issued) == 1
        hub.touch()
        hub.world.await_state("it is asked again", lambda: len(hub.github.issued) == 2)
        operator.stop()


def test_a_secret_that_changes_while_nobody_leads(installation, hub):
    with installation.operator() as operator:
        give(hub)
        operator.stop()
    before = hub.tokens()
    hub.touch()
    with installation.operator() as operator:
        hub.world.await_state(
            "the new one is everywhere",
            lambda: hub.tokens().isdisjoint(before) and hub.world.ready() == "3/3",
        )
        operator.stop()


def test_what_has_ended_is_given_to_nobody(installation, hub, lifetime):
    """Not even to who has nothing; who has it keeps it, and may lose the race for a new one."""
    lifetime(seconds=15)
    with installation.operator() as operator:
        give(hub)
        hub.served.hang_up()
        hub.world.await_state(
            "it has ended",
            lambda: condition(hub.world, "Ready")["reason"] in {"Unreachable", "Expired"},
        )
        before = hub.world.logins()
        hub.world.add_namespaces(["new"], {})
        hub.world.await_state(
            "it is looked at",
            lambda: hub.world.pullcredential("main")["status"]["namespaces"]["summary"] == "3/4",
        )
        assert hub.world.logins() == before
        lifetime(hours=1)
        hub.served.heal()
        hub.world.await_state("each has a new one", lambda: hub.world.ready() == "4/4")
        assert hub.accepted()
        operator.stop()


# What is taken back

#: Without the pause for those who began a pull before.
AT_ONCE = "--revoke-after=0s"


@pytest.fixture
def gitlab(operator_world):
    clock = Clock()
    found = GitLab(clock, {"projects/team/app": 7}, {ACCESS: AccessToken()})
    found.world = operator_world(namespaces=3)
    found.world.put_source_data("access", {"token": encoded(ACCESS)})
    with serve(found.app()) as served:
        found.served = served
        source = {
            "project": "team/app",
            "url": served.url,
            "secretRef": {"name": found.world.full("access")},
        }
        found.put = lambda: found.world.put_pullcredential("main", source={"gitlab": source})
        found.touch = lambda: found.world.put_source_data(
            "access", {"token": encoded(ACCESS), "x": encoded(datetime.now(UTC).isoformat())}
        )
        yield found


def names_in_use(gitlab):
    return {login[REGISTRY][0] for login in gitlab.world.logins().values()}


def test_the_old_one_goes_when_the_last_has_the_new(installation, gitlab, tmp_path):
    world = gitlab.world
    last = both(writes("secrets"), lambda seen: f"/namespaces/{world.full('ns-1')}/" in seen.path)
    with (
        FaultyProxy(installation.kubeconfig) as proxy,
        installation.operator(AT_ONCE, kubeconfig=proxy.kubeconfig(tmp_path)) as operator,
    ):
        give(gitlab)
        (first,) = gitlab.deploy_tokens
        theirs = gitlab.make("projects/team/app", "theirs", ["read_registry"], None)
        proxy.on(last, Answer(500), times=None)
        gitlab.touch()
        world.await_state("two have the new one", lambda: len(names_in_use(gitlab)) == 2)
        world.await_state("it is said", lambda: world.ready() == "NamespacesFailed")
        assert first in gitlab.deploy_tokens
        proxy.clear()
        world.await_state("the old one is gone", lambda: first not in gitlab.deploy_tokens)
        world.await_state("it says so", lambda: world.ready() == "3/3")
        (second,) = (each for each in gitlab.deploy_tokens if each is not theirs)
        assert names_in_use(gitlab) == {second.username}
        operator.stop()


def test_what_a_crash_left_behind_goes(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        operator.stop()
    (mine,) = gitlab.deploy_tokens
    left = gitlab.make("projects/team/app", mine.name, ["read_registry"], mine.expires)
    with installation.operator(AT_ONCE) as operator:
        world.await_state("it is there", lambda: world.ready() == "3/3")
        gitlab.touch()
        world.await_state(
            "one is left",
            lambda: len(gitlab.deploy_tokens) == 1 and names_in_use(gitlab) != {mine.username},
        )
        assert left not in gitlab.deploy_tokens
        assert names_in_use(gitlab) == {gitlab.deploy_tokens[0].username}
        operator.stop()


def test_the_old_one_stays_for_who_began_a_pull_with_it(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        (first,) = gitlab.deploy_tokens
        gitlab.touch()
        world.await_state("the new one is", lambda: names_in_use(gitlab) != {first.username})
        world.await_state("everywhere", lambda: world.ready() == "3/3")
        assert first in gitlab.deploy_tokens
        operator.stop()


def test_a_namespace_that_never_had_it_holds_nothing_up(installation, gitlab):
    """Whoever may write one Secret must not keep old tokens alive for the whole cluster."""
    world = gitlab.world
    data = {".dockerconfigjson": encoded('{"auths": {}}')}
    theirs = {
        "metadata": {"name": installation.secret_name},
        "type": "kubernetes.io/dockerconfigjson",
        "data": data,
    }
    world.create(f"{world.path('ns-1')}/secrets", theirs)
    with installation.operator(AT_ONCE) as operator:
        gitlab.put()
        world.await_state("it is said", lambda: world.ready() == "NamespacesFailed")
        (first,) = gitlab.deploy_tokens
        gitlab.touch()
        world.await_state(
            "the old one is gone",
            lambda: first not in gitlab.deploy_tokens and len(gitlab.deploy_tokens) == 1,
        )
        operator.stop()


def test_another_source_in_its_place(installation, gitlab):
    world = gitlab.world
    with installation.operator(AT_ONCE) as operator:
        give(gitlab)
        assert len(gitlab.deploy_tokens) == 1
        world.put_pullcredential("main")
        world.await_state("nothing is left", lambda: gitlab.deploy_tokens == [])
        assert {login[REGISTRY] for login in world.logins().values()} == {("puller", PASSWORD)}
        operator.stop()


def test_uninstall(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        operator.stop()
    with installation.operator("--uninstall") as uninstall:
        assert uninstall.wait() == 0, uninstall.stderr
    assert gitlab.deploy_tokens == []
    assert world.logins() == {}


def test_uninstall_while_nothing_can_be_taken_back(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        operator.stop()
    gitlab.served.hang_up()
    with installation.operator("--uninstall") as uninstall:
        assert uninstall.wait() == 0, uninstall.stderr
    assert f"pullcredential/{world.full('main')}: what was minted for it ends" in uninstall.stderr
    assert gitlab.served.host in uninstall.stderr
    assert world.logins() == {}


def test_the_last_one_goes_with_the_object(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        world.delete_pullcredential("main")
        world.await_state("it is gone", lambda: world.pullcredential("main") is None)
        assert gitlab.deploy_tokens == []
        assert world.logins() == {}
        operator.stop()


def test_an_object_goes_though_nothing_can_be_taken_back(installation, gitlab):
    world = gitlab.world
    with installation.operator() as operator:
        give(gitlab)
        world.delete_source("access")
        world.delete_pullcredential("main")
        world.await_state("it is gone", lambda: world.pullcredential("main") is None)
        assert world.logins() == {}
        operator.stop()
    assert "what was minted ends by itself" in operator.stderr


# Keyless


class ClusterQuay(quays.Quay):
    """A Quay that has been told to trust the ServiceAccounts of the test's cluster.

    Args:
        cluster: which says itself whose a token is, and for whom.
    """

    def __init__(self, cluster):
        super().__init__(Clock())
        self._cluster = cluster
        self.shown = []

    async def _refused(self, name, token):
        robot = self.robots.get(name)
        if robot is None:
            return f"Could not find robot with username: {name}"
        self.shown.append(token)
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [robot.audience]},
        }
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        status, content = self._cluster.api.request("POST", path, review)
        assert status == 201, content
        found = json.loads(content)["status"]
        known = found.get("authenticated") and found["user"]["username"] == robot.subject
        return "" if known else "Invalid username or password"


@pytest.fixture
def keyless(cluster, helm_program, tmp_path, run):
    """An installation with the right to have tokens of one ServiceAccount made."""
    made = Installation(cluster, helm_program, tmp_path)
    try:
        made.install(identities="{puller}")
        run.follow(made)
        yield made
    finally:
        made.uninstall()


@pytest.fixture
def quay(cluster, keyless):
    world = OperatorWorld(keyless)
    world.add_namespaces(["a", "b"], {})
    found = ClusterQuay(cluster)
    for account in ("puller", "other"):
        path = f"/api/v1/namespaces/{keyless.namespace}/serviceaccounts"
        world.create(path, {"metadata": {"name": account}})
    with serve(found.app) as served:
        robot = found.add("acme+puller")
        robot.audience = served.host
        robot.subject = f"system:serviceaccount:{keyless.namespace}:puller"
        found.world = world

        def put(account, **identity):
            source = {
                "robot": "acme+puller",
                "url": served.url,
                "identity": {"serviceAccount": account, **identity},
            }
            world.put_pullcredential("main", source={"quay": source})

        found.put = put
        yield found
    world.remove()


def test_without_any_key(keyless, quay):
    world = quay.world
    with keyless.operator() as operator:
        quay.put("puller")
        world.await_state("it is everywhere", lambda: world.ready() == "2/2")
        for each in world.logins().values():
            assert quay.accepts(*each[REGISTRY])
        status = world.pullcredential("main")["status"]
        ahead = moment(status["expiresAt"]) - moment(status["minted"]["mintedAt"])
        assert timedelta(minutes=59) < ahead < timedelta(minutes=61)
        operator.stop()


def test_a_service_account_that_it_may_not_be(keyless, quay):
    world = quay.world
    with keyless.operator() as operator:
        quay.put("other")
        world.await_state("it is said", lambda: world.ready() == "NoPermission")
        assert (
            "the chart's value identities, with other in it"
            in condition(world, "Minted")["message"]
        )
        assert quay.shown == []
        operator.stop()


def test_a_token_that_would_let_into_the_cluster_is_shown_to_nobody(keyless, quay, cluster):
    status, content = cluster.api.request("GET", "/.well-known/openid-configuration")
    assert status == 200, content
    with keyless.operator() as operator:
        quay.put("puller", audience=json.loads(content)["issuer"])
        quay.world.await_state("it is said", lambda: quay.world.ready() == "NotConfigured")
        assert "is that of the cluster itself" in condition(quay.world, "Minted")["message"]
        assert quay.shown == []
        operator.stop()
