"""Which Pythons the unit tests run on, and what is taken for one."""

import sys

import pytest

from tools import pythons


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine with no Python but those that a test puts there; makes one that says a version."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV", "/bin/false")

    def make(path, script):
        program = tmp_path / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return make


def test_supported_are_the_classifiers_without_three_itself():
    assert pythons.supported()[0] == "3.11"
    assert all(each.startswith("3.") for each in pythons.supported())


def test_none(alone):
    assert pythons.interpreter("3.12") is None


def test_one_on_path_that_only_complains_is_passed_over(alone):
    alone("path/python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    assert pythons.interpreter("3.12") is None
    real = alone("pyenv/versions/3.12.1/bin/python", "echo 3.12")
    assert pythons.interpreter("3.12") == real


def test_one_on_path_comes_first(alone):
    on_path = alone("path/python3.12", "echo 3.12")
    alone("pyenv/versions/3.12.1/bin/python", "echo 3.12")
    assert pythons.interpreter("3.12") == on_path


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_one_that_is_not_here_is_named(alone, monkeypatch, capsys, ci, code):
    monkeypatch.setenv("CI", ci)
    assert pythons.main(["3.99"]) == code
    assert "NOT RUN: unit tests on Python 3.99" in capsys.readouterr().err


def test_a_real_one_says_what_it_is():
    assert pythons._is(sys.executable, "{}.{}".format(*sys.version_info))
