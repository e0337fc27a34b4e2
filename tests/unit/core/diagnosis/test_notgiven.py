"""What the diagnosis says where a PullCredential is to give the login, and what it then advises."""

import base64
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from regcred.core.diagnosis.diagnose import diagnose
from regcred.core.diagnosis.giver import Giver, Says
from regcred.core.problem import Reason
from tests.support.stagedfacts import BROKEN_OTHER, HOST, IMAGE, MISSING, NOW, OPAQUE, auths, stage

LOGIN = "regcred login registry.example -n team-a"
LOOK = "kubectl get pullcredential github -o yaml"
RESTART = "kubectl rollout restart deployment/web -n team-a"
GAVE = f"the credential for '{HOST}' that PullCredential github gave"
AGO, LATER = NOW - timedelta(minutes=10), NOW + timedelta(minutes=10)
ENDED = f"{GAVE} ended at 2026-11-23 02:50:00 UTC"
RUNS = "does the operator run? kubectl get pods -A -l app.kubernetes.io/name=regcred"
BY_ITSELF = "the operator tries again by itself, and kubelet's next try takes what it gets"

AWAY = "https://api.example does not answer; is it up?"
UNREACHABLE = Says("False", "Unreachable", AWAY, AGO)
FINE = Says("True", "Minted", "1 registry")
READY = Says("True", "Ready", "1 namespace has the logins")


def giver(minted=UNREACHABLE, ready=READY, **fields):
    """A PullCredential that selects the namespace, for the image's registry."""
    return replace(Giver("github", "githubApp", (HOST,), True, minted, ready), **fields)


def kept(*givers, password="opaque", ends=AGO, registry=HOST, name="github", **facts):
    """The Pod has the operator's Secret."""
    return stage(
        own=["regcred"],
        sa=["regcred"],
        secrets={"regcred": auths(registry, password=password)},
        kept={"regcred": "operator"},
        gave={"regcred": {registry: name}},
        ends={"regcred": ends},
        operators="regcred",
        givers=givers,
        **facts,
    )


def jwt(when):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": when.timestamp()}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


def words(reason=Reason.UNAUTHORIZED):
    return f"'{HOST}' of Secret team-a/regcred: {HOST} says {reason} to ann"


TWO = {"regcred": {HOST: "github", "other.example": "other"}}

