import base64
import json
import re
import socket
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from regcred.core.credential import Password
from regcred.kube import failures
from regcred.kube.auth import Proof
from regcred.kube.config import Auth, ClusterConfig
from regcred.kube.entries import ExecPlugin

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CONFIG = ClusterConfig(
    server="https://api:6443",
    source="context 'x' of /k",
    auth=Auth(whose="user 'u'", token=Password("t")),
)


def hint(status: int, message: str, config: ClusterConfig = CONFIG, proof: Proof | None = None):
    proof = proof or Proof(authorization="Bearer hunter2")
    return failures.hint(status, {"message": message}, config, proof, NOW.timestamp())


def certificate(begin: datetime, end: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "u")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM)


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"Bearer e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("denied", "check", "cure"),
    [
        (
            'secrets is forbidden: User "ann" cannot create resource "secrets" in API group ""'
            ' in the namespace "team-a"',
            "kubectl auth can-i create secrets -n team-a",
            "kubectl create role regcred-create-secrets --verb=create --resource=secrets -n team-a"
            " && kubectl create rolebinding regcred-create-secrets --role=regcred-create-secrets"
            " --user=ann -n team-a",
        ),
        (
            'secrets "regcred" is forbidden: User "ann" cannot get resource "secrets" in API'
            ' group "" in the namespace "team-a"',
            "kubectl auth can-i get secrets/regcred -n team-a",
            "kubectl create role regcred-get-secrets --verb=get --resource=secrets"
            " --resource-name=regcred -n team-a"
            " && kubectl create rolebinding regcred-get-secrets --role=regcred-get-secrets"
            " --user=ann -n team-a",
        ),
        (
            'deployments.apps is forbidden: User "system:serviceaccount:ci:deployer" cannot list'
            ' resource "deployments" in API group "apps" at the cluster scope',
            "kubectl auth can-i list deployments.apps -A",
            "kubectl create clusterrole regcred-list-deployments --verb=list"
            " --resource=deployments.apps && kubectl create clusterrolebinding"
            " regcred-list-deployments --clusterrole=regcred-list-deployments"
            " --serviceaccount=ci:deployer",
        ),
        (
            'x is forbidden: User "a; rm -rf /" cannot get resource "pods/log" in API group ""'
            ' in the namespace "n"',
            "kubectl auth can-i get pods --subresource=log -n n",
            "--user='a; rm -rf /' -n n",
        ),
    ],
)
def test_a_missing_right_is_named_with_the_commands_that_check_and_grant_it(denied, check, cure):
    # The end of the name tells roles of other rights, or of other people, apart.
    said = re.sub(r"(regcred-[a-z-]+)-[0-9a-f]{8}\b", r"\1", hint(403, denied))
    assert check in said
    assert said.endswith(cure)


def test_other_refusals_have_no_such_cure():
    assert hint(403, 'pods "p" is forbidden: exceeded quota: q') == ""


def test_nobody_has_no_rights():
    anonymous = ClusterConfig(server="https://api", source="context 'x' of /k")
    said = 'x: User "system:anonymous" cannot get resource "pods" in API group ""'
    assert hint(403, said, anonymous) == "context 'x' of /k holds no credential"


def test_a_namespace_that_is_not_there():
    assert hint(404, 'namespaces "team-a" not found') == (
        "see kubectl get namespaces; kubectl create namespace team-a makes it"
    )
    assert hint(404, 'secrets "s" not found') == ""


def test_an_expired_client_certificate():
    old = certificate(NOW - timedelta(days=9), NOW - timedelta(days=1))
    said = hint(401, "Unauthorized", proof=Proof(certificate=old))
    assert said.startswith("the client certificate of user 'u' expired on 2026-05-31 00:00 UTC")
    new = certificate(NOW + timedelta(days=1), NOW + timedelta(days=9))
    said = hint(401, "Unauthorized", proof=Proof(certificate=new))
    assert "is not valid before 2026-06-02" in said
    good = certificate(NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert "rejects the client certificate" in hint(401, "", proof=Proof(certificate=good))
    assert "rejects the client certificate" in hint(401, "", proof=Proof(certificate=b"rubbish"))


def test_an_expired_token():
    gone = jwt({"exp": (NOW - timedelta(hours=1)).timestamp()})
    assert "expired on 2026-05-31 23:00 UTC" in hint(401, "", proof=Proof(gone))


@pytest.mark.parametrize(
    "header",
    [
        "Bearer hunter2",
        "Bearer a.b.c",
        "Bearer a.é.c",
        jwt({}),
        jwt([]),
        jwt({"exp": "soon"}),
        jwt({"exp": 1e300}),
        jwt({"exp": (NOW + timedelta(hours=1)).timestamp()}),
    ],
)
def test_a_rejected_token_is_not_shown(header):
    said = hint(401, "Unauthorized", proof=Proof(header))
    assert said == (
        "the API server rejects the token of user 'u'; get a new credential for context 'x' of /k"
    )


def test_other_rejected_credentials():
    assert "username and password" in hint(401, "", proof=Proof("Basic eDp5"))
    plugin = ClusterConfig(server="https://api", auth=Auth(exec=ExecPlugin(command="aws")))
    assert "the token that aws gave" in hint(401, "", plugin)
    assert hint(401, "", proof=Proof()) == "context 'x' of /k holds no credential"
    plain = ClusterConfig(server="http://api")
    assert "plain HTTP" in hint(401, "", plain, Proof())


def test_plain_http_to_a_tls_port():
    plain = ClusterConfig(server="http://api")
    assert "https://" in failures.hint(400, {}, plain, Proof(), 0)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError(), "no answer within 5 s"),
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there"),
        (OSError(113, "Connect call failed ('10.0.0.1', 6443)"), "no route to host"),
        (OSError("odd"), "the connection broke"),
    ],
)
def test_no_answer(error, says):
    made = failures.unreachable(error, CONFIG, 5)
    assert f"cannot reach the API server https://api:6443: {says}" in made.message
    assert "context 'x' of /k" in made.hint
    assert made.exit_code == 3


def test_a_token_that_is_nested_too_deeply_is_just_a_token():
    payload = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    plain = hint(401, "Unauthorized", proof=Proof(authorization="Bearer x"))
    proof = Proof(authorization=f"Bearer e30.{payload}.c2ln")
    assert hint(401, "Unauthorized", proof=proof) == plain
