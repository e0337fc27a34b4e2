"""The commands with ``--from`` of the pages of providers, run against providers of our own.

With `secret`, which needs no cluster; what follows ``--from`` stands as it is on the page, and of
those that may have an address of their own that is given besides. Google, Azure, AWS and Docker Hub
have fixed ones: there it is the minters' tests that ask, and the page's words are parsed.
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization

from tests.support import sourcespage
from tests.support.cli import run_regcred
from tests.support.providers.github import GitHub, Installation
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.harbor import Harbor, User
from tests.support.providers.oidc import a_key
from tests.support.providers.programs import Programs
from tests.support.providers.quay import Quay
from tests.support.providers.serving import Clock, serve

HUSH = "hush-0f-the-page-4711"
CLIENT, NUMBER = "Iv23liAbCdEfGhIjKlMn", 7890123


def commands(kind):
    """Registry, and what follows it but the namespace, of each command with ``--from``."""
    for verb, first, *words in sourcespage.regcred(sourcespage.read(kind).commands):
        if "--from" in words:
            start = words.index("--from")
            registry = first if verb == "login" else words[words.index("--registry") + 1]
            rest = words[start:]
            yield registry, rest[: rest.index("-n")] if "-n" in rest else rest


def logins(folder, kind, *more, instead=()):
    """Registry → the login, of what all commands of the page print; words may have another."""
    found = {}
    for registry, words in commands(kind):
        done = run_regcred(
            *("secret", "pull", "--dry-run=client", "--output=json", "--registry", registry),
            *(dict(instead).get(word, word) for word in (*words, *more)),
            cwd=folder,
            env={"PATH": str(folder)},
        )
        data = json.loads(done.stdout)["data"][".dockerconfigjson"]
        auths = json.loads(base64.b64decode(data))["auths"]
        found |= {key: (entry["username"], entry["password"]) for key, entry in auths.items()}
        assert HUSH.encode() not in done.stderr
    return found


def at(served):
    return "--set", f"url={served.url}"


@pytest.fixture
def folder(tmp_path):
    for name in ("token.txt", "password.txt"):
        (tmp_path / name).write_text(f"{HUSH}\n")
    (tmp_path / "user.txt").write_text("puller\n")
    return tmp_path


def test_gitlab(folder):
    provider = GitLab(Clock(), {"groups/example": 7}, {HUSH: AccessToken(role="Owner")})
    with serve(provider.app()) as served:
        found = logins(folder, "gitlab", *at(served))
    assert found.keys() == {"registry.gitlab.com/example"}
    assert provider.may_pull(*found["registry.gitlab.com/example"])


def test_harbor(folder):
    users = {"puller": User(HUSH, admin_of=("platform",))}
    provider = Harbor(Clock(), {"platform": 7}, users)
    with serve(provider.app()) as served:
        # What the page has for an address is that of nobody.
        instead = {"url=https://harbor.example.com": f"url={served.url}"}
        found = logins(folder, "harbor", instead=instead)
    assert provider.may_pull(*found["harbor.example.com/platform"], "platform")


def test_quay(folder):
    provider = Quay(Clock())
    provider.add("example+puller")
    provider.scopes[HUSH] = {"org:admin"}
    with serve(provider.app) as served:
        found = logins(folder, "quay", *at(served))
    assert provider.accepts(*found["quay.io/example"])


def test_github(folder):
    key = a_key("github")
    (folder / "app.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    provider = GitHub(1, key.public_key(), Clock())
    provider.client_id = CLIENT
    provider.installations[NUMBER] = Installation("example")
    with serve(provider.app) as served:
        found = logins(folder, "githubApp", *at(served))
    assert provider.accepts(*found["ghcr.io/example"])


def test_exec(folder):
    login = ("me", HUSH)
    Programs(folder).helper("docker-credential-example", {"registry.example.com": login})
    assert logins(folder, "exec") == {"registry.example.com": login}
