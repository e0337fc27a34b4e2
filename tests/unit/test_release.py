"""What a release says of itself agrees everywhere: `regcred.__version__` is the one place."""

import re
import tomllib

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred import __version__

RELEASED = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", re.M)


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def changelog():
    return (CHECKOUT / "CHANGELOG.md").read_text()


def test_version_stands_in_one_place(project):
    assert "version" in project["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", __version__)


def test_chart_is_of_this_version():
    chart = yaml.safe_load((CHECKOUT / "charts" / "regcred" / "Chart.yaml").read_text())
    # Helm wants a strict semantic version: Python's .dev0 is none.
    assert (chart["version"], chart["appVersion"]) == (
        __version__.partition(".dev")[0],
        __version__,
    )


@pytest.mark.parametrize("file", ["regcred.yaml", "webhook/regcred.yaml"])
def test_manifests_for_kubectl_are_of_this_version(file):
    objects = [obj for obj in yaml.safe_load_all((CHECKOUT / "deploy" / file).read_text()) if obj]
    labels = [obj["metadata"].get("labels", {}) for obj in objects]
    assert {each.get("app.kubernetes.io/version", __version__) for each in labels} == {__version__}
    (deployment,) = [obj for obj in objects if obj["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{__version__}")


def test_changelog_has_this_version_below_what_is_to_come(changelog):
    headings = re.findall(r"^## .*$", changelog, re.M)
    assert headings[0] == "## [Unreleased]"
    versions = [tuple(map(int, found[1].split("."))) for found in RELEASED.finditer(changelog)]
    assert len(versions) == len(headings) - 1, headings
    assert versions == sorted(versions, reverse=True)
    if ".dev" not in __version__:
        assert ".".join(map(str, versions[0])) == __version__


def test_each_release_says_what_is_new(changelog):
    entries = re.split(r"^## .*$", changelog, flags=re.M)[2:]
    assert entries
    assert all("### " in entry and "\n- " in entry for entry in entries)


def test_lowest_python_is_the_first_that_is_named(project):
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if ":: 3." in each]
    assert project["requires-python"] == f">={named[0]}"
    minors = [int(each.partition(".")[2]) for each in named]
    assert minors == list(range(minors[0], minors[-1] + 1))
