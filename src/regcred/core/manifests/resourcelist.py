"""The wire format of KRM functions: a ResourceList, read as text and given results.

A function SHOULD keep comments, so the text is not loaded and dumped: the items, the
functionConfig and the results are found in it, and what a function says is put in.

Source: https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from regcred.core.errors import InvalidManifest
from regcred.core.formats import gojson, goyaml
from regcred.core.formats.documents import Document
from regcred.core.manifests import manifestread
from regcred.core.manifests.manifest import resolve
from regcred.core.manifests.manifesttree import (
    ALL,
    Mapping,
    Node,
    NotYAML,
    Scalar,
    Sequence,
    Tree,
    Wanted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

API_VERSION, KIND = "config.kubernetes.io/v1", "ResourceList"
_KINDS = (f"{API_VERSION} {KIND}", f"{API_VERSION}beta1 {KIND}")

#: Where an orchestrator says which file an item is from; the second is older.
_PATH = ("internal.config.kubernetes.io/path", "config.kubernetes.io/path")
_INDEX = ("internal.config.kubernetes.io/index", "config.kubernetes.io/index")
#: Names of an object before kustomize changed them, joined by commas.
_FORMER = "internal.config.kubernetes.io/previousNames"
_METADATA = {"name": Wanted(), "generateName": Wanted(), "namespace": Wanted(), "annotations": ALL}
_ITEM = {"apiVersion": Wanted(), "kind": Wanted(), "metadata": Wanted(_METADATA)}
_WANTED = Wanted(
    {
        "apiVersion": Wanted(),
        "kind": Wanted(),
        "items": Wanted({"*": Wanted(_ITEM)}),
        "functionConfig": ALL,
        "results": ALL,
    }
)
#: Characters that YAML wants escaped and JSON does not.
_NOT_IN_YAML = "[\x7f-\x9f\ufeff\ufffe\uffff]"

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Item:
    """An object in a ResourceList, or its functionConfig.

    Args:
        api_version: as written, as is all that follows.
        kind: of the object.
        name: empty for an object that has none yet.
        namespace: empty where it is not written.
        key: kind in lower case and name, as `regcred.core.manifests.inject.Change` names objects.
        file: where the orchestrator read it, relative to the package; may be empty.
        index: of the object in that file, from 0.
        former: names that it had, by which others may still refer to it.
        start: offset of its first character in the text.
        end: offset behind its last character.
    """

    api_version: str
    kind: str
    name: str
    namespace: str
    key: str
    file: str
    index: int
    former: tuple[str, ...]
    start: int
    end: int

    @property
    def reference(self) -> dict[str, str] | None:
        """A ``resourceRef``; None where a name, which it must have, is missing."""
        if not (self.api_version and self.kind and self.name):
            return None
        found = {"apiVersion": self.api_version, "kind": self.kind, "name": self.name}
        return found | ({"namespace": self.namespace} if self.namespace else {})


@dataclass(frozen=True, slots=True)
class Result:
    """What a function has to say.

    Args:
        message: one sentence, which does not name `item`.
        severity: ``error``, ``warning`` or ``info``.
        item: what it is about, if it is one object.
        field: the path in it, from the object: ``spec.template.spec.imagePullSecrets``.
    """

    message: str
    severity: Severity
    item: Item | None = None
    field: str = ""

    def __str__(self) -> str:
        where = []
        if self.item and self.item.reference:
            where.append(self.item.key)
        if self.item and self.item.namespace:
            where.append(f"in {self.item.namespace}")
        if self.item and self.item.file:
            where.append(f"({self.item.file})")
        return f"{' '.join(where)}: {self.message}" if where else self.message

    def as_object(self) -> dict[str, Any]:
        """This result as the specification has it."""
        found: dict[str, Any] = {"message": self.message, "severity": self.severity}
        reference = self.item.reference if self.item else None
        if reference:
            found["resourceRef"] = reference
            if self.field:
                found["field"] = {"path": self.field}
        if self.item and self.item.file:
            found["file"] = {"path": self.item.file, "index": self.item.index}
        return found


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of text that takes the place of another; an insertion where `at` is `end`."""

    at: int
    end: int
    text: str


