import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from regcred.core.diagnosis.verdict import Outcome, Verdict, combine, judge, skipped, tries
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import look_up
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.pods.effective import Effective
from regcred.core.pods.stuck import StuckPod, Waiting
from regcred.core.problem import Reason
from regcred.core.registry.answer import REASONS, Answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IMAGE = "gcr.io/p/app:1"
OK = Answer(Reason.OK, "", digest="sha256:d", chosen="linux/amd64")


def login(user="me", password="hunter2"):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def secret(name="s", **auths):
    auths = {key.replace("_", "."): entry for key, entry in auths.items()}
    data = {".dockerconfigjson": json.dumps({"auths": auths}).encode()}
    return PullSecret(name, "n", "kubernetes.io/dockerconfigjson", data)


def no(reason, **fields):
    return Answer(reason, f"it says {reason}", **fields)


def verdict(*answers, secrets=(), image=IMAGE, unknown=(), cut_off=(), machine=False):
    """The verdict where the registry gives these answers to what is tried, in order."""
    own = Effective(tuple(secrets), tuple(unknown), tuple(cut_off), ("n", "default"))
    lookup = look_up(Keyring.build(own.secrets), image)
    asked = tries(lookup)
    assert len(answers) <= len(asked)
    made = judge(lookup, dict(zip(asked, answers, strict=False)), own, NOW, secrets=not machine)
    assert "hunter2" not in repr(made)
    return made


def reasons(problems):
    return [str(problem.reason) for problem in problems]


def expiring(when):
    claims = json.dumps({"exp": when.timestamp()}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.hunter2"


def test_what_is_tried():
    def tried(*secrets, image=IMAGE):
        found = tries(look_up(Keyring.build(secrets), image))
        return [credential and credential.username for credential in found]

    assert tried() == [None]
    assert tried(secret(gcr_io=login("a")), secret("t", gcr_io=login("b"))) == ["a", "b"]
    assert tried(secret(gcr_io=login("a"), **{"gcr.io/p": login("a")})) == ["a"]
    assert tried(secret(gcr_io={}), secret("t", gcr_io=login("b"))) == [None, "b"]
    assert tried(secret(gcr_io={"auth": "?"})) == []
    assert tried(image="no image") == []


@pytest.mark.parametrize(
    "entry", [{"identitytoken": "hunter2"}, {"auth": "bWU6", "identitytoken": "hunter2"}]
)
def test_an_identity_token_of_this_machine(entry):
    content = json.dumps({"auths": {"gcr.io": entry}}).encode()
    own = [PullSecret.of_docker_config(content, "config.json", identity_tokens=True)]
    (asked,) = tries(look_up(Keyring.build(own), IMAGE))
    assert (asked.username, asked.password.reveal()) == ("", "hunter2")
    made = verdict(OK, secrets=own, machine=True)
    assert (made.outcome, made.message) == (
        Outcome.OK,
        "an identity token, 'gcr.io' of config.json",
    )
    (warning,) = made.warnings
    assert (warning.reason, warning.source) == (Reason.IDENTITY_TOKEN, "config.json")
    assert "no node can pull" in warning.message
    refused = verdict(no(Reason.UNAUTHORIZED), secrets=own, machine=True)
    assert refused.reason == Reason.UNAUTHORIZED
    assert reasons(refused.warnings) == ["IdentityToken"]
    # To kubelet it is nothing, or a login with an empty password.
    own = [PullSecret.of_docker_config(content, "config.json")]
    (asked,) = tries(look_up(Keyring.build(own), IMAGE))
    assert asked is None or (asked.username, asked.password.reveal()) == ("me", "")
    assert reasons(verdict(OK, secrets=own).warnings) == []


def test_a_login_that_works():
    made = verdict(OK, secrets=[secret(gcr_io=login())])
    assert (made.outcome, made.reason) == (Outcome.OK, Reason.OK)
    assert made.message == "user me, 'gcr.io' of Secret n/s"
    assert made.candidate is not None
    assert made.candidate.source == "Secret n/s"
    assert (made.digest, made.platforms, made.warnings) == ("sha256:d", ("linux/amd64",), ())


def test_no_login_is_needed():
    made = verdict(Answer(Reason.OK, ""), secrets=[PullSecret("gone", "n")])
    assert (made.outcome, made.message, made.candidate) == (Outcome.OK, "needs no login", None)
    assert reasons(made.warnings) == ["SecretMissing"]
    assert made.platforms == ()
    assert verdict(OK).warnings == ()


def test_an_entry_without_a_login_may_do():
    made = verdict(OK, secrets=[secret(gcr_io={})])
    assert (made.outcome, made.message, made.candidate) == (Outcome.OK, "needs no login", None)


def test_the_second_login_works():
    secrets = [secret(gcr_io=login("a")), secret("t", gcr_io=login("b"))]
    made = verdict(no(Reason.UNAUTHORIZED), OK, secrets=secrets)
    assert made.outcome is Outcome.OK
    assert made.message == "user b, 'gcr.io' of Secret n/t"
    assert verdict(OK, secrets=secrets).message == "user a, 'gcr.io' of Secret n/s"


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ([], "NoCredential"),
        ([secret()], "NoCredential"),
        ([secret(gcr_io={"identitytoken": "x"})], "NoCredential"),
        ([secret(quay_io=login())], "NoMatchingRegistry"),
        ([PullSecret("gone", "n")], "SecretMissing"),
        ([PullSecret("s", "n", "Opaque", {})], "WrongSecretType"),
    ],
)
def test_why_there_is_no_login(secrets, reason):
    made = verdict(no(Reason.UNAUTHORIZED), secrets=secrets)
    assert (made.outcome, str(made.reason)) == (Outcome.FAIL, reason)
    assert made.message.endswith("; it says Unauthorized")
    assert made.hint


