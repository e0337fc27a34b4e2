import base64
import json
import re

import pytest

from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import look_up, report
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.problem import Reason

JSON = "kubernetes.io/dockerconfigjson"
HUB = "https://index.docker.io/v1/"
BAD = {"auth": "hunter2!"}


def login(user="me"):
    return {"auth": base64.b64encode(f"{user}:hunter2".encode()).decode()}


def secret(name="s", **fields):
    """A pull Secret; the entries are keyword arguments, or given by `auths`."""
    auths = fields.pop("auths", {})
    return PullSecret(name, "n", JSON, {".dockerconfigjson": json.dumps({"auths": auths}).encode()})


def lookup(image, *secrets):
    return look_up(Keyring.build(secrets), image)


def reasons(problems):
    return [problem.reason.value for problem in problems]


def only(problems):
    (problem,) = problems
    assert "hunter2" not in repr(problem)
    return problem


def test_a_login_that_is_found():
    found = lookup("gcr.io/x:1", secret(auths={"gcr.io": login()}))
    assert [c.credential.username for c in found.candidates] == ["me"]
    assert (found.problems, found.warnings, found.failed) == ((), (), False)


def test_no_image_reference():
    found = lookup("https://gcr.io/x", secret(auths={"gcr.io": login()}), PullSecret("t", "n"))
    problem = only(found.problems)
    assert (problem.reason, problem.source) == (Reason.BAD_REFERENCE, "")
    assert "it has a scheme" in problem.message
    assert (found.reference, found.candidates, found.failed) == (None, (), True)


@pytest.mark.parametrize("port", ["65536", "99999", "9" * 5000])
def test_a_port_that_there_is_not(port):
    found = lookup(f"gcr.io:{port}/x", secret(auths={"gcr.io": login()}))
    problem = only(found.problems)
    assert problem.reason == Reason.BAD_REFERENCE
    assert "there is no port " in problem.message
    assert (found.reference, found.failed) == (None, True)


@pytest.mark.parametrize("host", ["gcr.io:65535", "gcr.io:0065535", "[::99999]", "[::1]:5000"])
def test_a_port_that_there_is(host):
    assert not lookup(f"{host}/x").failed


@pytest.mark.parametrize(
    ("secrets", "message", "hint"),
    [
        ([], "^no pull Secret is named$", "regcred login gcr.io"),
        ([secret()], "no entry under auths in Secret n/s$", "regcred login gcr.io -n n"),
        (
            [secret(auths={"gcr.io": {"identitytoken": "hunter2"}})],
            "'gcr.io' of Secret n/s matches, but it has only identitytoken, which kubelet ignores",
            "regcred login gcr.io -n n",
        ),
    ],
)
def test_no_credential(secrets, message, hint):
    found = lookup("gcr.io/x", *secrets)
    problem = only(found.problems)
    assert problem.reason == Reason.NO_CREDENTIAL
    assert re.search(message, problem.message)
    assert problem.hint == hint
    assert not found.failed


def test_a_missing_secret_is_the_reason_where_there_is_no_login():
    found = lookup("gcr.io/x", PullSecret("t", "n"))
    assert reasons(found.problems) == ["SecretMissing"]
    found = lookup("gcr.io/x", PullSecret("t", "n"), secret(auths={"quay.io": login()}))
    assert reasons(found.problems) == ["SecretMissing", "NoMatchingRegistry"]
    found = lookup("gcr.io/x", PullSecret("t", "n"), secret(auths={"gcr.io": login()}))
    assert (found.problems, reasons(found.warnings)) == ((), ["SecretMissing"])


def test_a_near_miss_is_the_reason_before_a_missing_secret():
    wrong, near = PullSecret("w", "n", "Opaque", {}), secret(auths={"gcr.io:443": login()})
    found = lookup("gcr.io/x", PullSecret("t", "n"), near, wrong)
    assert reasons(found.problems) == ["WrongSecretType", "NoMatchingRegistry", "SecretMissing"]
    found = lookup("gcr.io/x", PullSecret("t", "n"), near)
    assert reasons(found.problems) == ["NoMatchingRegistry", "SecretMissing"]


def test_the_other_types_form_is_a_wrong_type():
    flat = PullSecret(
        "t", "n", JSON, {".dockerconfigjson": json.dumps({"gcr.io": login()}).encode()}
    )
    problem = only(lookup("gcr.io/x", flat).problems)
    assert (problem.reason, problem.source) == (Reason.WRONG_SECRET_TYPE, "Secret n/t")


def test_the_nearest_key_is_named():
    near = secret("t", auths={"gcr.io:443": login(), "ghcr.io": login()})
    problem = only(lookup("gcr.io/x", secret(auths={"quay.io": login()}), near).problems)
    assert (problem.reason, problem.source) == (Reason.NO_MATCHING_REGISTRY, "Secret n/t")
    assert problem.message == (
        "no entry matches gcr.io/x; the nearest is 'gcr.io:443' of Secret n/t: "
        "the key has port 443 and the image no port; to kubelet no port is not 443"
    )
    assert problem.hint == "regcred login gcr.io -n n, or write gcr.io in place of 'gcr.io:443'"


def test_a_key_that_kubelet_drops_may_be_the_nearest():
    problem = only(lookup("gcr.io/x", secret(auths={"u:hunter2 @gcr.io": login()})).problems)
    assert "the nearest is '***@gcr.io' of Secret n/s: kubelet drops it" in problem.message


def test_where_none_is_near_some_are_listed():
    auths = dict.fromkeys(("quay.io", "a.example", "b.example", "c.example", "d.example"), login())
    problem = only(lookup("gcr.io/x", secret(auths=auths)).problems)
    assert problem.reason == Reason.NO_MATCHING_REGISTRY
    assert problem.message == (
        "no entry is for gcr.io; there are 'quay.io', 'd.example', 'c.example' and 2 more"
    )