#: Situation → (facts, reason, message, hint).
REFUSED = {
    "it ended, and minting fails": (
        kept(giver()),
        "Expired",
        f"{ENDED}, and there is no newer one, since minting fails: Unreachable: {AWAY}",
        f"bring back what it asks, or the way there from the operator; {BY_ITSELF}: {LOOK}",
    ),
    "it ended, as kubelet's words and the mark say": (
        kept(giver(), probe=False),
        "Expired",
        f"{ENDED}, and there is no newer one, since minting fails: Unreachable: {AWAY}",
        None,
    ),
    "it ended, as it says itself": (
        kept(giver(), password=jwt(AGO), ends=None),
        "Expired",
        f"{ENDED}, and there is no newer one, since minting fails: Unreachable: {AWAY}",
        None,
    ),
    "it ended, as its status says, and the mark is perhaps another's": (
        replace(
            kept(giver(expires=AGO)),
            secrets={"regcred": replace(kept().secrets["regcred"], givers=TWO["regcred"])},
        ),
        "Expired",
        f"{ENDED}, and there is no newer one, since minting fails: Unreachable: {AWAY}",
        None,
    ),
    "the mark is another's": (
        replace(
            kept(giver(FINE, expires=LATER)),
            secrets={"regcred": replace(kept().secrets["regcred"], givers=TWO["regcred"])},
        ),
        "Unauthorized",
        f"{words()}; it is {GAVE}, and its source gives it without fault",
        f"let it pull the repository, at the registry or the provider; {LOOK}",
    ),
    "it ended, and a static source fails": (
        kept(giver(Says("False", "SourceMissing", "Secret a/b does not exist"), kind="basic")),
        "Expired",
        f"{ENDED}, and there is no newer one, since its source fails: SourceMissing: Secret a/b "
        "does not exist",
        f"put its source right; {BY_ITSELF}: {LOOK}",
    ),
    "it ended, and the namespace cannot be given another": (
        kept(giver(FINE, failure="Forbidden: no")),
        "Expired",
        f"{ENDED}, and the namespace cannot be given a newer one: Forbidden: no",
        LOOK,
    ),
    "it ended, and the newer one is on its way": (
        kept(giver(FINE, expires=LATER)),
        "Expired",
        f"{ENDED}, and the newer one is not in the namespace yet",
        RUNS,
    ),
    "it ended, and nobody has noticed": (
        kept(giver(FINE, expires=AGO)),
        "Expired",
        f"{ENDED}, and there is no newer one, and nothing is said to fail",
        RUNS,
    ),
    "it is refused while it holds, and minting fails": (
        kept(giver(Says("False", "BadCredentials")), ends=LATER),
        "Unauthorized",
        f"{words()}; it is {GAVE}, which ends at 2026-11-23 03:10:00 UTC, and there is no newer "
        "one, since minting fails: BadCredentials",
        f"give its source what the provider accepts; {BY_ITSELF}: {LOOK}",
    ),
    "it is refused, never ends, and minting fails": (
        kept(giver(), ends=None),
        "Unauthorized",
        f"{words()}; it is {GAVE}, and there is no newer one, since minting fails: "
        f"Unreachable: {AWAY}",
        None,
    ),
    "it is refused, and minted fine": (
        kept(giver(FINE), ends=LATER, answers={"ann": Reason.FORBIDDEN}),
        "Forbidden",
        f"{words(Reason.FORBIDDEN)}; it is {GAVE}, and its source gives it without fault",
        f"let it pull the repository, at the registry or the provider; {LOOK}",
    ),
    "it is refused, and the namespace cannot be given another": (
        kept(giver(FINE, failure="Forbidden: no"), ends=LATER),
        "Unauthorized",
        f"{words()}; PullCredential github cannot give the namespace another: Forbidden: no",
        LOOK,
    ),
    "PullCredentials may not be read": (
        replace(kept(), givers=None),
        "Expired",
        f"{words()}; its login ended at 2026-11-23 02:50:00 UTC; PullCredential github gave it",
        LOOK,
    ),
    "its PullCredential is gone": (
        kept(giver(name="other")),
        "Expired",
        f"{words()}; its login ended at 2026-11-23 02:50:00 UTC; PullCredential github, which gave "
        "it, does not exist any more",
        RUNS,
    ),
    "nobody says who gave it": (
        kept(name=""),
        "Expired",
        f"{words()}; its login ended at 2026-11-23 02:50:00 UTC",
        "the operator keeps this Secret: mend the source of its PullCredential "
        "(kubectl get pullcredentials)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_login_that_it_gave_is_refused(name):
    facts, reason, message, hint = REFUSED[name]
    (cause,) = diagnose(facts).causes
    assert (cause.reason, cause.message, cause.mends) == (reason, message, ())
    assert hint in (None, cause.hint)


SELECTS = "PullCredential github selects the namespace for it"
AFTER = f"; the Pod has to be made anew after that: {RESTART}"

#: Situation → (facts, reason, message, hint).
LACKING = {
    "minting never worked": (
        stage(givers=[giver()]),
        "NoCredential",
        f"{SELECTS}, and has nothing to give, since minting fails: Unreachable: {AWAY}",
        f"bring back what it asks, or the way there from the operator; {BY_ITSELF}: {LOOK}{AFTER}",
    ),
    "minting does not work any more, in a new namespace": (
        stage(givers=[giver(expires=AGO)]),
        "NoCredential",
        f"{SELECTS}, and gave one that ended at 2026-11-23 02:50:00 UTC, and has no newer one, "
        f"since minting fails: Unreachable: {AWAY}",
        None,
    ),
    "minting does not work any more, and the last is about to end": (
        stage(givers=[giver(expires=LATER)]),
        "NoCredential",
        f"{SELECTS}, and gave one that ends at 2026-11-23 03:10:00 UTC, and has no newer one, "
        f"since minting fails: Unreachable: {AWAY}",
        None,
    ),
    "the Pod names the Secret that it is to give": (
        stage(
            own=["regcred"],
            sa=["regcred"],
            secrets={"regcred": MISSING},
            elsewhere={"regcred": ("team-b",)},
            givers=[giver()],
        ),
        "SecretMissing",
        f"{SELECTS}, and has nothing to give, since minting fails: Unreachable: {AWAY}",
        f"bring back what it asks, or the way there from the operator; {BY_ITSELF}: {LOOK}",
    ),
    "its Secret has the login of another": (
        kept(
            giver(Says("False", "Throttled", "later")),
            giver(FINE, name="other", registries=("other.example",)),
            registry="other.example",
            name="other",
        ),
        "NoMatchingRegistry",
        f"{SELECTS}, and has nothing to give, since minting fails: Throttled: later",
        f"the provider wants to be asked less; {BY_ITSELF}: {LOOK}",
    ),
    "somebody else's Secret is in its way": (
        stage(givers=[giver(FINE, failure="Secret team-a/regcred is there already")]),
        "NoCredential",
        f"{SELECTS}, and cannot give it: Secret team-a/regcred is there already",
        f"{LOOK}{AFTER}",
    ),
    "an older one claims it": (
        stage(givers=[giver(FINE, Says("False", "RegistryClaimed", "b is older"))]),
        "NoCredential",
        f"{SELECTS}, and is not ready: RegistryClaimed: b is older",
        f"{LOOK}{AFTER}",
    ),
    "no operator has looked at it": (
        stage(givers=[giver(Says(), Says())]),
        "NoCredential",
        f"{SELECTS}, and says nothing of itself yet",
        f"{RUNS}{AFTER}",
    ),
    "whether it selects the namespace is not known": (
        stage(givers=[giver(selects=None)]),
        "NoCredential",
        "PullCredential github may select the namespace for it, and has nothing to give, since "
        f"minting fails: Unreachable: {AWAY}",
        None,
    ),
    "it lists no registries": (
        stage(givers=[giver(registries=(), kind="dockerConfig")], kind="Node"),
        "NoCredential",
        "PullCredential github selects the namespace and lists no registries, and has nothing to "
        f"give, since its source fails: Unreachable: {AWAY}",
        f"bring back what it asks, or the way there from the operator; {BY_ITSELF}: {LOOK}",
    ),
}


@pytest.mark.parametrize("name", LACKING)
def test_the_login_that_it_is_to_give_is_not_there(name):
    facts, reason, message, hint = LACKING[name]
    (cause,) = diagnose(facts).causes
    assert (cause.reason, cause.mends) == (reason, ())
    assert cause.message.endswith(f"; {message}")
    assert hint in (None, cause.hint)


def test_of_several_the_one_that_fails_and_lists_the_registry_is_named():
    others = [
        giver(registries=(), name="config"),
        giver(selects=None, name="perhaps"),
        giver(FINE, Says("False", "Progressing"), name="slow"),
    ]
    (cause,) = diagnose(stage(givers=[*others, giver()])).causes
    assert SELECTS in cause.message


#: Situation → (facts, reason, the commands, what the hint has).
BESIDE = {
    "its Secret is there, for another registry, and nobody gave it to the Pod": (
        stage(operators="regcred"),
        "NoCredential",
        [f"{LOGIN} --name regcred-login --restart"],
        "",
    ),
    "its Secret has another name": (
        stage(operators="pull"),
        "NoCredential",
        [f"{LOGIN} --restart"],
        "",
    ),
    "it is about to make its Secret, for another registry": (
        stage(givers=[giver(registries=("other.example",))]),
        "NoCredential",
        [f"{LOGIN} --name regcred-login --restart"],
        "",
    ),
    "the same, and the Pod names that": (
        stage(
            own=["regcred"],
            sa=["regcred"],
            secrets={"regcred": MISSING},
            givers=[giver(registries=("other.example",))],
        ),
        "SecretMissing",
        [f"{LOGIN} --name regcred-login --restart"],
        "the operator is to make that Secret",
    ),
    "an ephemeral container": (
        stage(operators="regcred", container="ephemeral container"),
        "NoCredential",
        [f"{LOGIN} --name regcred-login"],
        "",
    ),
    "the list has what is no pull Secret": (
        stage(
            own=["other"],
            template=["other"],
            secrets={"other": OPAQUE},
            operators="regcred",
        ),
        "WrongSecretType",
        [
            f"{LOGIN} --name regcred-login",
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"regcred-login"}]}}}}\'',
        ],
        "",
    ),
    "the Pod has its Secret, for another registry": (
        kept(registry="other.example"),
        "NoMatchingRegistry",
        [],
        "the operator keeps this Secret: add registry.example to a PullCredential",
    ),
    "it does not select the namespace": (
        stage(givers=[giver(FINE, selects=False)]),
        "NoCredential",
        [f"{LOGIN} --restart"],
        "or let PullCredential github select the namespace",
    ),
    "another does not select it": (
        stage(givers=[giver(FINE, selects=False, registries=("other.example",))]),
        "NoCredential",
        [f"{LOGIN} --restart"],
        "",
    ),
    "it is ready, and its Secret could not be seen": (
        stage(givers=[giver(FINE)]),
        "NoCredential",
        [f"{LOGIN} --name regcred-login --restart"],
        "",
    ),
    "no image": (
        stage(image="team/App:1", state="InvalidImageName", givers=[giver()]),
        "BadReference",
        [],
        "",
    ),
    "another's Secret is refused": (
        stage(own=["pull"], sa=["pull"], secrets={"pull": auths()}, givers=[giver()]),
        "Unauthorized",
        [f"{LOGIN} --name pull --adopt"],
        "",
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_login_is_advised_where_regcred_lets_it_in(name):
    facts, reason, commands, hint = BESIDE[name]
    cause = diagnose(facts).causes[0]
    assert cause.reason == reason
    assert [each.command for each in cause.mends] == commands
    assert hint in cause.hint


def test_what_spoils_its_secret_is_for_its_pullcredential():
    hub = {"docker.io": {"auth": ""}, "https://index.docker.io/v1/": {"auth": "YW5uOng="}}
    hides = auths()[0], {".dockerconfigjson": json.dumps({"auths": hub}).encode()}
    for image, secret in (("team/app", hides), (IMAGE, BROKEN_OTHER)):
        facts = stage(
            image=image,
            own=["regcred"],
            sa=["regcred"],
            secrets={"regcred": secret},
            kept={"regcred": "operator"},
            givers=[giver(FINE)],
        )
        assert "the operator keeps" in diagnose(facts).causes[0].hint


def test_what_it_says_of_itself_is_evidence():
    others = [giver(name="no", selects=False), giver(name="else", registries=("other.example",))]
    found = diagnose(kept(giver(expires=AGO), *others)).evidence
    assert [each.fact for each in found if each.source.startswith("PullCredential")] == [
        f"Minted is False since 2026-11-23 02:50:00 UTC: Unreachable: {AWAY}",
        "Ready is True: Ready: 1 namespace has the logins",
        "its credential ends at 2026-11-23 02:50:00 UTC",
    ]
    (one,) = (
        each for each in diagnose(kept(giver(Says(), Says()))).evidence if "kept" in each.fact
    )
    assert "its logins end at 2026-11-23 02:50:00 UTC" in one.fact
    assert "PullCredential" not in repr(diagnose(kept(giver(Says(), Says()))).evidence)
    facts = stage(gave=TWO, ends={"regcred": AGO}, own=["regcred"], secrets={"regcred": auths()})
    assert "the first of its logins ends at 2026-11-23 02:50:00 UTC" in repr(
        diagnose(facts).evidence
    )
    away = stage(image="team/App:1", state="InvalidImageName", givers=[giver()])
    assert "PullCredential" not in repr(diagnose(away).evidence)


def test_a_login_of_a_pod_that_is_made_now_has_ended():
    """The ServiceAccount has got the operator's Secret since."""
    facts = stage(
        sa=["regcred"],
        secrets={"regcred": auths(password="opaque")},
        kept={"regcred": "operator"},
        gave={"regcred": {HOST: "github"}},
        ends={"regcred": AGO},
        operators="regcred",
        givers=[giver()],
    )
    first, second = diagnose(facts).causes
    assert first.message.startswith(ENDED)
    assert second.reason is Reason.POD_OLDER_THAN_ATTACHMENT
