"""What is published: one commit makes the same bytes each time, and all that belongs into them."""

import email
import re
import shutil
import subprocess
import tarfile
import zipfile

import pytest
from packaging.metadata import Metadata

from cluster.paths import CHECKOUT
from regcred import __version__
from tests.support.dist import build, build_both
from tests.support.notrun import not_run
from tools.dist import tracked as files_of_git

NAME = f"regcred-{__version__}"
INFO = f"{NAME}.dist-info"


def contents(archive):
    """Path → content of each file in an sdist."""
    with tarfile.open(archive) as sdist:
        return {each.name: sdist.extractfile(each).read() for each in sdist if each.isfile()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    if not (CHECKOUT / ".git").exists():
        not_run("this is no git checkout")
    return build_both(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel_files(dist):
    with zipfile.ZipFile(dist.wheel) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


@pytest.fixture(scope="module")
def sdist_files(dist):
    return contents(dist.sdist)


@pytest.fixture(scope="module")
def tracked():
    """The files of the project, as they are now."""
    return {*files_of_git(CHECKOUT)}


def test_names(dist):
    assert dist.wheel.name == f"{NAME}-py3-none-any.whl"
    assert dist.sdist.name == f"{NAME}.tar.gz"


def test_two_builds_are_the_same_bytes(dist, tmp_path):
    assert build_both(tmp_path).contents == dist.contents


def test_sdist_makes_the_wheel(dist, tmp_path):
    (wheel,) = build(dist.sdist, tmp_path, "--wheel")
    assert wheel.read_bytes() == dist.wheel.read_bytes()


def test_tree_makes_the_wheel(dist, tmp_path):
    """As `cluster.operatorimage` and ``uv tool install .`` have it made."""
    (wheel,) = build(CHECKOUT, tmp_path, "--wheel")
    assert wheel.read_bytes() == dist.wheel.read_bytes()


def test_sdist_is_the_project(sdist_files, tracked):
    assert sdist_files.keys() == {f"{NAME}/{name}" for name in tracked | {"PKG-INFO"}}
    for name in tracked:
        assert sdist_files[f"{NAME}/{name}"] == (CHECKOUT / name).read_bytes(), name


def test_what_lies_in_the_checkout_and_git_does_not_know_is_not_published(dist, tracked, tmp_path):
    root, made = tmp_path / "checkout", tmp_path / "made"
    for name in tracked:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHECKOUT / name, root / name)
    for command in (("init", "--quiet"), ("add", "--all")):
        subprocess.run(["git", *command], cwd=root, check=True)
    for name in ("key.json", "docs/key.json", "src/regcred/key.json"):
        (root / name).write_text("{}")
    assert build_both(made, root).contents == dist.contents
    # By hand, and with uv alone, at least what is beside the project's folders stays.
    (sdist,) = build(root, tmp_path / "by-hand", "--sdist")
    assert f"{NAME}/key.json" not in contents(sdist)


def test_wheel_is_the_package_and_what_is_said_of_it(wheel_files, tracked):
    package = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    notes = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert wheel_files.keys() == package | {f"{INFO}/{name}" for name in notes}
    assert "regcred/py.typed" in wheel_files
    assert wheel_files[f"{INFO}/licenses/LICENSE"] == (CHECKOUT / "LICENSE").read_bytes()


def test_metadata_is_what_an_index_takes(wheel_files, sdist_files):
    text = wheel_files[f"{INFO}/METADATA"]
    assert sdist_files[f"{NAME}/PKG-INFO"] == text
    metadata = Metadata.from_email(text, validate=True)
    assert (metadata.name, str(metadata.version)) == ("regcred", __version__)
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description == (CHECKOUT / "README.md").read_text()
    # An index takes no requirement from elsewhere, and an address that nobody answers helps no one.
    assert not [each for each in metadata.requires_dist or () if each.url]
    assert not metadata.project_urls


def test_metadata_says_nothing_that_an_older_pip_does_not_know(wheel_files):
    headers = email.message_from_bytes(wheel_files[f"{INFO}/METADATA"])
    assert headers["Metadata-Version"] == "2.4"
    assert headers["Requires-Python"] == ">=3.11"


def test_programs(wheel_files):
    text = wheel_files[f"{INFO}/entry_points.txt"].decode()
    assert set(re.findall(r"^(\S+) = ", text, re.M)) == {
        "regcred",
        "kubectl-regcred",
        "kubectl_complete-regcred",
        "regcred-krm",
        "regcred-post-renderer",
    }
