"""Manifests of every kind that makes Pods, as plain data with anchors, aliases and merge keys.

Choices are drawn as in `tests.support.yamlstyles`, which writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.manifests.podplaces import KINDS
from tests.support.samplenodes import Anchored, Chooser, Empty, Merge, Reference

if TYPE_CHECKING:
    from regcred.core.manifests.podplaces import Place

FIELD = "imagePullSecrets"
#: Names of pull Secrets, some of which YAML would read as something else than a string.
NAMES = ("regcred", "other", "a.b-c", "1e3", "true", "null", "0x1f", "12", "2026-11-22", "y")
_STRINGS = (
    "text",
    "two words",
    "",
    " spaces ",
    "# no comment",
    "a: b",
    "a:b#c",
    "- item",
    'it\'s "quoted"',
    "{{ .Values.image }}",
    "*alias",
    "<<",
    "null",
    "yes",
    "12",
    "back\\slash",
    "tab\tcontrol\x07\x85\u2028\ufeff",
    "ü 🎉",
    "one\ntwo\n",
    "one two three\n\nfour\n",
    "kept\n\n\n",
    "  indented\n more\n",
    "\nafter a break",
    "no end\n  more\n\nspec:\n  imagePullSecrets:\n  - name: regcred",
    "---\nkind: Pod\n---\n",
    "imagePullSecrets:\n- name: fake\n",
)
_WORKLOADS = tuple(KINDS)


def documents(choose: Chooser) -> list[Any]:
    """Some documents; None is an empty one."""
    found: list[Any] = []
    for _ in range(choose.pick((1, 1, 2, 3))):
        if choose.one_in(12):
            found.append(None)
            continue
        anchors = _Anchors(choose) if choose.one_in(3) else None
        document = _document(choose)
        found.append(anchors.share(document) if anchors else document)
    return found


def _document(choose: Chooser) -> dict[str, Any]:
    form = choose.pick(("object", "object", "object", "List", "KindList", "other"))
    if form == "object":
        return _object(choose, *choose.pick(_WORKLOADS))
    if form == "List":
        version, kind = choose.pick((("v1", "List"), ("config.kubernetes.io/v1", "ResourceList")))
        items = [_document(choose) if choose.one_in(8) else _any(choose) for _ in _few(choose)]
        return _ordered(choose, {"apiVersion": version, "kind": kind, "items": items})
    if form == "KindList":
        kind, group = choose.pick((("Deployment", "apps"), ("Pod", ""), ("ServiceAccount", "")))
        items = [_any(choose, kind, group) for _ in _few(choose)]
        for item in items:
            if choose.one_in(2):
                del item["kind"], item["apiVersion"]
        document = {"apiVersion": _version(choose, group), "kind": f"{kind}List", "items": items}
        return _ordered(choose, document)
    return _other(choose)


def _any(choose: Chooser, kind: str = "", group: str = "") -> dict[str, Any]:
    if kind == "ServiceAccount" or (not kind and choose.one_in(4)):
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(choose)}
        account["secrets"] = [{"name": "token"}]
        return _ordered(choose, _with_list(choose, account))
    if not kind and choose.one_in(4):
        return _other(choose)
    return _object(choose, *((kind, group) if kind else choose.pick(_WORKLOADS)))


def _other(choose: Chooser) -> dict[str, Any]:
    """An object that is none of ours, though it looks like it."""
    kind, version = choose.pick(
        (("ConfigMap", "v1"), ("Deployment", "example.com/v1"), ("Pod", "apps/v1"), ("", ""))
    )
    template = {"spec": _pod_spec(choose)}
    document = {"apiVersion": version, "kind": kind, "metadata": _metadata(choose)}
    document |= {"data": {"text": choose.pick(_STRINGS)}, "spec": {"template": template}}
    return _ordered(choose, {key: value for key, value in document.items() if value})


def _object(choose: Chooser, kind: str, group: str) -> dict[str, Any]:
    document: dict[str, Any] = {"apiVersion": _version(choose, group), "kind": kind}
    document["metadata"] = _metadata(choose)
    for place in KINDS[kind, group]:
        if choose.one_in(6):
            continue
        _put(choose, document, place, place.path)
    return _ordered(choose, document)


def _version(choose: Chooser, group: str) -> str:
    if "/" in group:
        return group
    version = str(choose.pick(("v1", "v1beta2")))
    return f"{group}/{version}" if group else "v1"


def _put(choose: Chooser, into: dict[str, Any], place: Place, path: tuple[str, ...]) -> None:
    """Put Pod specs into `into` at all that `path` names."""
    key, rest = path[0], path[1:]
    if not rest:
        holder = into[key] = into.get(key) or {}
        if choose.one_in(20):
            into[key] = choose.pick((None, Empty, [], "text", {}))
            return
        spec = holder
        for below in place.below if choose.one_in(2) else ():
            spec = spec.setdefault(below, {})
        spec.update(_pod_spec(choose))
        return
    if rest[0] != "*":
        below = into.setdefault(key, _labels(choose))
        if isinstance(below, dict):
            _put(choose, below, place, rest)
        return
    every = []
    for _ in _few(choose):
        item: dict[str, Any] = {"replicas": 2} if choose.one_in(2) else {}
        _put(choose, item, place, rest[1:])
        every.append(item)
    names = choose.one_in(2)
    into[key] = {f"worker{n}": item for n, item in enumerate(every)} if names else every


def _few(choose: Chooser) -> range:
    return range(choose.pick((1, 2, 3)))


def _labels(choose: Chooser) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": choose.pick(_STRINGS)}}} if choose.one_in(3) else {}


def _metadata(choose: Chooser) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": choose.pick(("web", "db", "1"))}
    if choose.one_in(3):
        metadata["namespace"] = choose.pick(("team-a", "default"))
    if choose.one_in(3):
        metadata["annotations"] = {"note": choose.pick(_STRINGS), "b c": choose.pick(_STRINGS)}
    return _ordered(choose, metadata)


def _pod_spec(choose: Chooser) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if not choose.one_in(8):
        spec["containers"] = [_container(choose) for _ in _few(choose)]
    if choose.one_in(4):
        spec["serviceAccountName"] = choose.pick(("default", "builder"))
    if choose.one_in(4):
        spec["hostNetwork"] = choose.pick((True, False))
    if choose.one_in(4):
        spec["nodeSelector"] = {} if choose.one_in(2) else {"zone": choose.pick(_STRINGS)}
    return _ordered(choose, _with_list(choose, spec))


def _with_list(choose: Chooser, holder: dict[str, Any]) -> dict[str, Any]:
    form = choose.pick(("none", "none", "entries", "entries", "empty", "left out"))
    if form == "entries":
        holder[FIELD] = [_entry(choose) for _ in _few(choose)]
    elif form != "none":
        holder[FIELD] = [] if form == "empty" else Empty
    return holder


def _entry(choose: Chooser) -> dict[str, Any]:
    entry = {"name": choose.pick(NAMES)}
    return _ordered(choose, {**entry, "more": choose.pick(_STRINGS)}) if choose.one_in(5) else entry


def _container(choose: Chooser) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "app",
        "image": choose.pick(("nginx", "r.example.com/a:1")),
    }
    if choose.one_in(3):
        container["args"] = [choose.pick(_STRINGS) for _ in _few(choose)]
    if choose.one_in(5):
        container["command"] = [["nested", [choose.pick(_STRINGS)]], None, Empty][
            choose.pick((0, 1))
        ]
    if choose.one_in(4):
        container["env"] = [{"name": "A", "value": choose.pick(_STRINGS)}]
    return _ordered(choose, container)


def _ordered(choose: Chooser, mapping: dict[Any, Any]) -> dict[Any, Any]:
    """`mapping` with its keys in another order, perhaps."""
    if not choose.one_in(3):
        return mapping
    rest, ordered = list(mapping), {}
    while rest:
        key = choose.pick(rest)
        rest.remove(key)
        ordered[key] = mapping[key]
    return ordered


@dataclass
class _Anchors:
    """Lets parts of a document share what has the same place in a manifest."""

    choose: Chooser
    done: dict[str, list[Anchored]] = field(default_factory=dict)
    count: int = 0

    def share(self, value: Any, place: str = "") -> Any:
        """`value` with anchors, and with aliases in place of some of its parts."""
        before = self.done.get(place, [])
        if before and self.choose.one_in(2):
            return Reference(self.choose.pick(before).name)
        if isinstance(value, list):
            shared: Any = [self.share(item, f"{place}[]") for item in value]
        elif isinstance(value, dict):
            shared = self._merging(value, place)
        else:
            shared = value
        if value is Empty or not place or not self.choose.one_in(4):
            return shared
        self.count += 1
        anchored = Anchored(f"a{self.count}", shared)
        self.done.setdefault(place, []).append(anchored)
        return anchored

    def _merging(self, value: dict[str, Any], place: str) -> dict[Any, Any]:
        known = [a for a in self.done.get(place, []) if isinstance(a.value, dict)]
        pairs = [(key, self.share(below, key)) for key, below in value.items()]
        if not self.choose.one_in(3):
            return dict(pairs)
        at = self.choose.pick(range(len(pairs) + 1))
        merged: Any = Reference(self.choose.pick(known).name) if known else {}
        if not known or self.choose.one_in(4):
            end = self.choose.pick(range(at, len(pairs) + 1))
            inline = dict(pairs[at:end]) or {"extra": "x"}
            merged = [merged, inline] if known and self.choose.one_in(2) else inline
            del pairs[at:end]
        return dict([*pairs[:at], (Merge, merged), *pairs[at:]])


def expand(value: Any, anchors: dict[str, Any] | None = None) -> Any:
    """What a sample means, as plain data."""
    anchors = {} if anchors is None else anchors
    if isinstance(value, Anchored):
        anchors[value.name] = expanded = expand(value.value, anchors)
        return expanded
    if isinstance(value, Reference):
        return anchors[value.name]
    if isinstance(value, list):
        return [expand(item, anchors) for item in value]
    if not isinstance(value, dict):
        return None if value is Empty else value
    own, merged = {}, {}
    for key, below in value.items():
        expanded = expand(below, anchors)
        if key is Merge:
            for mapping in reversed(expanded) if isinstance(expanded, list) else [expanded]:
                merged.update(mapping)
        else:
            own[key] = expanded
    return {**merged, **own}