def test_several_reasons_why_there_is_no_login():
    secrets = [PullSecret("gone", "n"), secret("t", quay_io=login())]
    made = verdict(no(Reason.FORBIDDEN), secrets=secrets)
    assert str(made.reason) == "SecretMissing"
    assert reasons(made.warnings) == ["NoMatchingRegistry"]


def test_kubelet_gives_up_before_it_asks():
    secrets = [secret(quay_io={"auth": "?"}), secret("t", gcr_io=login())]
    made = verdict(secrets=secrets)
    assert (made.outcome, made.reason) == (Outcome.FAIL, Reason.SHADOWED)
    made = verdict(secrets=[secret(gcr_io={"auth": "?"}), PullSecret("gone", "n")])
    assert made.reason is Reason.SECRET_MALFORMED
    assert reasons(made.warnings) == ["SecretMissing"]
    assert verdict(image="no image").reason is Reason.BAD_REFERENCE


@pytest.mark.parametrize("reason", [Reason.UNAUTHORIZED, Reason.FORBIDDEN])
def test_a_login_that_does_not_do(reason):
    made = verdict(no(reason), secrets=[secret(gcr_io=login())])
    assert (made.outcome, made.reason) == (Outcome.FAIL, reason)
    assert made.message == f"'gcr.io' of Secret n/s: it says {reason}"
    assert made.hint == "regcred login gcr.io -n n"
    assert (
        verdict(no(reason), secrets=[secret(gcr_io=login())], machine=True).hint
        == "docker login gcr.io"
    )
    made = verdict(no(reason, hint="do"), secrets=[secret(gcr_io=login())])
    assert made.hint == "do; regcred login gcr.io -n n"


def test_hints_name_the_namespace():
    hint = "regcred login gcr.io -n n"
    assert verdict(no(Reason.UNAUTHORIZED)).hint == hint
    near = verdict(no(Reason.UNAUTHORIZED), secrets=[secret(**{"gcr.io:443": login()})])
    assert near.hint == f"{hint}, or write gcr.io in place of 'gcr.io:443'"
    assert verdict(no(Reason.UNAUTHORIZED), machine=True).hint == "docker login gcr.io"
    gone = verdict(no(Reason.UNAUTHORIZED), secrets=[PullSecret("gone", "n")])
    assert gone.hint.endswith("or --assume-secret FILE where the deploy brings it")
    own = Effective(())
    made = judge(look_up(Keyring.build(()), IMAGE), {None: no(Reason.UNAUTHORIZED)}, own, NOW)
    assert made.hint == "regcred login gcr.io"


