"""Hints name the Secret, the ServiceAccount and the namespace at hand, as commands."""

import base64
import json
from dataclasses import replace

import pytest

from regcred.core.diagnosis.loginhints import Hints
from regcred.core.logins.keyring import Keyring
from regcred.core.logins.lookup import look_up
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.pods.effective import Effective, Given
from regcred.core.pods.podtemplate import PodTemplate
from regcred.core.pods.stuck import StuckPod, Waiting
from regcred.core.problem import Problem, Reason

IMAGE = "gcr.io/p/app:1"
LOGIN = {"auth": base64.b64encode(b"me:hunter2").decode()}
TEMPLATE = PodTemplate("deployment/web", "n", "default", (), ())
LISTED = replace(TEMPLATE, secrets=("own",))
POD = StuckPod("n", "web-1", "u", (IMAGE,), "default", (), None)


def secret(name="own", auths=None, **fields):
    data = {".dockerconfigjson": json.dumps({"auths": auths or {"quay.io": LOGIN}}).encode()}
    return PullSecret(name, "n", "kubernetes.io/dockerconfigjson", data, **fields)


def hints(*secrets, template=TEMPLATE, account="default", machine=False, **fields):
    place = template.namespace if template else "n", account
    own = Effective(secrets, account=place, template=template, **fields)
    return Hints(look_up(Keyring.build(secrets), IMAGE), own, not machine)


def hint(*secrets, **fields):
    """Of the first problem that there is with these Secrets."""
    made = hints(*secrets, **fields)
    return made.of(look_up(Keyring.build(secrets), IMAGE).problems[0])


def test_its_serviceaccount_gets_the_login():
    assert hint() == "regcred login gcr.io -n n"
    assert hint(account="builder") == "regcred login gcr.io -n n --serviceaccount builder"
    assert hint(secret()) == "regcred login gcr.io -n n"
    assert hint(template=None) == "regcred login gcr.io -n n"
    image = PodTemplate("", "", "default", (), ())
    assert hint(template=image) == "regcred login gcr.io"


def test_beside_the_operators_secret_it_has_another_name():
    operators = secret("regcred", kept_by="operator")
    assert hint(operators) == "regcred login gcr.io -n n --name regcred-login"
    assert hint(secret("regcred", kept_by="login")) == "regcred login gcr.io -n n"


def test_pods_that_wait_are_made_anew():
    web = Waiting((POD,), "Deployment", "web")
    assert hint(waiting=web) == "regcred login gcr.io -n n --restart"
    alone = replace(TEMPLATE, object="pod/web-1", exists=True)
    assert hint(template=alone, waiting=Waiting((POD,), "Pod", "web-1")) == (
        "regcred login gcr.io -n n && "
        "kubectl get pod web-1 -n n -o yaml | kubectl replace --force -f -"
    )


def test_a_list_of_its_own_gets_it_into_its_secret():
    adopt = "regcred login gcr.io -n n --name own --adopt"
    assert hint(secret(), template=LISTED) == adopt
    assert hint(secret(kept_by="login"), template=LISTED) == adopt.removesuffix(" --adopt")
    assert "the operator keeps this Secret" in hint(secret(kept_by="operator"), template=LISTED)
    fixed = hint(secret(fixed=True), template=LISTED)
    assert fixed.startswith("kubectl delete secret own -n n && regcred login gcr.io -n n --name ")
    assert hint(PullSecret("own", "n"), template=LISTED) == adopt.removesuffix(" --adopt")
    near = secret(auths={"gcr.io:443": LOGIN})
    assert hint(near, template=LISTED) == f"{adopt}, or write gcr.io in place of 'gcr.io:443'"
    two = PullSecret("gone", "n"), secret()
    nothing = Problem(Reason.NO_MATCHING_REGISTRY, "", "regcred login gcr.io")
    assert hints(*two, template=LISTED).of(nothing) == adopt


def test_a_secret_that_is_missing():
    gone = PullSecret("pull", "n")
    assert hint(gone) == "regcred login gcr.io -n n --name pull"
    said = hint(gone, template=replace(TEMPLATE, file="web.yaml"))
    assert said == (
        "regcred login gcr.io -n n --name pull, or --assume-secret FILE where the deploy brings it"
    )


def missing(name="regcerd", template=LISTED, **fields):
    return hint(PullSecret(name, "n"), template=replace(template, secrets=(name,)), **fields)


def test_one_that_was_meant_by_a_secret_that_is_missing():
    login = "regcred login gcr.io -n n --name regcerd"
    assert missing() == login
    assert missing(others=("other", "regcred")) == (
        f"secret/regcred is there: name that in place of regcerd; or {login}"
    )
    assert missing(others=("other",)) == f"{login}; secret/other is there, to name instead"
    assert missing(others=("a", "b", "c")) == (
        f"{login}; secret/a, secret/b, secret/c are there, to name instead"
    )
    assert missing(others=tuple("abcde")).endswith("secret/c and 2 more are there, to name instead")
    file = replace(LISTED, file="a.yaml")
    assert missing(template=file, others=("regcred",)) == (
        f"secret/regcred is there: name that in place of regcerd; or {login}, or "
        "--assume-secret FILE where the deploy brings it"
    )


def test_the_usual_name_was_meant():
    assert missing("regcred", others=("regcred-old",)) == missing("regcred")


