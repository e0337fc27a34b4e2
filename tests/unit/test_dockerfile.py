"""The Dockerfile says what the image without Docker and the chart say too."""

import re
import tomllib

import yaml

from cluster import debianbase
from cluster.paths import CHECKOUT

LINES = (CHECKOUT / "Dockerfile").read_text().splitlines()


def words(instruction):
    """What stands behind an instruction, wherever it is given."""
    return [line.split()[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_base_is_one_argument_with_a_version():
    arguments = dict(words_[0].split("=", 1) for words_ in words("ARG"))
    assert {words_[0] for words_ in words("FROM")} == {"${PYTHON_IMAGE}"}
    assert re.search(r":\d+\.\d+\.\d+-slim-\w+$", arguments["PYTHON_IMAGE"])
    python = re.search(r":(\d+\.\d+)", arguments["PYTHON_IMAGE"])[1]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]


def test_runs_as_who_the_chart_says():
    assert words("USER") == [[f"{debianbase.USER}:{debianbase.USER}"]]
    deployed = yaml.safe_load_all((CHECKOUT / "deploy" / "regcred.yaml").read_text())
    (deployment,) = [obj for obj in deployed if obj and obj["kind"] == "Deployment"]
    context = deployment["spec"]["template"]["spec"]["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (debianbase.USER, debianbase.USER)
    assert words("ENTRYPOINT") == [['["regcred"]']]


def test_every_provider_can_be_asked():
    synced = [line for line in LINES if "uv sync" in line]
    assert len(synced) == 2
    assert all("--no-dev --all-extras" in line for line in synced)


def test_what_is_copied_is_there_and_not_ignored():
    kept = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines()}
    copied = {name for words_ in words("COPY") for name in words_[:-1]} - {"--from=build"}
    for name in copied - {"/opt/regcred"}:
        assert (CHECKOUT / name).exists(), name
        assert name in kept
