"""Targets for YAML and JSON that people write: manifests, ResourceLists, kubeconfigs, diffs."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import yaml

from regcred.core.errors import InvalidKubeconfig, InvalidManifest
from regcred.core.formats import utf8
from regcred.core.formats.documents import split
from regcred.core.manifests import krm
from regcred.core.manifests.inject import Injector, Request
from regcred.core.manifests.plainobjects import Reader
from regcred.core.manifests.unifieddiff import UnifiedDiff
from regcred.core.manifests.yamlsplice import Insertion, apply
from regcred.kube import kubeconfig, yamltext
from tests.fuzz.target import CANARY, hidden_in, refusing, target, text_of
from tests.support.injectproperties import check_injected, documents_of
from tests.support.yamlreading import Unreadable, read

_WORDS = (
    "imagePullSecrets: imagePullSecrets:null []  {} spec: template: containers: &a *a <<: *a1 "
    "--- ... | > |+ ? - : # !!str !!binary %YAML {{ \\t kind:Pod kind:List items: apiVersion:v1"
)
#: PyYAML, which the tests compare with, ends the process where a text is nested by as much.
_DEEP = 5_000
_REQUEST = Request(("regcred", "other"), serviceaccounts=True)
_PUMPED = (
    ("kind: Pod\napiVersion: v1\nspec:\n  containers:\n", "  - image: a\n", ""),
    ("", "---\nkind: Pod\napiVersion: v1\nspec: {}\n", ""),
    ("", "- ", ""),
    ("", "[", ""),
    ('{"kind":"List","apiVersion":"v1","items":[{}', ",{}", "]}"),
    ("a: |\n", "  b\n", ""),
    ("", "#\n", ""),
    ("", "? ", ""),
)


def _texts(data: bytes) -> str:
    with refusing(InvalidManifest, hints=True):
        return "".join(utf8.decode([data], "it.yaml"))
    raise AssertionError


@target("manifest", words=_WORDS, pumped=_PUMPED)
def manifest(data: bytes) -> None:
    """Manifests gain entries and keep every other byte, as libyaml reads both, or stay."""
    text = _texts(data)
    found = documents_of(text)
    try:
        if max(map(text.count, "[{-?")) > _DEEP:
            raise RecursionError
        for document in found:
            if not document.empty:
                read(document.text)
    except (Unreadable, RecursionError):
        with refusing(InvalidManifest):
            for document in found:
                Injector(_REQUEST, "it.yaml").inject(document)
        return
    with refusing(InvalidManifest):
        check_injected(text, _REQUEST)


@target("objects", words=_WORDS + " Secret data: stringData: ServiceAccount", pumped=_PUMPED)
def objects(data: bytes) -> None:
    """What `check -f` sees of manifests is text with its line, and no more than was written."""
    text = _texts(data)
    lines = len(re.findall(r"\r\n|\r|\n", text)) + 1
    for document in split([text], "it.yaml"):
        with refusing(InvalidManifest):
            for found in Reader("it.yaml", (), "check").read(document):
                assert 1 <= found.line <= lines
                assert isinstance(found.content, dict)


@target("resource-list", words=_WORDS + " functionConfig: ResourceList results: secrets:")
def resource_list(data: bytes) -> None:
    """A ResourceList stays one with the same items, but for entries; after an error unchanged."""
    text = _texts(data)
    with refusing(InvalidManifest):
        answer = krm.run(text, {})
    before, after = _loaded(text), _loaded(answer.text)
    if before is None:
        return
    assert after is not None, "it was a ResourceList that libyaml reads, and is none"
    old, new = before.get("items") or [], after.get("items") or []
    assert len(old) == len(new)
    assert {*before} - {"results"} == {*after} - {"results"}
    if answer.failed:
        assert old == new
    for result in answer.results:
        assert len(result.message) <= 8_000


def _loaded(text: str):  # type: ignore[no-untyped-def]
    try:
        found = yaml.load(text, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError):
        return None
    return found if isinstance(found, dict) else None


@target(
    "kubeconfig",
    words="clusters: contexts: users: current-context: cluster: server: user: exec: command: "
    "token: certificate-authority-data: tls-server-name: - &a *a <<: {<<: name: null yes 0x1F 1e3",
    pumped=(("a: ", "[", ""), ("clusters:\n", "- {name: a, cluster: {}}\n", ""), ("", "- ", "")),
)
def a_kubeconfig(data: bytes) -> None:
    """A kubeconfig is refused without a value of it, and JSON is read as JSON says."""
    with suppress(ValueError, RecursionError):
        document = json.loads(data)
        if _is_plain(document):
            assert yamltext.loads(data) == document
    with refusing(InvalidKubeconfig, secret=_hidden_in(data)):
        found = kubeconfig.parse(data, path="config")
        selected = kubeconfig.select(kubeconfig.merge([found, found]))
    assert CANARY not in repr(selected) or CANARY in repr([*found.clusters, *found.contexts])


#: Fields of a kubeconfig whose values are names, which an error may say.
_NAMES = ("kind", "apiVersion", "current-context", "name", "context", "cluster", "user", "command")


def _hidden_in(data: bytes) -> str:
    try:
        return hidden_in(yamltext.loads(data), _NAMES)
    except yamltext.NotYAML:
        return CANARY


def _is_plain(document: object) -> bool:
    """Whether YAML 1.1 knows its numbers and strings as JSON does."""
    match document:
        case dict():
            return all(map(_is_plain, document.values())) and all(map(_is_plain, document))
        case list():
            return all(map(_is_plain, document))
        case str():
            return document.isprintable() and document.isascii()
        case float() | int():
            return isinstance(document, bool) or (
                abs(document) < 2**53 and document == int(document)
            )
    return True


@target("diff", words="\\n 0 1 2 3 5 8 13 21 a b é", pumped=(("3 7\n", "a\n", ""),))
def diff(data: bytes) -> None:
    """A patch made of the diff's lines turns the old text into the new one."""
    head, _, text = text_of(data).partition("\n")
    places = sorted({min(int(n), len(text)) for n in re.findall(r"[0-9]{1,5}", head)})
    insertions = [Insertion(at, "x\ny\n" if at % 2 else ", z") for at in places]
    differ = UnifiedDiff("old", "new")
    lines = [line for _, line in (*differ.add(text, insertions), *differ.close())]
    assert _patched(text, "".join(lines)) == apply(text, insertions)


def _patched(old: str, difference: str) -> str:
    """What patch makes of `old`: each hunk at its place, all old lines as they are."""
    left = re.findall(r"[^\n]*\n|[^\n]+", old)
    lines = re.findall(r"[^\n]*\n", difference)[2:]
    new: list[str] = []
    at = 0
    for number, line in enumerate(lines):
        cut = lines[number + 1 : number + 2] == ["\\ No newline at end of file\n"]
        kind, text = line[0], line[1:-1] if cut else line[1:]
        if kind == "@":
            start, count = re.match(r"@ -([0-9]+)(?:,([0-9]+))?", text).groups()  # type: ignore[union-attr]
            to = int(start) if count == "0" else int(start) - 1
            new += left[at:to]
            at = to
        if kind in " -":
            assert left[at] == text
            at += 1
        if kind in " +":
            new.append(text)
    return "".join(new + left[at:])