def test_the_most_telling_answer():
    secrets = [secret(str(n), gcr_io=login(str(n))) for n in range(3)]
    answers = [no(Reason.UNAUTHORIZED), no(Reason.NOT_FOUND), no(Reason.FORBIDDEN)]
    made = verdict(*answers, secrets=secrets)
    assert made.reason is Reason.NOT_FOUND
    assert made.message.startswith("'gcr.io' of Secret n/1: it says NotFound (none of the 3 ")
    assert made.candidate is not None
    assert made.candidate.source == "Secret n/1"


@pytest.mark.parametrize("reason", sorted(REASONS - {Reason.OK}))
def test_every_answer_makes_a_verdict(reason):
    secrets = [secret(gcr_io=login("a")), secret("t", gcr_io=login("b"))]
    made = verdict(no(reason), no(Reason.UNREACHABLE), secrets=secrets)
    assert (made.outcome, made.reason) == (Outcome.FAIL, reason)


@pytest.mark.parametrize(
    "reason",
    [Reason.NOT_FOUND, Reason.PLATFORM_MISSING, Reason.RATE_LIMITED, Reason.UNREACHABLE],
)
def test_answers_that_are_not_about_the_login(reason):
    made = verdict(no(reason, hint="do", platforms=("linux/arm64",)))
    assert (made.outcome, made.reason, made.hint) == (Outcome.FAIL, reason, "do")
    assert (made.message, made.platforms) == (f"it says {reason}", ("linux/arm64",))
    perhaps = reason in (Reason.NOT_FOUND, Reason.RATE_LIMITED)
    assert reasons(made.warnings) == ["NoCredential"] * perhaps
    assert verdict(no(reason), secrets=[secret(gcr_io=login())]).warnings == ()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (OK, "ok"),
        (no(Reason.UNAUTHORIZED), "unknown"),
        (no(Reason.FORBIDDEN), "unknown"),
        (no(Reason.NOT_FOUND), "unknown"),
        (no(Reason.RATE_LIMITED), "unknown"),
        (no(Reason.UNREACHABLE), "fail"),
        (no(Reason.PLATFORM_MISSING), "fail"),
    ],
)
def test_what_could_not_be_read(answer, outcome):
    made = verdict(answer, unknown=["secret/a in n"])
    assert str(made.outcome) == outcome
    if outcome == "unknown":
        assert made.reason is Reason.UNKNOWN
        assert made.message.startswith("not known: secret/a in n; without that: ")
        assert "--assume-secret FILE" in made.hint
    assert "is named" not in repr(made)


def test_what_is_known_is_said_beside_what_could_not_be_read():
    secrets = [secret(quay_io=login())]
    made = verdict(no(Reason.UNAUTHORIZED), secrets=secrets, unknown=["secret/a in n"])
    assert made.outcome is Outcome.UNKNOWN
    assert "without that: no entry is for gcr.io" in made.message


def test_what_could_not_be_read_does_not_mend_what_is_broken():
    broken = secret(gcr_io={"auth": "?"})
    assert verdict(secrets=[broken], unknown=["secret/a in n"]).outcome is Outcome.FAIL


@pytest.mark.parametrize("reason", [Reason.UNAUTHORIZED, Reason.FORBIDDEN])
def test_a_login_that_has_expired(reason):
    password = expiring(NOW - timedelta(hours=1))
    secrets = [secret(gcr_io=login(password=password))]
    made = verdict(no(reason), secrets=secrets)
    assert made.reason is Reason.EXPIRED
    assert made.message.endswith("; the login expired on 2025-12-31 23:00 UTC")
    assert made.hint == "regcred login gcr.io -n n"
    assert verdict(no(Reason.NOT_FOUND), secrets=secrets).reason is Reason.NOT_FOUND


