"""``--from KIND`` with what cannot be meant: an exit code, what is wrong, what mends it, no secret.

Each kind has a source that would do as far as flags go, and one thing after the other is taken from
it or made wrong. Nobody is asked for it: whoever were to be is a proxy that is not there.
"""

import json
import re

import pytest
from cryptography.hazmat.primitives import serialization

from regcred.cli.sourceflags import SETTINGS
from regcred.core.operator.sourcekinds import MINTED_KINDS, SECRET_KEYS
from tests.support.cli import run_regcred
from tests.support.providers.google import Account
from tests.support.providers.oidc import a_key
from tests.support.providers.serving import nobody
from tests.support.secrecy import Secrecy

#: Nothing tells it from words by its looks.
TOKEN = "Correct-Horse.Battery_Staple"
PEM = a_key("github").private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
KEY = Account("puller@images.iam.gserviceaccount.com").key_file()
HELPER = "docker-credential-x"
LOGIN = {"username": b"puller", "password": TOKEN.encode()}
KEYS = {"access-key-id": b"AKIAEXAMPLEEXAMPLE00", "secret-access-key": TOKEN.encode()}

#: Kind → registry, settings, files; what is required comes first.
SOURCES = {
    "ecr": ("1.dkr.ecr.eu-west-1.amazonaws.com", {}, KEYS),
    "googleArtifactRegistry": ("eu.gcr.io", {}, {"key.json": json.dumps(KEY).encode()}),
    "acr": (
        "team.azurecr.io",
        {"tenantId": "t", "clientId": "c"},
        {"client-secret": TOKEN.encode()},
    ),
    "githubApp": ("ghcr.io/a", {"appId": "1"}, {"private-key.pem": PEM}),
    "gitlab": ("registry.gitlab.com", {"project": "a/b"}, {"token": TOKEN.encode()}),
    "harbor": ("a.example.com", {"url": "https://a.example.com", "projects": "a"}, LOGIN),
    "quay": ("quay.io", {"robot": "a+b"}, {"token": TOKEN.encode()}),
    "dockerHub": ("docker.io", {"username": "me"}, {"token": TOKEN.encode()}),
    "exec": ("a.example.com", {"command": HELPER, "protocol": "CredentialHelper"}, {}),
}
#: Kind and file, where a source without that is another one, and a good one.
OTHERWISE = {("acr", "client-secret"), ("googleArtifactRegistry", "key.json")}
NOT_UTF8 = b"\xff\xfe" + TOKEN.encode()


class Given:
    """Flags of one source, for tests to spoil.

    Args:
        kind: of the source.
        folder: for files.
    """

    def __init__(self, kind, folder):
        self.kind, self._folder = kind, folder
        self.registry, settings, files = SOURCES[kind]
        self.settings, self.files, self.more = dict(settings), dict(files), []
        self.env = {}
        if kind == "exec":
            (folder / HELPER).write_text("#!/bin/sh\n")
            (folder / HELPER).chmod(0o700)
            self.env = {"PATH": str(folder)}

    def run(self):
        """What is said, and with which code."""
        flags = [f"--set={key}={value}" for key, value in self.settings.items()]
        for key, content in self.files.items():
            (self._folder / key).write_bytes(content)
            flags.append(f"--secret-file={key}={self._folder / key}")
        where = ("secret", "pull", "--dry-run=client", f"--registry={self.registry}")
        with nobody() as host:
            done = run_regcred(
                *(*where, f"--from={self.kind}", *flags, *self.more),
                env={"HTTPS_PROXY": f"http://{host}", "HTTP_PROXY": f"http://{host}"} | self.env,
                check=None,
            )
        said, printed = done.stderr.decode(), done.stdout.decode()
        secrecy = Secrecy()
        secrecy.add("a secret", TOKEN, PEM, KEY["private_key"])
        secrecy.require({"stderr": said, "stdout": printed})
        assert printed == ""
        assert len(said) < 2000
        assert re.search("^hint: .", said, re.MULTILINE)
        return done.returncode, said


@pytest.fixture
def given(tmp_path):
    """Make a source: ``given("gitlab")``."""
    return lambda kind: Given(kind, tmp_path)


