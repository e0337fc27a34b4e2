"""Settings that a minter's hint names, as flags."""

import pytest

from regcred.cli.sourceflags import SETTINGS, as_flags
from tests.support.raising import hints, texts


@pytest.mark.parametrize(
    ("kind", "hint", "said"),
    [
        ("ecr", "set region, or write it", "give --set region=…, or write it"),
        (
            "acr",
            "set tenantId and clientId",
            "give --set tenantId=… and --set clientId=…",
        ),
        ("harbor", "check projects and url", "check --set projects=… and --set url=…"),
        ("exec", "timeoutSeconds gives it longer", "--set timeoutSeconds=… gives it longer"),
        ("harbor", "accounts for several projects take more", None),
        ("quay", "set the robot federation of a+b to issuer x", None),
        ("gitlab", "does example.com/project lead to a url.path?", None),
        ("ecr", "set the clock right", None),
    ],
)
def test_what_is_a_setting_becomes_a_flag(kind, hint, said):
    assert as_flags(hint, kind) == (said or hint)


#: Modules of the minters that serve one kind.
KINDS = {
    "minters/acr.py": "acr",
    "minters/entra.py": "acr",
    "minters/entrafailures.py": "acr",
    "minters/ecr.py": "ecr",
    "minters/ecrplaces.py": "ecr",
    "minters/awsfailures.py": "ecr",
    "minters/dockerhub.py": "dockerHub",
    "minters/execplugin.py": "exec",
    "minters/program.py": "exec",
    "minters/github.py": "githubApp",
    "minters/gitlab.py": "gitlab",
    "minters/google.py": "googleArtifactRegistry",
    "minters/googlekey.py": "googleArtifactRegistry",
    "minters/harbor.py": "harbor",
    "minters/quay.py": "quay",
}


def test_no_hint_of_a_minter_keeps_a_setting_to_be_set():
    found = 0
    for where, node in hints():
        kind = KINDS.get(where.partition(":")[0])
        for text in texts(node) if kind else ():
            said = as_flags(text, kind)
            found += said != text
            assert not any(f"set {key}" in said.replace("--set ", "") for key in SETTINGS[kind])
    assert found > 5
