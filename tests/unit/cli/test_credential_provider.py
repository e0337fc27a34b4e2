"""``regcred credential-provider`` as kubelet runs it: a request in, an answer out."""

import json

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred.core.logins import credentialprovider
from regcred.core.operator.sourcekinds import IDENTITY_KINDS
from tests.support.cli import run_regcred
from tests.support.providers.oidc import Issuer, subject
from tests.support.providers.programs import Programs
from tests.support.providers.quay import Quay
from tests.support.providers.serving import Clock, nobody, serve

CRD = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"
VERB = "credential-provider"
V1 = credentialprovider.API_VERSIONS[0]
ROBOT, IMAGE = "acme+puller", "quay.io/acme/app"
FLAGS = (VERB, "--from=quay", f"--set=robot={ROBOT}")


def asked(token=None, **change):
    more = {"serviceAccountToken": token} if token else {}
    return json.dumps(json.loads(credentialprovider.request(IMAGE, V1)) | more | change).encode()


def refused(*arguments, stdin=b"", code=2, hides=(), **options):
    done = run_regcred(*arguments, stdin=stdin, check=code, **options)
    assert done.stdout == b""
    said = done.stderr.decode()
    assert "hint: " in said
    assert not [each for each in hides if each in said]
    return said


@pytest.fixture
def issuer():
    made = Issuer(Clock())
    with serve(made.app) as served:
        made.url = served.url
        yield made


@pytest.fixture
def quay(issuer):
    made = Quay(Clock())
    robot = made.add(ROBOT)
    robot.issuer, robot.subject, robot.audience = issuer.url, subject("shop"), "quay.io"
    with serve(made.app) as made.served:
        yield made


def test_the_pods_own_token_is_shown_and_its_login_is_the_answer(quay, issuer):
    token = issuer.token("shop", "quay.io")
    done = run_regcred(*FLAGS, f"--set=url={quay.served.url}", stdin=asked(token))
    found = credentialprovider.read(done.stdout, V1)
    login = found.login("quay.io", IMAGE)
    assert quay.accepts(login.username, login.password.reveal())
    assert 2300 < found.seconds <= 2400  # two thirds of an hour
    assert done.stderr == b""


def test_a_pod_that_may_not_gets_none(quay, issuer):
    token = issuer.token("other", "quay.io")
    flags = (*FLAGS, f"--set=url={quay.served.url}")
    said = refused(*flags, stdin=asked(token), code=1, hides=[token])
    assert "Token does not match robot" in said


def test_a_source_needs_no_token(tmp_path):
    Programs(tmp_path).helper("docker-credential-x", {"quay.io": ("me", "hush")})
    flags = ("--from=exec", "--set=command=docker-credential-x", "--set=protocol=CredentialHelper")
    done = run_regcred(VERB, *flags, stdin=asked(), env={"PATH": str(tmp_path)})
    found = credentialprovider.read(done.stdout, V1)
    assert [(c.registry, c.username, c.password.reveal()) for c in found.credentials] == [
        ("quay.io", "me", "hush")
    ]
    assert found.seconds is None


def test_the_answer_is_of_the_version_that_was_asked(tmp_path):
    Programs(tmp_path).helper("docker-credential-x", {"quay.io": ("me", "hush")})
    flags = ("--from=exec", "--set=command=docker-credential-x", "--set=protocol=CredentialHelper")
    version = credentialprovider.API_VERSIONS[1]
    request = asked(apiVersion=version)
    done = run_regcred(VERB, *flags, stdin=request, env={"PATH": str(tmp_path)})
    assert credentialprovider.read(done.stdout, version).credentials


@pytest.mark.parametrize(
    ("stdin", "why"),
    [
        (b"", "it is not JSON"),
        (asked(kind="Pod"), "not of the kind CredentialProviderRequest"),
        (asked(apiVersion="v2"), "its apiVersion is none of"),
        (b" " * 2_000_000 + asked(), "it is not JSON"),
    ],
)
def test_what_kubelet_never_asks(stdin, why):
    assert why in refused(*FLAGS, stdin=stdin)


def test_an_image_that_is_none():
    assert "QUAY.IO/A B" in refused(*FLAGS, stdin=asked(image="QUAY.IO/A B"))


@pytest.mark.parametrize("token", ["hush-no-token", "e30.e30.e30"])
def test_a_token_that_is_of_no_serviceaccount(token):
    assert "no token of a ServiceAccount" in refused(*FLAGS, stdin=asked(token), hides=[token])


@pytest.mark.parametrize("audience", ["https://kubernetes.default.svc", None])
def test_a_token_that_is_for_the_cluster_is_shown_to_nobody(audience, issuer):
    token = issuer.token("shop", audience or issuer.url)
    assert "for the cluster itself" in refused(*FLAGS, stdin=asked(token), hides=[token])


def test_a_token_for_several_is_shown_to_none_of_them(issuer):
    token = issuer.token("shop", ["quay.io", issuer.url])
    assert "no token of a ServiceAccount" in refused(*FLAGS, stdin=asked(token), hides=[token])


def test_a_source_that_takes_no_token_is_not_asked_as_the_node(issuer, tmp_path):
    Programs(tmp_path).helper("docker-credential-x", {"quay.io": ("me", "hush")})
    flags = ("--from=exec", "--set=command=docker-credential-x", "--set=protocol=CredentialHelper")
    token, env = issuer.token("shop", "quay.io"), {"PATH": str(tmp_path)}
    said = refused(VERB, *flags, stdin=asked(token), hides=[token], env=env)
    assert "takes no token" in said


def test_the_sources_that_take_a_token_are_those_with_an_identity():
    crd = yaml.safe_load(CRD.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    kinds = schema["properties"]["source"]["properties"]
    having = {kind for kind, each in kinds.items() if "identity" in each.get("properties", {})}
    assert having == set(IDENTITY_KINDS)


@pytest.mark.parametrize("kind", ["gitlab", "harbor"])
def test_accounts_that_nobody_would_take_back_are_not_made(kind):
    assert "PullCredential" in refused(VERB, f"--from={kind}", stdin=asked())


def test_standard_input_is_the_request():
    flags = (*FLAGS, "--secret-file=token=-")
    assert "cannot be standard input" in refused(*flags, stdin=asked())


def test_a_provider_that_is_not_there(issuer):
    token = issuer.token("shop", "quay.io")
    with nobody() as address:
        flags = (*FLAGS, f"--set=url=http://{address}")
        said = refused(*flags, stdin=asked(token), code=3, hides=[token])
    assert address in said
