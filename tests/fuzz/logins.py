"""Targets for documents with logins: docker configs, Secrets, helpers, plugins, keys."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress

from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    CredentialHelperFailed,
    InvalidDockerConfig,
    InvalidInput,
    InvalidRegistry,
    UndecodableDockerConfig,
    UselessDockerConfig,
)
from regcred.core.formats.gojsonread import NotJSON, read
from regcred.core.logins import credentialprovider, gcpkey, helperlogin
from regcred.core.logins.clientconfig import parse_client_config
from regcred.core.logins.dockerconfig import parse_dockercfg, parse_dockerconfigjson
from regcred.core.logins.registrykey import parse_registry
from regcred.core.namespace.statussecret import see_secret
from regcred.kube import execplugin
from regcred.kube.entries import ExecPlugin
from tests.fuzz.target import CANARY, Refused, hidden_in, refusing, target, text_of

_WORDS = (
    '"auths":{ "https://r.example.com": "auth": "bWU6aHVudGVyMg==" "username": "password": '
    '"identitytoken": "email": "Auths" "credHelpers":{ "credsStore": \\ud800 } , :'
)


@target(
    "docker-config",
    words=_WORDS,
    pumped=(
        ('{"auths":{"a":{}', ',"b":{}', "}}"),
        ("", "[", ""),
        ('{"auths":{"a":{"auth":"', "YTpi", '"}}}'),
        ('{"auths":{"a":{"username":"', "\\u0041", '"}}}'),
    ),
)
def docker_config(data: bytes) -> None:
    """Both forms are read alike, written as they were read, and no error shows a value."""
    secret = hidden_in(data)
    with refusing(UndecodableDockerConfig, secret=secret):
        found = parse_dockerconfigjson(data, source="it")
    again = parse_dockerconfigjson(found.to_json(), source="it")
    assert again.entries == found.entries
    assert again.others.keys() == found.others.keys()
    with suppress(Refused), refusing(UselessDockerConfig, secret=secret):
        found.require_usable("it")
    flat = ",".join(f"{json.dumps(key)}:{entry.raw}" for key, entry in found.items())
    same = parse_dockercfg(f"{{{flat}}}".encode("utf-8", "surrogateescape"), source="it")
    assert dict(same) == dict(found)
    added = found.with_credential(Credential("added.example.com", "me", Password("pw")))
    assert added.without("added.example.com").entries == found.without("added.example.com").entries


@target("client-config", words=_WORDS + ' "ecr-login" "../x" "desktop"')
def client_config(data: bytes) -> None:
    """The helper that docker's configuration names is a program's name and never a path."""
    with refusing(InvalidDockerConfig, secret=hidden_in(data)):
        found = parse_client_config(data, source="it")
    for name in (*found.cred_helpers.values(), found.creds_store):
        assert re.fullmatch(r"[A-Za-z0-9_.-]*", name)
    for registry in ("r.example.com", "docker.io", "localhost:5000"):
        helper, server = found.helper(registry)
        assert server
        assert helper in ("", found.creds_store, *found.cred_helpers.values())
        found.entry(registry)


@target("secret", words=_WORDS + ' {"metadata": "type":"kubernetes.io/dockercfg" "data": a: =')
def secret(data: bytes) -> None:
    """Whatever anybody has put into a Secret is seen, and its report shows no password."""
    for kind, key in (
        ("kubernetes.io/dockerconfigjson", ".dockerconfigjson"),
        ("kubernetes.io/dockercfg", ".dockercfg"),
    ):
        obj = {
            "metadata": {"name": "regcred", "namespace": "a"},
            "type": kind,
            "data": {key: base64.b64encode(data).decode()},
        }
        seen = see_secret(obj)
        hidden = hidden_in(data)
        assert not hidden or hidden not in repr(seen)
        assert (seen.reason is None) == (not seen.message)
        assert len(seen.message) <= 8_000


@target("helper", words='"ServerURL": "Username": "Secret": "<token>" "hunter2" { } : ,')
def helper(data: bytes) -> None:
    """What a credential helper prints is a login, or not; what it says is no login of another."""
    helperlogin.is_not_found(data)
    with refusing(NotJSON, secret=CANARY):
        document = read(data)
    if document.kind == "an object":
        username, password = helperlogin.login(document)
        assert isinstance(username, str)
        assert repr(password) == repr(Password("another"))


_VERSION = credentialprovider.API_VERSIONS[0]


@target(
    "provider",
    words='"kind":"CredentialProviderResponse" "cacheKeyType":"Image" "cacheDuration":"10m0s" '
    '"auth":{ "username": "password": "*.example.com" null 0s',
)
def provider(data: bytes) -> None:
    """What a kubelet plugin prints gives logins for registries alone, in kubelet's order."""
    with refusing(credentialprovider.BadResponse, secret=hidden_in(data)):
        found = credentialprovider.read(data, _VERSION)
    assert found.seconds is None or found.seconds > 0
    indexes = []
    for each in found.credentials:
        assert each.username
        assert each.password
        indexes.append(parse_registry(each.registry).index.encode("utf-8", "surrogatepass"))
    assert indexes == sorted(indexes, reverse=True)
    with suppress(InvalidRegistry):
        found.login("r.example.com", "r.example.com/app")


_PLUGIN = ExecPlugin(command="plugin", api_version="client.authentication.k8s.io/v1")


@target(
    "exec-credential",
    words='"kind":"ExecCredential" "status":{ "token": "expirationTimestamp": '
    '"clientCertificateData": "clientKeyData": &a *a << : - !!binary 2026-01-01T00:00:00Z',
)
def exec_credential(data: bytes) -> None:
    """What an exec plugin of a kubeconfig prints is fit for a header, or refused unseen."""
    with refusing(CredentialHelperFailed, secret=hidden_in(data)):
        found = execplugin.parse(data, _PLUGIN)
    assert found.token or (found.certificate and found.key)
    assert not re.search(r"[\r\n\x00]", found.token.reveal())


@target("gcp-key", words='"type":"service_account" "client_email": "private_key": authorized_user')
def gcp_key(data: bytes) -> None:
    """A Google key becomes a password byte for byte, or is refused unseen."""
    with refusing(InvalidInput, secret=CANARY, hints=True):
        (found,) = gcpkey.credentials(data, ["asia.gcr.io"], source="key.json")
    assert found.password.reveal() == text_of(data).rstrip("\n")
    assert CANARY not in repr(found)