def of_settings():
    return [(kind, name) for kind in MINTED_KINDS for name in SETTINGS[kind]]


def of_files():
    return [(kind, name) for kind in MINTED_KINDS for name in SECRET_KEYS[kind]]


def test_there_is_a_source_of_each_kind():
    assert [*SOURCES] == [*MINTED_KINDS] == [*SECRET_KEYS]


@pytest.mark.parametrize("kind", [kind for kind in MINTED_KINDS if kind != "exec"])
def test_what_the_sources_are_made_of_is_taken(given, kind):
    """Only the provider is not there."""
    code, said = given(kind).run() if kind != "dockerHub" else (3, "cannot be reached")
    assert code == 3
    assert "cannot be reached" in said


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, each in SOURCES.items() for name in each[1]]
)
def test_a_setting_that_is_missing(given, kind, name):
    source = given(kind)
    del source.settings[name]
    code, said = source.run()
    assert code == 2
    assert name in said


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, each in SOURCES.items()
        for name in each[2]
        if (kind, name) not in OTHERWISE
    ],
)
def test_a_file_that_is_missing(given, kind, name):
    source = given(kind)
    del source.files[name]
    code, said = source.run()
    assert code == 2
    assert name in said or "--secret-file is required" in said
    assert f"{name}=FILE" in said


@pytest.mark.parametrize(("kind", "name"), of_settings())
def test_a_setting_that_is_empty(given, kind, name):
    source = given(kind)
    source.settings[name] = ""
    code, said = source.run()
    assert code == 2
    assert f"--set {name} " in said


@pytest.mark.parametrize("longest", [100_000], ids=["huge"])
@pytest.mark.parametrize(("kind", "name"), of_settings())
def test_a_setting_that_is_huge(given, kind, name, longest):
    source = given(kind)
    source.settings[name] = "9" * longest
    code, said = source.run()
    assert code == 2
    assert f"--set {name} " in said


#: What each setting cannot be, though it is a text, and words of why.
WRONG = {
    ("ecr", "region"): [("everywhere", "region is not the name of one")],
    ("ecr", "roleArn"): [("puller", "roleArn is not the ARN of a role")],
    ("googleArtifactRegistry", "impersonate"): [
        ("me@example.com", "impersonate is not the e-mail")
    ],
    ("acr", "tenantId"): [("a b", "tenantId has to be an ID"), ("../x", "tenantId has to be")],
    ("acr", "clientId"): [("a/b", "clientId has to be an ID")],
    ("githubApp", "appId"): [("mine", "--set appId takes a number"), ("-1", "takes a number")],
    ("githubApp", "installationId"): [("1.5", "--set installationId takes a number")],
    ("githubApp", "repositories"): [("a/b", "where names have no owner")],
    ("githubApp", "url"): [("http://ghe.example.com", "url has to begin with https://")],
    ("gitlab", "group"): [("b", "exactly one of project and group")],
    ("gitlab", "days"): [("0", "days has to be a number from 1 to 365"), ("366", "from 1 to 365")],
    ("gitlab", "url"): [("gitlab.example.com", "url has to be an https URL")],
    ("harbor", "url"): [
        ("http://a.example.com", "url has to begin with https://"),
        ("https://me:pass@a.example.com", "url has to be an https URL"),
        ("https://a.example.com?a=b", "url has to be a URL without ? and #"),
    ],
    ("harbor", "days"): [("1000", "days has to be a number from 1 to 365"), ("x", "a number")],
    ("quay", "robot"): [("puller", "robot has to be the robot account's full name")],
    ("quay", "url"): [("ftp://quay.example.com", "url has to be an https URL")],
    ("dockerHub", "username"): [("a:b", "username has a colon in it")],
    ("dockerHub", "expiresAt"): [
        ("soon", "expiresAt has to be a time"),
        ("2020-01-01T00:00:00Z", "has ended, by what expiresAt says"),
        ("2040-01-01T00:00:00", "expiresAt has to be a time"),
    ],
    ("exec", "command"): [
        ("/bin/sh", "command has to be the name of a program"),
        ("..", "name of"),
    ],
    ("exec", "protocol"): [("Docker", "protocol has to be CredentialHelper or CredentialProvider")],
    ("exec", "env"): [
        ("A", "--set env takes NAME=VALUE"),
        ("a-b=c", "cannot be the name of a var"),
    ],
    ("exec", "passEnv"): [("A-B", "cannot be the name of a variable")],
    ("exec", "defaultCacheDuration"): [("soon", "defaultCacheDuration has to be a duration")],
    ("exec", "timeoutSeconds"): [("0", "from 1 to 300"), ("301", "timeoutSeconds has to be a num")],
}
#: Settings that are any text, or are tried in other ways below.
ANY = {
    *(("acr", "cloud"), ("gitlab", "project"), ("harbor", "projects"), ("exec", "args")),
    *(("exec", "apiVersion"), ("exec", "image"), ("ecr", "externalId"), ("githubApp", "clientId")),
}


