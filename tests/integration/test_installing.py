"""The wheel as a user installs it: by pip, without uv, into an environment with nothing in it."""

import os
import subprocess
import sys

import pytest
import yaml

from regcred import __version__
from tests.support.cli import run_regcred
from tests.support.dist import build_both
from tests.support.notrun import not_run

PROGRAMS = (
    "regcred",
    "kubectl-regcred",
    "kubectl_complete-regcred",
    "regcred-krm",
    "regcred-post-renderer",
)
SECRET = (
    "secret",
    "pull",
    "--docker-server=registry.example.com",
    "--docker-username=puller",
    "--docker-password=canary",
    "--dry-run=client",
    "-o",
    "yaml",
)


def base_python():
    """The interpreter below the tests' own environment, which has no pip of its own."""
    return sys._base_executable


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A folder with Python in it and nothing more, by Python alone."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    # With pip it would need ensurepip, which Debian has in a package of its own.
    making = [base_python(), "-m", "venv", "--without-pip", folder]
    subprocess.run(making, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def pip(environment):
    """Run the machine's pip on the environment; what it said."""
    if subprocess.run([base_python(), "-c", "import pip"], check=False).returncode:
        not_run(f"{base_python()} has no pip")
    command = [base_python(), "-m", "pip", "--disable-pip-version-check", "--no-input"]

    def run_pip(*arguments):
        done = subprocess.run(
            [*command, f"--python={environment / 'bin' / 'python'}", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run_pip


@pytest.fixture(scope="module")
def installed(environment, pip, tmp_path_factory):
    """The same with the wheel and what pip finds that it needs, in its newest versions."""
    wheel = build_both(tmp_path_factory.mktemp("dist")).wheel
    assert "regcred" not in pip("list")
    assert pip("install", "--quiet", str(wheel)) == ""
    return environment


@pytest.fixture(scope="module")
def run(installed):
    """Run one of its programs, with nothing of this environment; what it printed."""

    def run_program(name, *arguments, stdin=b""):
        env = {"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        done = subprocess.run(
            [installed / "bin" / name, *arguments],
            input=stdin,
            env=env,
            cwd=installed,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stderr == b""
        return done.stdout.decode()

    return run_program


def test_everything_fits_together(installed, pip):
    assert "No broken requirements" in pip("check")
    assert f"regcred {__version__}" in " ".join(pip("list").split())


def test_version(run):
    assert run("regcred", "--version") == run_regcred("--version").stdout.decode()
    assert __version__ in run("kubectl-regcred", "--version")


def test_help(run):
    said = run("regcred", "--help")
    assert said == run_regcred("--help").stdout.decode()
    assert all(f"  {verb} " in said for verb in ("login", "logout", "secret", "check", "why"))


def test_secret(run):
    said = run("regcred", *SECRET)
    assert said == run_regcred(*SECRET).stdout.decode()
    assert yaml.safe_load(said)["type"] == "kubernetes.io/dockerconfigjson"


def test_every_program_starts(run, installed):
    found = {path.name for path in (installed / "bin").glob("*regcred*")}
    assert found == set(PROGRAMS)
    for name in ("regcred-krm", "regcred-post-renderer"):
        assert run(name, "--help").startswith("Usage: ")


def test_no_cloud_library_comes_unasked(installed):
    command = [installed / "bin" / "python", "-c", "import boto3"]
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 1
