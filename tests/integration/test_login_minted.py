"""``regcred login --from KIND`` and what `regcred status` says of when it ends.

The provider is a GitLab on this machine; the API server is a real one.
"""

import json
from datetime import UTC, datetime

import pytest

from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.serving import Clock, serve

ACCESS = "glpat-Xy12abCDef34GHij56kl"
FIRST, SECOND = "registry.example.com/team", "registry.example.com/other"
ENDS, OF_EACH = "regcred.dev/expires-at", "regcred.dev/logins-expire-at"


@pytest.fixture
def provider():
    return GitLab(Clock(), {"projects/team/app": 7}, {ACCESS: AccessToken()})


@pytest.fixture
def minted(provider, regcred, world, tmp_path):
    """Has a verb write what the provider gives, for so many days; says when that ends."""
    (tmp_path / "token").write_text(ACCESS)
    with serve(provider.app()) as served:

        def run(*args, days):
            settings = (f"url={served.url}", "project=team/app", f"days={days}")
            flags = [part for each in settings for part in ("--set", each)]
            where = ("-n", world.namespace)
            files = ("--secret-file", f"token={tmp_path / 'token'}")
            regcred(*args, *where, "--from", "gitlab", *flags, *files)
            return f"{provider.deploy_tokens[-1].expires:%Y-%m-%dT%H:%M:%SZ}"

        yield run


@pytest.fixture
def login(minted):
    return lambda registry, *, days: minted("login", registry, "--skip-verify", days=days)


@pytest.fixture
def type_in(regcred, world):
    """Log in with a password, of which nobody knows when it ends."""

    def run(registry):
        flags = ("-u", "me", "--password-stdin", "--skip-verify", "-n", world.namespace)
        regcred("login", registry, *flags, stdin=b"hush")

    return run


@pytest.fixture
def ends(regcred, world):
    """Registry → when its login ends, as status says; checked against the Secret's mark."""

    def run(name="regcred"):
        found = json.loads(regcred("status", "-n", world.namespace, "-o", "json").stdout)
        rows = [row for row in found["rows"] if row["secret"] == name]
        noted = {row["registry"]: row.get("expiresAt") for row in rows}
        first = min(filter(None, noted.values()), default=None)
        annotations = world.secret(name)["metadata"].get("annotations") or {}
        assert annotations.get(ENDS) == first
        return noted

    return run


def test_status_says_when_it_ends(login, ends, regcred, world):
    moment = login(FIRST, days=1)
    assert ends() == {FIRST: moment}
    table = regcred("status", "-n", world.namespace).stdout.decode()
    assert "EXPIRES" in table
    (line,) = [line for line in table.splitlines() if FIRST in line]
    left = datetime.fromisoformat(moment) - datetime.now(UTC)
    assert left.days in (0, 1)
    assert " - " not in line


def test_each_login_of_the_secret_has_its_own(login, type_in, ends):
    late = login(FIRST, days=3)
    soon = login(SECOND, days=1)
    type_in("ghcr.io")
    assert soon < late
    assert ends() == {FIRST: late, SECOND: soon, "ghcr.io": None}


def test_a_newer_one_and_a_typed_one_replace_it(login, type_in, ends, world):
    login(FIRST, days=1)
    later = login(FIRST, days=3)
    assert ends() == {FIRST: later}
    type_in(FIRST)
    assert ends() == {FIRST: None}
    assert OF_EACH not in world.secret()["metadata"]["annotations"]


def test_logout_leaves_the_ends_of_the_others(login, ends, regcred, world):
    login(FIRST, days=1)
    late = login(SECOND, days=3)
    regcred("logout", FIRST, "-n", world.namespace)
    assert ends() == {SECOND: late}
    regcred("logout", SECOND, "-n", world.namespace)
    assert world.secret() is None


def test_of_a_secret_too_and_through_adoption(minted, ends, regcred, world):
    moment = minted("secret", "pull", "--registry", FIRST, days=1)
    assert ends("pull") == {FIRST: moment}
    adopting = ("login", SECOND, "--name", "pull", "--adopt", "--skip-verify")
    late = minted(*adopting, days=3)
    assert ends("pull") == {FIRST: moment, SECOND: late}
    regcred("logout", "--all", "--name", "pull", "-n", world.namespace)
    assert ends("pull") == {FIRST: moment}


def test_what_is_written_over_a_minted_secret_ends_as_it_does(minted, ends, regcred, world):
    minted("secret", "pull", "--registry", FIRST, days=1)
    flags = ("--docker-server", FIRST, "--docker-username=me", "--password-stdin")
    regcred("secret", "pull", *flags, "-n", world.namespace, stdin=b"hush")
    assert ends("pull") == {FIRST: None}