def test_no_setting_is_forgotten():
    assert {*of_settings()} <= WRONG.keys() | ANY


@pytest.mark.parametrize(
    ("kind", "name", "value", "says"),
    [(kind, name, *each) for (kind, name), cases in WRONG.items() for each in cases],
)
def test_a_setting_that_is_wrong(given, kind, name, value, says):
    source = given(kind)
    source.settings[name] = value
    code, said = source.run()
    assert code == (1 if "has ended" in says else 2)
    assert says in said


@pytest.mark.parametrize("protocol", ["CredentialHelper", "CredentialProvider"])
def test_a_program_that_is_not_there(given, protocol):
    source = given("exec")
    source.settings |= {"protocol": protocol, "command": "no-such-program-4711"}
    code, said = source.run()
    assert code == 2
    assert "there is no program no-such-program-4711" in said


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("apiVersion", "v1", "apiVersion has to be one of"),
        ("image", "UPPER", "no image can be asked for"),
    ],
)
def test_what_a_plugin_of_kubelet_cannot_be_asked(given, name, value, says):
    source = given("exec")
    source.settings |= {"protocol": "CredentialProvider", name: value}
    code, said = source.run()
    assert (code, says in said) == (2, True)


def test_a_cloud_that_there_is_not(given):
    source = given("acr")
    source.settings["cloud"] = "AzureMars"
    code, said = source.run()
    assert (code, "cloud has to be one of AzurePublic" in said) == (2, True)


@pytest.mark.parametrize("kind", MINTED_KINDS)
@pytest.mark.parametrize("name", ["secretRef", "identity", "Url", "", "a b"])
def test_a_setting_that_it_has_not(given, kind, name):
    source = given(kind)
    source.settings[name] = TOKEN
    code, said = source.run()
    assert code == 2
    assert "no setting of" in said or "is not KEY=VALUE" in said


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_a_file_that_it_has_no_use_for(given, kind):
    source = given(kind)
    source.files["tokn"] = TOKEN.encode()
    code, said = source.run()
    assert code == 2
    assert f"{kind} has no use for tokn" in said
    assert all(f"--secret-file {key}=FILE" in said for key in SECRET_KEYS[kind])


@pytest.mark.parametrize(("kind", "name"), of_files())
@pytest.mark.parametrize("form", ["{}={}", "{1}", "={1}", "{}=", "{}=/nonexistent/{}"])
def test_what_is_in_a_file_in_place_of_its_name(given, kind, name, form):
    source = given(kind)
    source.files.pop(name, None)
    source.more = [f"--secret-file={form.format(name, TOKEN)}"]
    code, said = source.run()
    assert code == 2
    assert "there is no such file" in said or "is not KEY=FILE" in said


@pytest.mark.parametrize(("kind", "name"), of_files())
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty|holds no|has no|is no"),
        (b"\n", "is empty|holds no|has no|is no"),
        (NOT_UTF8, "is not UTF-8"),
        (b"\0" * (5 << 20), "is over 4,194,304 bytes"),
    ],
    ids=["empty", "blank", "no UTF-8", "huge"],
)
def test_a_file_that_is_none(given, kind, name, content, says):
    source = given(kind)
    if (kind, name) == ("acr", "client.pem"):
        source.files = {}
    source.files[name] = content
    code, said = source.run()
    assert code == 2
    assert re.search(says, said)