@pytest.mark.parametrize("template", [TEMPLATE, LISTED])
def test_a_secret_that_does_not_decode_is_made_anew(template):
    broken = secret(auths={"gcr.io": {"auth": "?"}})
    assert hint(broken, template=template).startswith(
        "kubectl delete secret own -n n && regcred login gcr.io -n n --name own; what else is in"
    )
    for fields in ({"brought": True}, {"given": Given.FILES}, {"machine": True}):
        mine = {key: value for key, value in fields.items() if key != "brought"}
        there = replace(broken, brought="brought" in fields)
        assert hint(there, template=template, **mine).startswith("auth is the base64 of")


def test_a_secret_that_spoils_another():
    other = secret("other", {"gcr.io": LOGIN})
    broken = secret(auths={"quay.io": {"auth": "?"}})
    assert hint(broken, other).startswith("kubectl delete secret own -n n; what else")
    alone = hint(broken, PullSecret("gone", "n"))
    assert alone.startswith("kubectl delete secret own -n n && regcred login gcr.io -n n --name ")
    kept = replace(broken, kept_by="operator")
    assert hint(kept, other).startswith("the operator keeps")
    assert hint(replace(broken, brought=True), other).startswith("auth is the base64 of")
    shadowed = Problem(Reason.SHADOWED, "", "take x out", "Secret n/other")
    assert hints(other).of(shadowed) == "take x out"


def test_a_secret_of_the_wrong_type():
    wrong = PullSecret("own", "n", "Opaque", {})
    anew = "kubectl delete secret own -n n && regcred login gcr.io -n n --name own; what else"
    assert hint(wrong, template=LISTED).startswith(anew)
    # kubelet passes over it, so that another beside it does.
    assert hint(wrong) == "regcred login gcr.io -n n"
    usual = replace(wrong, name="regcred")
    assert hint(usual).startswith(
        "kubectl delete secret regcred -n n && regcred login gcr.io -n n;"
    )
    assert hint(replace(wrong, brought=True)).startswith("regcred secret own -n n --docker-server=")
    file = PullSecret.of_docker_config(b"{}", "config.json")
    assert "regcred" not in hint(replace(file, data={".dockerconfigjson": b""}), machine=True)


@pytest.mark.parametrize("reason", [Reason.UNAUTHORIZED, Reason.EXPIRED, Reason.FORBIDDEN])
def test_a_login_that_does_not_do(reason):
    own = secret(auths={"gcr.io": LOGIN})

    def said(own=own, **fields):
        return hints(own, **fields).login(reason, own.source)

    assert said() == "regcred login gcr.io -n n"
    assert said(replace(own, kept_by="login")) == "regcred login gcr.io -n n --name own"
    assert said(template=LISTED) == "regcred login gcr.io -n n --name own --adopt"
    assert said(replace(own, brought=True)).startswith(
        "regcred secret own -n n --docker-server=gcr.io --docker-username=USER --password-stdin"
    )
    assert said(replace(own, namespace=""), given=Given.FILES).startswith("regcred secret own --d")
    assert said(machine=True) == "docker login gcr.io"


def test_files_that_are_given():
    image = PodTemplate("", "n", "default", (), ())
    assert hint(secret(), template=image, given=Given.FILES).startswith("regcred secret own -n n ")


def test_nobody_logs_in():
    (problem,) = look_up(Keyring.build(()), IMAGE).problems
    assert hints(given=Given.NOBODY).put_right(problem).message == "no login is given"
    assert hints().put_right(problem).message == "no pull Secret is named"
    said = hint(given=Given.NOBODY)
    assert said.startswith("--docker-config takes")
    assert hint(given=Given.NOBODY, machine=True) == "docker login gcr.io"


def test_what_is_about_no_login_is_left_alone():
    assert hints().of(Problem(Reason.LATEST_TAG, "", "name a version")) == "name a version"
    own = Effective(())
    found = look_up(Keyring.build(()), "no image")
    (problem,) = found.problems
    assert Hints(found, own).of(problem) == problem.hint


def test_what_could_not_be_read():
    assert hints(hints=("grant it", "make it")).unknown() == "grant it; make it"
    assert "--assume-secret FILE" in hints().unknown()
    image = PodTemplate("", "n", "default", (), ())
    assert "--secret-file FILE" in hints(template=image).unknown()
    assert hints(template=image, hints=("grant it",)).unknown() == "grant it"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "regcred inject --secret a --secret b adds them to the list"),
        (replace(LISTED, file="a b.yaml"), "regcred inject --secret a --secret b -f 'a b.yaml' --"),
        (replace(LISTED, file="<stdin>"), "regcred inject --secret a --secret b adds them: put it"),
        (
            LISTED,
            "kubectl patch deployment/web -n n -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"a"},{"name":"b"}]}}}}\'',
        ),
        (
            replace(LISTED, object="job/x"),
            "regcred inject --secret a --secret b adds them to the m",
        ),
    ],
)
def test_a_list_that_cuts_off(template, said):
    assert hints(template=template, cut_off=("a", "b")).cut_off().startswith(said)


def test_the_lookup_of_this_machine():
    found = hints(secret(), machine=True).all_put_right()
    assert [problem.hint for problem in found.problems] == ["docker login gcr.io"]
    fine = hints(secret(auths={"gcr.io": LOGIN}))
    assert fine.all_put_right().problems == ()
