"""Commands of kubectl's that hints name: the real kubectl has the verb, its flags and the kind."""

import re

import pytest

from tests.support.raising import commands, hints, texts

NAMED = sorted(
    {
        tuple(words)
        for _, node in hints()
        for text in texts(node)
        for program, words in commands(text)
        if program == "kubectl" and words
    }
)
#: Verbs whose next word is a verb as well.
_GROUPS = {"create", "config", "auth", "rollout"}
#: Verbs whose next word is a kind.
_OF_KINDS = {"get", "describe", "delete", "edit", "scale", "explain"}
_OURS = {"pullcredential", "pullcredentials", "pcred"}


@pytest.fixture(scope="module")
def kinds(cluster):
    """All words for kinds that this API server knows."""
    said = cluster.kubectl("api-resources", "--no-headers").stdout.decode()
    words = {word.lower() for line in said.splitlines() for word in re.split(r"[\s,]+", line)}
    return words | {f"{line.split()[-1].lower()}" for line in said.splitlines()} | _OURS


@pytest.fixture(scope="module")
def everywhere(cluster):
    """Flags of all verbs."""
    return set(re.findall(r"--[a-z-]+", cluster.kubectl("options").stdout.decode())) | {"-n"}


def test_hints_of_kubectl_are_found():
    assert len(NAMED) > 20


@pytest.mark.parametrize("words", NAMED, ids=" ".join)
def test_kubectl_has_it(words, cluster, kinds, everywhere):
    verb, *rest = words
    path = [verb, rest[0]] if verb in _GROUPS and rest else [verb]
    if path == ["create", "secret"]:
        path = words[:3]
    done = cluster.kubectl(*path, "--help", check=False)
    said = done.stdout.decode()
    assert done.returncode == 0
    assert "Usage:" in said
    if len(path) > 1:
        assert f"kubectl {' '.join(path)}" in said, "kubectl shows the help of what it knows"
    flags = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][a-zA-Z-]*)\b", said)) | everywhere
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in flags
    if verb in _OF_KINDS and rest and not rest[0].startswith("-") and "X" not in rest[0]:
        kind = re.split(r"[/.]", rest[0])[0].lower()
        assert {kind, f"{kind}s"} & kinds