def test_a_broken_entry_fails_the_lookup():
    found = lookup("gcr.io/x", secret(auths={"gcr.io": BAD}))
    problem = only(found.problems)
    assert (problem.reason, problem.source) == (Reason.SECRET_MALFORMED, "Secret n/s")
    assert "entry 'gcr.io': auth is not standard base64" in problem.message
    assert problem.hint
    assert (found.candidates, found.failed) == ((), True)


def test_a_broken_entry_of_another_registry_shadows():
    good, bad = secret("t", auths={"gcr.io": login()}), secret(auths={"quay.io": BAD})
    found = lookup("gcr.io/x", good, bad, PullSecret("u", "n"))
    assert reasons(found.problems) == ["Shadowed", "SecretMissing"]
    assert found.problems[0].source == "Secret n/s"
    assert found.problems[0].message.endswith(", and not 'gcr.io' of Secret n/t either")
    assert (found.candidates, found.failed) == ((), True)
    # Images that need no login do not come either, and what else is missing is said at once.
    other = lookup("ghcr.io/x", good, bad)
    assert reasons(other.problems) == ["SecretMalformed", "NoMatchingRegistry"]
    assert "and none for ghcr.io/x either" in other.problems[0].message


def test_the_images_own_broken_entry_comes_first():
    bad = [secret("a", auths={"quay.io": BAD}), secret("b", auths={"gcr.io": BAD})]
    found = lookup("gcr.io/x", *bad)
    assert reasons(found.problems) == ["SecretMalformed", "Shadowed"]
    assert [problem.source for problem in found.problems] == ["Secret n/b", "Secret n/a"]


def test_a_useless_docker_io_shadows_the_last_resort():
    found = lookup("nginx", secret(auths={"docker.io": {}, HUB: login()}))
    problem = only(found.problems)
    assert problem.reason == Reason.SHADOWED
    assert f"'{HUB}' of Secret n/s is never tried" in problem.message
    assert "and 'docker.io' of Secret n/s does, and it has neither username" in problem.message
    assert not found.failed  # kubelet asks without a login
    found = lookup("nginx", secret(auths={"docker.io": {}, HUB: {}}))
    assert reasons(found.problems) == ["NoCredential"]


def test_a_docker_io_of_another_login_hides_the_last_resort():
    found = lookup("nginx", secret(auths={"docker.io": login("a"), HUB: login("b")}))
    assert [c.registry for c in found.candidates] == ["docker.io"]
    assert only(found.warnings).reason == Reason.SHADOWED
    assert lookup("nginx", secret(auths={"docker.io": login(), HUB: login()})).warnings == ()


def test_two_spellings_of_one_registry_have_no_order():
    warning = only(
        lookup(
            "gcr.io/x", secret(auths={"gcr.io": login("a"), "https://gcr.io": login("b")})
        ).warnings
    )
    assert (warning.reason, warning.source) == (Reason.AMBIGUOUS_ORDER, "Secret n/s")
    assert "'gcr.io' of Secret n/s and 'https://gcr.io' beside it" in warning.message


@pytest.mark.parametrize(
    "secrets",
    [
        [secret(auths={"gcr.io": login(), "https://gcr.io": login()})],
        [secret(auths={"gcr.io": login("a")}), secret("t", auths={"https://gcr.io": login("b")})],
        [secret(auths={"gcr.io": login("a"), "gcr.io/x": login("b")})],
    ],
)
def test_where_the_order_is_sure_nothing_is_said(secrets):
    assert lookup("gcr.io/x", *secrets).warnings == ()


def test_an_entry_without_a_login_beside_one_that_has_one():
    found = lookup("gcr.io/x", secret(auths={"gcr.io": login(), "gcr.io/x": {}}))
    assert [c.registry for c in found.candidates] == ["gcr.io/x", "gcr.io"]
    warning = only(found.warnings)
    assert warning.reason == Reason.EMPTY_CREDENTIAL
    assert "'gcr.io/x' of Secret n/s matches too, and it has neither" in warning.message


def test_docker_hubs_login_for_a_host_without_a_dot():
    warning = only(lookup("localhost/x", secret(auths={HUB: login()})).warnings)
    assert warning.reason == Reason.SENT_ELSEWHERE
    assert "sends its login to localhost" in warning.message
    assert lookup("nginx", secret(auths={HUB: login()})).warnings == ()


def test_report():
    keyring = Keyring.build(
        [
            secret(auths={"u:hunter2@gcr.io": login(), "gcr.io/x": {}}),
            PullSecret("t", "n"),
        ]
    )
    document = report(look_up(keyring, image) for image in ("gcr.io/y:1", "gcr.io/x", "nginx", "A"))
    assert "hunter2" not in json.dumps(document)
    first, second, third, fourth = document["images"]
    missing = {
        "reason": "SecretMissing",
        "message": "Secret n/t does not exist, and kubelet passes over it",
        "source": "Secret n/t",
    }
    assert first == {
        "image": "gcr.io/y:1",
        "normalized": "gcr.io/y:1",
        "candidates": [{"registry": "***@gcr.io", "username": "me", "source": "Secret n/s"}],
        "problems": [],
        "warnings": [missing],
    }
    assert [c["username"] for c in second["candidates"]] == ["", "me"]
    assert third["normalized"] == "docker.io/library/nginx"
    assert third["problems"][0] == missing
    assert list(third) == ["image", "normalized", "candidates", "problems"]
    assert (fourth["normalized"], fourth["candidates"]) == ("", [])
