"""Settings that a minter's hint names: fields to the operator, flags to who types them."""

import re

import pytest

from regcred.cli.sourceflags import SETTINGS
from regcred.core.errors import MintFailed
from regcred.core.setting import as_fields, as_flags, setting
from tests.support.raising import hints, texts


@pytest.mark.parametrize(
    ("hint", "field", "flag"),
    [
        (f"correct {setting('url')}", "correct url", "correct --set url=…"),
        (
            f"set {setting('tenantId')} and {setting('clientId')}",
            "set tenantId and clientId",
            "give --set tenantId=… and --set clientId=…",
        ),
        (
            f"does {setting('url')} lead to it?",
            "does url lead to it?",
            "does --set url=… lead to it?",
        ),
        ("needs the role Maintainer in project acme/app", None, None),
        ("set the robot federation of acme+robot to issuer x", None, None),
        ("", None, None),
    ],
)
def test_only_what_is_marked_becomes_a_flag(hint, field, flag):
    assert as_fields(hint) == (field if field is not None else hint)
    assert as_flags(hint) == (flag if flag is not None else hint)


def test_an_error_is_read_as_an_object_unless_its_mark_is_asked_for():
    error = MintFailed("MintFailed", "x", hint=f"correct {setting('url')}")
    assert (error.hint, as_flags(error.marked_hint)) == ("correct url", "correct --set url=…")
    error.hint = error.hint or "y"
    assert as_flags(error.marked_hint) == "correct url"


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
    "minters/googlefailures.py": "googleArtifactRegistry",
    "minters/googlekey.py": "googleArtifactRegistry",
    "minters/harbor.py": "harbor",
    "minters/quay.py": "quay",
}
#: Where the word is one of the language.
NO_SETTING = (
    "the operator's image or a volume brings it",
    "robot accounts for several projects take",
    "set the robot federation of X to",
)
HINTS = sorted(
    {
        (KINDS[where.partition(":")[0]], text)
        for where, node in hints()
        if where.partition(":")[0] in KINDS
        for text in texts(node)
    }
)


@pytest.mark.parametrize(("kind", "text"), HINTS)
def test_what_a_hint_marks_is_a_setting_and_no_other_word_is(kind, text):
    marked = re.findall(r"--set (\w+)=…", as_flags(text))
    assert set(marked) <= {*SETTINGS[kind]}
    left = re.sub(r"--set \w+=…", "", as_flags(text))
    words = re.findall(rf"(?<![\w./-])(?:{'|'.join(SETTINGS[kind])})(?![\w./=-])", left)
    assert not words or any(known in left for known in NO_SETTING)


def test_hints_with_settings_are_found():
    assert len({text for _, text in HINTS if as_fields(text) != text}) > 10