class ResourceList:
    """A ResourceList in a text.

    Args:
        text: all of it.
        tree: what was read of it.
        root: the ResourceList itself.
    """

    def __init__(self, text: str, tree: Tree, root: Mapping) -> None:
        self.text = text
        self._tree, self._root = tree, root
        items = resolve(root.get("items"))
        nodes = items.items if isinstance(items, Sequence) else []
        self.items = [_item(node) for node in map(resolve, nodes) if isinstance(node, Mapping)]
        #: The functionConfig; None where there is none.
        self.config = resolve(root.get("functionConfig"))
        if isinstance(self.config, Scalar) and self.config.null:
            self.config = None

    def config_item(self) -> Item | None:
        """The functionConfig as an object; None where there is none."""
        return _item(self.config) if isinstance(self.config, Mapping) else None

    def item_at(self, at: int) -> Item | None:
        """The object in which the offset `at` is, the functionConfig too."""
        config = self.config_item()
        every = [*self.items, config] if config else self.items
        return next((item for item in every if item.start <= at < item.end), None)

    def edited(self, edits: Iterable[Edit], results: list[Result]) -> str:
        """The text with `edits` (sorted by their places) and, behind those before, `results`.

        Raises:
            InvalidManifest: there is no place for results.
        """
        every = list(edits)
        if results:
            objects = [result.as_object() for result in results]
            try:
                every.append(self._with_results(objects))
            except NotYAML as error:
                raise _refused(self.text, error) from None
            every.sort(key=lambda edit: edit.at)
        parts, at = [], 0
        for edit in every:
            parts += [self.text[at : edit.at], edit.text]
            at = edit.end
        return "".join((*parts, self.text[at:]))

    def _with_results(self, objects: list[dict[str, Any]]) -> Edit:
        root, before = self._root, self._root.get("results")
        if before is None:
            if root.flow:
                return _insert(root.brace + 1, f'"results":{_flow(objects)}, ')
            return self._lines_behind(root.end, root.column, goyaml.dumps({"results": objects}))
        if isinstance(before, Scalar) and before.null:
            space = "" if self.text[before.start - 1].isspace() else " "
            return Edit(before.start, before.end, space + _flow(objects))
        if not isinstance(before, Sequence):
            raise NotYAML("results is not a list", before.start)
        if not before.flow:
            _, _, block = goyaml.dumps({"results": objects}).partition("\n")
            return self._lines_behind(before.end, before.column, block)
        if before.items:
            return _insert(before.items[-1].end, f", {_flow(objects)[1:-1]}")
        return _insert(before.brace + 1, _flow(objects)[1:-1])

    def _lines_behind(self, end: int, column: int, block: str) -> Edit:
        """Put the lines of `block`, indented by `column`, behind the line that holds `end`."""
        text = self.text
        at = end if text[end - 1] == "\n" else text.find("\n", end) + 1 or len(text)
        if at == len(text) and self._tree.open_end:
            raise NotYAML("there is no line for results", end)
        block = "".join(f"{' ' * column}{line}\n" for line in block.split("\n")[:-1])
        return _insert(at, block if text[at - 1] == "\n" else "\n" + block.removesuffix("\n"))


def read(text: str) -> ResourceList:
    """The ResourceList in `text`.

    Raises:
        InvalidManifest: it cannot be read, or is none.
    """
    try:
        trees = list(manifestread.trees(text, _WANTED))
        root = resolve(trees[0].root) if len(trees) == 1 else None
        kind = f"{string(root, 'apiVersion')} {string(root, 'kind')}"
        if not isinstance(root, Mapping) or kind not in _KINDS:
            is_ = "nothing" if not trees else kind.strip() if root else f"{len(trees)} documents"
            raise NotYAML(f"a {API_VERSION} {KIND} is expected here, not {is_ or 'this'}", 0)
        seen: set[str] = set()
        for key, at, _ in root.entries:
            if key in seen:
                raise NotYAML(f"the key {key!r} stands twice in the {KIND}", at)
            seen.add(key)
    except NotYAML as error:
        raise _refused(text, error) from None
    return ResourceList(text, trees[0], root)


def string(node: Node | None, *path: str) -> str:
    """The string at `path` below `node`, by its own keys; empty where there is none."""
    for key in path:
        node = resolve(node)
        node = node.get(key) if isinstance(node, Mapping) else None
    node = resolve(node)
    return node.value if isinstance(node, Scalar) and not node.null else ""


def _item(node: Mapping) -> Item:
    kind, name = string(node, "kind"), string(node, "metadata", "name")
    annotations = resolve(node.get("metadata"))
    annotations = annotations.get("annotations") if isinstance(annotations, Mapping) else None
    files, indices = (
        [found for key in keys if (found := string(annotations, key))] for keys in (_PATH, _INDEX)
    )
    index = indices[0] if indices else ""
    return Item(
        string(node, "apiVersion"),
        kind,
        name,
        string(node, "metadata", "namespace"),
        f"{kind.lower()}/{name or string(node, 'metadata', 'generateName') + '*'}",
        files[0] if files else "",
        int(index) if index.isdecimal() else 0,
        tuple(filter(None, string(annotations, _FORMER).split(","))),
        node.start,
        node.end,
    )


def _insert(at: int, text: str) -> Edit:
    return Edit(at, at, text)


def _flow(objects: list[dict[str, Any]]) -> str:
    """`objects` as JSON that is YAML too."""
    return re.sub(_NOT_IN_YAML, lambda c: f"\\u{ord(c[0]):04x}", gojson.dumps(objects))


def _refused(text: str, error: NotYAML) -> InvalidManifest:
    line, column = Document(text).locate(error.at)
    return InvalidManifest(
        f"the input:{line}:{column}: {error.problem}",
        hint="kustomize and kpt give a function a ResourceList; for manifests: regcred inject",
    )
