import os

import pytest

from cluster import packages
from cluster.errors import ClusterError
from cluster.progress import SILENT


@pytest.fixture
def empty_path(monkeypatch, tmp_path):
    """A machine without apt-get."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("empty_path")
def test_missing_names_packages_sorted_and_once():
    needed = {"no-such-b": "b both", "no-such-a": "a both"}
    assert packages.missing(needed) == ["a", "b", "both"]


def test_what_is_there_is_not_missing():
    assert packages.missing({"sh": "dash"}) == []


@pytest.mark.usefixtures("empty_path")
def test_what_cannot_be_installed_is_named_with_the_command():
    with pytest.raises(ClusterError) as caught:
        packages.ensure_packages({"no-such": "pkg-b pkg-a"}, SILENT)
    assert caught.value.message == "not installed: pkg-a, pkg-b; this machine has no apt-get"
    assert caught.value.hint == "sudo apt-get install --no-install-recommends pkg-a pkg-b"


def test_programs_in_sbin_are_found(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert os.access(packages.program("ldconfig"), os.X_OK)