@pytest.mark.parametrize(("kind", "name"), of_files())
def test_a_folder_in_place_of_a_file(given, tmp_path, kind, name):
    source = given(kind)
    source.files.pop(name, None)
    source.more = [f"--secret-file={name}={tmp_path}"]
    code, said = source.run()
    assert (code, "is a directory" in said) == (2, True)


@pytest.mark.parametrize(
    ("kind", "name", "content", "says"),
    [
        ("googleArtifactRegistry", "key.json", TOKEN.encode(), "no complete JSON file of Google's"),
        ("googleArtifactRegistry", "key.json", json.dumps(KEY).encode()[:-30], "no complete JSON"),
        ("googleArtifactRegistry", "key.json", json.dumps([TOKEN]).encode(), "no complete JSON"),
        (
            *("googleArtifactRegistry", "key.json"),
            json.dumps(KEY | {"private_key": TOKEN}).encode(),
            "no private_key that can be read",
        ),
        (
            *("googleArtifactRegistry", "key.json"),
            json.dumps(KEY | {"token_uri": "https://example.com/t"}).encode(),
            "nothing is sent to others than googleapis.com",
        ),
        (
            *("googleArtifactRegistry", "key.json"),
            json.dumps({"type": "external_account"}).encode(),
            "needs identity",
        ),
        ("githubApp", "private-key.pem", TOKEN.encode(), "no private key in PEM form"),
        ("githubApp", "private-key.pem", PEM[:-200], "no private key in PEM form"),
        ("acr", "client-secret", PEM, "no certificate with an RSA key"),
        ("gitlab", "token", f"{TOKEN}\n{TOKEN}".encode(), "is no access token of GitLab"),
        ("harbor", "username", b"a:b", "the username has a colon in it"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,  # keys are others in each process
)
def test_a_file_with_something_else(given, kind, name, content, says):
    source = given(kind)
    source.files[name] = content
    code, said = source.run()
    assert code == 2
    assert says in said


@pytest.mark.parametrize(("kind", "name"), of_files())
def test_a_text_of_several_lines_goes_nowhere(given, kind, name):
    """It may be refused here or there; it is neither a header of its own nor said."""
    source = given(kind)
    source.files = {} if (kind, name) == ("acr", "client.pem") else source.files
    source.files[name] = f"{TOKEN}\r\nX-More: {TOKEN}\n".encode()
    if kind == "dockerHub":
        return  # which warns, and hands on what it is given
    assert source.run()[0] in (2, 3)


@pytest.mark.parametrize(
    ("kind", "registry", "says"),
    [
        ("ecr", "a.example.com", "does not say in which region of AWS it is"),
        ("ecr", "1.dkr.ecr.nowhere.amazonaws.com", "names a region that AWS cannot have"),
        ("acr", "a.example.com", "is no Azure Container Registry"),
        ("acr", "*.azurecr.io", ""),
        ("dockerHub", "ghcr.io", "is not Docker Hub, and its access token is for nobody else"),
    ],
)
def test_a_registry_that_does_not_fit(given, kind, registry, says):
    source = given(kind)
    source.registry = registry
    code, said = source.run()
    assert code == 2
    assert says in said


@pytest.mark.parametrize("kind", MINTED_KINDS)
@pytest.mark.parametrize("registry", ["a b", "ghcr", "https://"])
def test_a_registry_that_is_none(given, kind, registry):
    source = given(kind)
    source.registry = registry
    assert source.run()[0] == 2


@pytest.mark.parametrize("kind", [kind for kind in MINTED_KINDS if kind != "dockerHub"])
def test_a_password_in_a_registry_is_not_said(given, kind):
    source = given(kind)
    source.registry = f"me:{TOKEN}@{source.registry}"
    source.run()


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_a_login_without_a_registry(given, kind):
    source = given(kind)
    source.registry = ""
    assert source.run()[0] == 2
