"""``regcred secret`` against the real ``kubectl create secret docker-registry``, byte for byte."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regcred.core.formats import gojson, goyaml
from tests.support.cli import run_regcred

LOGIN = ("--docker-server=asia.gcr.io", "--docker-username=me", "--docker-password=hush")
GCP_KEY = {
    "type": "service_account",
    "private_key": "-----BEGIN PRIVATE KEY-----\nhush<&>\n-----END PRIVATE KEY-----\n",
    "client_email": "puller@p.iam.gserviceaccount.com",
}


@pytest.fixture
def kubectl_create(kubectl):
    def run(*args, **options):
        return kubectl("create", "secret", "docker-registry", *args, **options)

    return run


def login(server="asia.gcr.io", username="me", password="hush", email=None):
    flags = [
        f"--docker-server={server}",
        f"--docker-username={username}",
        f"--docker-password={password}",
    ]
    return (*flags, *([] if email is None else [f"--docker-email={email}"]))


CASES = {
    "plain": LOGIN,
    "docker hub by default": LOGIN[1:],
    "e-mail": login(email="me@example.com"),
    "empty e-mail": login(email=""),
    "namespace": (*LOGIN, "-n", "team-a"),
    "namespace that reads as a date": (*LOGIN, "-n", "2026-11-22"),
    "namespace that reads as a number": (*LOGIN, "-n", "123"),
    "namespace that reads as a boolean": (*LOGIN, "-n", "true"),
    "namespace that reads as a float": (*LOGIN, "-n", "1e3"),
    "namespace that reads as octal": (*LOGIN, "-n", "0o17"),
    "namespace that reads as hexadecimal": (*LOGIN, "-n", "0x1f"),
    "namespace of one letter": (*LOGIN, "-n", "n"),
    "hash": (*LOGIN, "--append-hash"),
    "hash with namespace": (*LOGIN, "--append-hash", "-n", "team-a"),
    "hash of another password": (*login(password="other"), "--append-hash"),
    "saved config": (*LOGIN, "--save-config"),
    "saved config with hash": (*LOGIN, "--save-config", "--append-hash"),
    "saved config with namespace": (*LOGIN, "--save-config", "-n", "team-a"),
    "field manager": (*LOGIN, "--field-manager=me"),
    "validation": (*LOGIN, "--validate=ignore"),
    "server with scheme": login("https://asia.gcr.io"),
    "server with plain http": login("http://asia.gcr.io"),
    "server with path": login("europe-docker.pkg.dev/project/repository"),
    "server with scheme and path": login("https://europe-docker.pkg.dev/project"),
    "server with trailing slash": login("https://asia.gcr.io/"),
    "server with v2": login("https://asia.gcr.io/v2/"),
    "server with port": login("registry.example.com:5000"),
    "server in upper case": login("Asia.GCR.io"),
    "server with glob": login("*.pkg.dev"),
    "server by IPv6": login("[::1]:5000"),
    "password with quotes": login(password="a\"b'c`d"),
    "password with line feeds": login(password="a\nb\r\nc\n"),
    "password with spaces": login(password="  a b  "),
    "password with control characters": login(password="\x01\x07\x1b\t\x7f"),
    "password with html": login(password="<a&b>"),
    "password with line separators": login(password="a\u2028b\u2029c"),
    "password that is not ASCII": login(password="pässwörd漢字🎉"),
    "password that is not UTF-8": login(password="a\udcffb\udcc3"),
    "password with backslash": login(password="a\\nb\\u003c"),
    "password with colons": login(password="a:b:c"),
    "password of 100 kB": login(password="x" * 100_000),
    "username that is not ASCII": login(username="Jürgen"),
    "username with html": login(username="<me>"),
    "username with slash": login(username="AWS/me@example.com"),
    "json key as password": login(username="_json_key", password=json.dumps(GCP_KEY)),
}


@pytest.mark.parametrize("form", ["yaml", "json", "name"])
@pytest.mark.parametrize("flags", CASES.values(), ids=CASES)
def test_dry_run_prints_the_same_bytes(kubectl_create, flags, form):
    rest = ("--dry-run=client", "-o", form)
    # Linux takes no single argument beyond 128 KiB; 100 kB fit.
    expected = kubectl_create("pull", *flags, *rest).stdout
    assert run_regcred("secret", "pull", *flags, *rest).stdout == expected


def test_without_output_it_says_the_same(kubectl_create):
    flags = ("pull", *LOGIN, "--dry-run=client")
    assert run_regcred("secret", *flags).stdout == kubectl_create(*flags).stdout


FILES = {
    "compact": b'{"auths":{"asia.gcr.io":{"auth":"bWU6aHVzaA=="}}}',
    "pretty": b'{\n  "auths": {\n    "ghcr.io": {"username": "a", "password": "b"}\n  }\n}\n',
    "with what kubelet ignores": b'{"auths":{"ghcr.io":{"auth":"YTpi"}},"HttpHeaders":{"a":"b"}}',
    "in other letter case": b'{"Auths":{"ghcr.io":{"Auth":"YTpi"}}}',
    "not ASCII": '{"auths":{"ghcr.io":{"username":"ü","password":"<>"}}}'.encode(),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("spelled", ["{}", ".dockerconfigjson={}"])
def test_from_file_prints_the_same_bytes(kubectl_create, tmp_path, content, spelled):
    (tmp_path / "config.json").write_bytes(content)
    flags = (
        "pull",
        "--from-file",
        spelled.format(tmp_path / "config.json"),
        "--append-hash",
        "--dry-run=client",
        "-o",
        "yaml",
    )
    assert run_regcred("secret", *flags).stdout == kubectl_create(*flags).stdout


def test_from_several_files_prints_the_same_bytes(kubectl_create, tmp_path):
    (tmp_path / "config.json").write_bytes(FILES["compact"])
    (tmp_path / "a").write_bytes(b"\x00\xff")
    sources = f"{tmp_path}/config.json,a10={tmp_path}/a"
    flags = ("pull", f"--from-file={sources}", f"--from-file=a9={tmp_path}/a")
    for form in ("yaml", "json"):
        rest = ("--dry-run=client", "-o", form)
        expected = kubectl_create(*flags, *rest).stdout
        assert run_regcred("secret", *flags, *rest).stdout == expected


def test_from_file_overrides_the_flags_as_in_kubectl_but_says_so(kubectl_create, tmp_path):
    (tmp_path / "config.json").write_bytes(FILES["compact"])
    flags = (
        "pull",
        *LOGIN,
        f"--from-file={tmp_path}/config.json",
        "--dry-run=client",
        "-o",
        "json",
    )
    done = run_regcred("secret", *flags)
    assert done.stdout == kubectl_create(*flags).stdout
    assert b"ignored" in done.stderr


def test_a_google_key_is_what_the_shell_one_liner_gives(kubectl_create, tmp_path):
    key = tmp_path / "key.json"
    key.write_text(json.dumps(GCP_KEY, indent=2) + "\n")
    rest = ("--dry-run=client", "-o", "json")
    expected = kubectl_create(
        "regcred",
        "--docker-server=asia.gcr.io",
        "--docker-username=_json_key",
        f"--docker-password={key.read_text().rstrip(chr(10))}",
        f"--docker-email={GCP_KEY['client_email']}",
        *rest,
    ).stdout
    ours = ("secret", "regcred", "--docker-server=asia.gcr.io", f"--gcp-key={key}", *rest)
    assert run_regcred(*ours).stdout == expected


def test_the_password_on_standard_input_is_the_same_secret():
    rest = ("--dry-run=client", "-o", "json")
    expected = run_regcred("secret", "pull", *LOGIN, *rest).stdout
    for stdin in (b"hush", b"hush\n", b"hush\r\n"):
        flags = ("secret", "pull", *LOGIN[:2], "--password-stdin", *rest)
        assert run_regcred(*flags, stdin=stdin).stdout == expected


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_the_locale_changes_nothing(kubectl_create, locale):
    flags = ("pull", *login(password="pässwörd"), "--dry-run=client", "-o", "yaml")
    env = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert run_regcred("secret", *flags, env=env).stdout == kubectl_create(*flags).stdout


def test_server_dry_run_prints_what_the_server_made(kubectl_create, regcred, namespace):
    flags = ("pull", *LOGIN, "-n", namespace, "--dry-run=server", "--field-manager=me")
    for form in ("yaml", "json"):
        theirs = kubectl_create(*flags, "-o", form).stdout
        ours = regcred("secret", *flags, "-o", form).stdout
        assert without_chance(ours) == without_chance(theirs)


def without_chance(printed: bytes) -> bytes:
    """The output without what differs from one creation to the next."""
    return re.sub(rb'(uid|creationTimestamp)("?: )"[^"]+"|(uid): [-0-9a-f]+', rb"\1\3", printed)


# Digits only at the end: on keys like 9, 10 and 1A the order of yaml/v2 goes in circles.
data_keys = st.from_regex(r"[-_yntEA][a-zA-Z_.-]{0,3}[0-9]{0,3}", fullmatch=True)
# kubectl itself fails on other control characters: it reads its own JSON back as YAML.
awkward = st.text(
    st.sampled_from("yn~0123456789.-_:+eExobTZ #,[]{}&*!|>'\"%@`?\\\t\n\ré\u2028\ufeff🎉")
    | st.characters(exclude_categories=["Cs", "Cc", "Cn"]),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(data_keys, awkward, min_size=10, max_size=60))
def test_our_yaml_and_json_are_kubectls(kubectl, data):
    """Any strings: far more than a Secret could hold. A ConfigMap shows them as they are."""
    literals = [f"--from-literal={key}={value}" for key, value in data.items()]
    flags = ("create", "configmap", "c", *literals, "--dry-run=client")
    obj = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "c"},
        "data": dict(sorted(data.items())),
    }
    printed = {form: kubectl(*flags, "-o", form).stdout.decode() for form in ("yaml", "json")}
    assert printed["yaml"] == goyaml.dumps(obj)
    assert printed["json"] == gojson.dumps(obj, indent=4) + "\n"
