"""What a command loads, which is most of what it takes: see docs/decisions/0003."""

import subprocess
import sys

import pytest

SECRET = (
    "secret",
    "pull",
    "--docker-server=asia.gcr.io",
    "--docker-username=me",
    "--docker-password=hush",
    "--dry-run=client",
)
RUN = "import sys; from regcred.cli.main import run; assert run(sys.argv[1:]) == 0"
SAY = "print(*sys.modules, file=sys.stderr)"
HEAVY = {"aiohttp", "asyncio", "ssl", "_hashlib", "yaml", "rich", "cryptography"}


def modules(code, *args):
    """The names of all modules that are loaded after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SAY}", *args], capture_output=True, check=True, text=True
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("form", ["yaml", "json", "name"])
def test_secret_from_flags_loads_nothing_heavy(form):
    loaded = modules(RUN, *SECRET, "-o", form)
    assert "regcred.core.logins.authentry" in loaded
    assert not loaded & HEAVY
    assert not {m for m in loaded if m.startswith(("regcred.kube", "regcred.minters"))}
    assert "regcred.cli.minted" not in loaded


def test_a_check_without_network_loads_nothing_for_one(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"auths": {"gcr.io": {"username": "me", "password": "hush"}}}')
    offline = ("check", "--offline", "gcr.io/p/app:1", "--docker-config", str(config))
    for form in ("table", "json"):
        loaded = modules(RUN, *offline, "-o", form)
        assert "regcred.core.logins.keyring" in loaded
        assert not loaded & HEAVY
        assert not {m for m in loaded if m.startswith(("regcred.kube", "regcred.registry"))}


def test_inject_loads_what_reads_yaml_and_nothing_else_heavy(tmp_path):
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Pod\nspec: {}\n")
    loaded = modules(RUN, "inject", "--secret=pull", "-f", str(tmp_path / "a.yaml"))
    assert loaded & HEAVY == {"yaml"}
    assert not loaded & {
        "tempfile",
        "glob",
        "regcred.manifests.replace",
        "regcred.core.manifests.joining",
    }
    assert not {m for m in loaded if m.startswith("regcred.kube")}


def test_help_of_inject_loads_no_yaml():
    assert not modules(RUN, "inject", "--help") & HEAVY


@pytest.mark.parametrize(
    ("flag", "more"), [("--help", {"regcred.cli.helptext"}), ("--version", set())]
)
def test_help_loads_no_verb(flag, more):
    ours = {m for m in modules(RUN, flag) if m.startswith("regcred")}
    assert ours == more | {
        "regcred",
        "regcred.cli",
        "regcred.cli.main",
        "regcred.cli.output",
        "regcred.cli.verb",
        "regcred.core",
        "regcred.core.errors",
    }


def test_help_of_login_and_secret_loads_no_provider():
    for verb in ("login", "secret"):
        loaded = modules(RUN, verb, "--help")
        assert not loaded & {"aiohttp", "boto3", "google.auth", "azure"}
        assert not {m for m in loaded if m.startswith("regcred.minters")}


def test_the_package_itself_loads_nothing():
    assert modules("import sys, regcred") - modules("import sys") == {"regcred"}