@pytest.mark.parametrize(("hours", "warned"), [(23, ["ExpiresSoon"]), (25, [])])
def test_a_login_that_will_expire(hours, warned):
    secrets = [secret(gcr_io=login(password=expiring(NOW + timedelta(hours=hours))))]
    assert reasons(verdict(OK, secrets=secrets).warnings) == warned
    for reason in (Reason.UNAUTHORIZED, Reason.FORBIDDEN):
        assert verdict(no(reason), secrets=secrets).reason is reason


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("gcr.io/p/app", "gcr.io/p/app has no tag, which means latest"),
        ("gcr.io/p/app:latest", "gcr.io/p/app:latest has the tag latest"),
        (f"gcr.io/p/app@sha256:{'a' * 64}", ""),
    ],
)
def test_images_that_may_change(image, said):
    warnings = verdict(OK, image=image).warnings
    assert [warning.message.partition(": what")[0] for warning in warnings] == [said][: bool(said)]
    assert reasons(warnings) == ["LatestTag"][: bool(said)]


def test_a_list_that_cuts_off():
    (warning,) = verdict(OK, cut_off=["a", "b"]).warnings
    assert str(warning.reason) == "CutsOffServiceAccount"
    assert "does not get a, b of serviceaccount/default in n" in warning.message
    assert warning.source == "ServiceAccount n/default"
    own = Effective((), (), ("a",), ("", "default"))
    lookup = look_up(Keyring.build(()), IMAGE)
    (warning,) = judge(lookup, {None: OK}, own, NOW).warnings
    assert warning.source == "ServiceAccount default"
    assert "of serviceaccount/default" in warning.message


def test_pods_that_are_older_than_the_login():
    def pod(name, *secrets, image=IMAGE):
        return StuckPod("n", name, name, (image,), "default", secrets, None)

    working = (secret(gcr_io=login()),)

    def warnings(*pods, secrets=working):
        own = Effective(secrets, waiting=Waiting(pods, "Deployment", "web"))
        lookup = look_up(Keyring.build(own.secrets), IMAGE)
        return judge(lookup, dict.fromkeys(tries(lookup), OK), own, NOW).warnings

    (warning,) = warnings(pod("a"), pod("b", "s"), pod("c", image="other"))
    assert warning.reason is Reason.POD_OLDER_THAN_ATTACHMENT
    assert warning.message.startswith("a Pod waits for it: it was made without Secret n/s, ")
    assert warning.message.endswith("(pod/a)")
    assert warning.hint == "kubectl rollout restart deployment/web -n n"
    (warning,) = warnings(pod("a"), pod("b", "x"))
    assert warning.message.startswith("Pods wait for it: they were made without ")
    assert warnings(pod("b", "s")) == ()
    # The login is not what they wait for.
    assert warnings(pod("a"), secrets=(secret(gcr_io={}),)) == ()
    assert warnings(pod("a"), secrets=()) == ()


def test_several_platforms():
    arm = Verdict(Outcome.OK, Reason.OK, "", platforms=("linux/arm64",))
    amd = Verdict(Outcome.OK, Reason.OK, "", platforms=("linux/amd64", "linux/arm64"))
    bad = Verdict(Outcome.FAIL, Reason.PLATFORM_MISSING, "")
    assert combine([arm, amd]).platforms == ("linux/arm64", "linux/amd64")
    assert combine([arm, bad, amd]) is bad


def test_never_pulled():
    made = skipped()
    assert (made.outcome, made.reason) == (Outcome.SKIPPED, Reason.NEVER_PULLED)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_password_with_a_line_end(end):
    made = verdict(
        no(Reason.UNAUTHORIZED), secrets=[secret(gcr_io=login(password=f"hunter2{end}"))]
    )
    assert reasons(made.warnings) == ["LineEndInPassword"]
