"""The files that make regcred a part of other tools."""

import re
from pathlib import Path

import yaml

from regcred import __version__

INTEGRATIONS = Path(__file__).parents[2] / "integrations"


def test_helm_plugin_has_the_version_of_regcred():
    (file,) = INTEGRATIONS.glob("helm/*/plugin.yaml")
    plugin = yaml.safe_load(file.read_text())
    # Helm wants a strict semantic version: Python's .dev0 is none.
    assert plugin["version"] == re.match(r"\d+\.\d+\.\d+", __version__)[0]


def test_helm_plugin_has_the_name_of_its_folder_and_of_its_program():
    (file,) = INTEGRATIONS.glob("helm/*/plugin.yaml")
    plugin = yaml.safe_load(file.read_text())
    (command,) = plugin["runtimeConfig"]["platformCommand"]
    assert plugin["name"] == file.parent.name == command["command"]
