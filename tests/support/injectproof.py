"""What injecting into a manifest has to give, worked out without regcred's own eyes and hands.

Manifests are read by PyYAML's and Python's loaders, the Pod specs in them are looked up in a table
written from Kubernetes' API reference, and texts are compared by plain string code.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from regcred.core.formats.documents import split
from regcred.core.manifests.inject import Injected, Request, inject
from regcred.core.manifests.manifestpath import parse_kind_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Obj = dict[str, Any]
Path = tuple[str, ...]

FIELD = "imagePullSecrets"

_TEMPLATE = ("spec", "template", "spec")

CORE: Mapping[tuple[str, str], tuple[str, Path]] = {
    ("", "Pod"): ("pods", ("spec",)),
    ("", "PodTemplate"): ("podtemplates", ("template", "spec")),
    ("", "ReplicationController"): ("replicationcontrollers", _TEMPLATE),
    ("apps", "Deployment"): ("deployments", _TEMPLATE),
    ("apps", "ReplicaSet"): ("replicasets", _TEMPLATE),
    ("apps", "StatefulSet"): ("statefulsets", _TEMPLATE),
    ("apps", "DaemonSet"): ("daemonsets", _TEMPLATE),
    ("extensions", "Deployment"): ("deployments", _TEMPLATE),
    ("batch", "Job"): ("jobs", _TEMPLATE),
    ("batch", "CronJob"): ("cronjobs", ("spec", "jobTemplate", *_TEMPLATE)),
}
"""(API group, kind) → the plural in addresses, and the keys to the Pod spec. Of every version:
those that the API server no longer has are manifests all the same."""


class _Loader(yaml.CSafeLoader):
    """PyYAML's, for one more word that CRDs use: ``=`` (YAML 1.1's value key)."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


@cache
def load(text: str) -> list[Any]:
    """The documents in `text`, an empty one as None; shared, so not to be changed.

    Raises:
        ValueError: it is neither JSON nor YAML.
    """
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def objects(text: str) -> list[Obj]:
    """The objects in `text`, those of a List one by one."""
    return [obj for document in load(text) for obj in objects_in(document)]


def objects_in(document: Any) -> Iterator[Obj]:
    """The object that a document is, or those of a List one by one."""
    if not isinstance(document, dict):
        return
    if document.get("kind") != "List":
        yield document
        return
    for item in document.get("items") or ():
        yield from objects_in(item)


def at(obj: Any, path: Sequence[str]) -> Any:
    """What is at `path` in `obj`, or None."""
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj


def group_and_kind(obj: Obj) -> tuple[str, str]:
    """API group and kind of an object."""
    return str(obj.get("apiVersion") or "").rpartition("/")[0], str(obj.get("kind"))


def pod_specs(obj: Obj, custom: Mapping[str, tuple[Path, ...]] | None = None) -> list[Obj]:
    """The Pod specs of an object.

    Args:
        obj: the object.
        custom: kind of a custom resource → keys to its Pod specs.
    """
    group, kind = group_and_kind(obj)
    found = CORE.get((group, kind))
    paths = (found[1],) if found else (custom or {}).get(kind, ())
    return [spec for path in paths if isinstance(spec := at(obj, path), dict)]


def names(holder: Obj) -> list[str]:
    """The names in the list of a Pod spec or a ServiceAccount."""
    return [entry["name"] for entry in holder.get(FIELD) or ()]


@dataclass(frozen=True)
class Task:
    """What is injected, and where.

    Args:
        secrets: names of pull Secrets.
        custom: custom resources whose Pod specs are named: kind → keys to them.
        serviceaccounts: into the lists of ServiceAccounts too.
        images: only into Pods that use one of these, as written in the manifest.
        carried: the pull Secrets of every ServiceAccount, to be carried over.
        namespace: of objects that name none.
    """

    secrets: tuple[str, ...] = ("regcred", "other.example")
    custom: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    serviceaccounts: bool = False
    images: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    namespace: str = ""

    def request(self, text: str) -> Request:
        """The same for regcred."""
        paths = [
            parse_kind_path(f"{kind}={'.'.join(path)}")
            for kind, paths in self.custom.items()
            for path in paths
        ]
        accounts = {
            self._account(obj, spec)
            for obj in objects(text)
            for spec in pod_specs(obj, self.custom)
        }
        return Request(
            self.secrets,
            serviceaccounts=self.serviceaccounts,
            images=self.images,
            paths=tuple(paths),
            namespace=self.namespace,
            attached=dict.fromkeys(accounts, self.carried),
            keep=bool(self.carried),
        )

    def apply(self, document: Any) -> Any:
        """What a document has to be afterwards."""
        wanted = copy.deepcopy(document)
        for obj in objects_in(wanted):
            for holder, added in self._missing(obj):
                holder[FIELD] = [*(holder.get(FIELD) or ()), *({"name": name} for name in added)]
        return wanted

    def reports(self, text: str) -> list[tuple[Any, ...]]:
        """What has to be said: object, namespace, names added, ServiceAccounts that are cut off."""
        return sorted(
            (
                f"{obj['kind'].lower()}/{_name(obj)}",
                self._namespace(obj),
                tuple(added),
                () if names(holder) or holder is obj else (self._account(obj, holder),),
            )
            for obj in objects(text)
            for holder, added in self._missing(obj)
        )

    def _missing(self, obj: Obj) -> Iterator[tuple[Obj, list[str]]]:
        """Each list's holder that gains something, and what it gains."""
        holders = [spec for spec in pod_specs(obj, self.custom) if self._matches(spec)]
        if self.serviceaccounts and group_and_kind(obj) == ("", "ServiceAccount"):
            holders.append(obj)
        for holder in holders:
            listed = names(holder)
            carried = () if listed or holder is obj else self.carried
            every = dict.fromkeys((*carried, *self.secrets))
            if added := [name for name in every if name not in listed]:
                yield holder, added

    def _matches(self, spec: Obj) -> bool:
        used = {c.get("image") for kind in _CONTAINERS for c in spec.get(kind) or ()}
        return not self.images or bool(used & set(self.images))

    def _namespace(self, obj: Obj) -> str:
        return at(obj, ("metadata", "namespace")) or self.namespace

    def _account(self, obj: Obj, spec: Obj) -> tuple[str, str]:
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        return self._namespace(obj), name


_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def _name(obj: Obj) -> str:
    """The name in messages; one that the API server is to make up ends in ``*``."""
    metadata = obj.get("metadata") or {}
    return metadata.get("name") or metadata.get("generateName", "") + "*"


def injected(text: str, request: Request, name: str = "") -> list[tuple[str, Injected]]:
    """Each document of a file as it was, and what became of it."""
    return [(d.text, inject(d, request, name)) for d in split([text], name)]


def prove(text: str, name: str, task: Task) -> str:
    """Inject into a file; its new text, of which everything is proven that has to hold.

    Args:
        text: of the file.
        name: of the file.
        task: what is injected.
    """
    request = task.request(text)
    made = injected(text, request, name)
    assert "".join(before for before, _ in made) == text, name
    output = "".join(after.text for _, after in made)
    # It is the input with the entries, and nothing else.
    assert load(output) == [task.apply(document) for document in load(text)], name
    # Without what was put in it is the input; lines were put between lines, or a list grew.
    for before, after in made:
        assert _without_insertions(after) == before, name
        if not before.lstrip().startswith(("{", "[")):
            _assert_lines_stand(before, after.text, name)
    # Twice is once.
    again = injected(output, request, name)
    assert "".join(after.text for _, after in again) == output, name
    assert not any(after.insertions or after.changes for _, after in again), name
    # It says what it did, and where.
    changes = [change for _, after in made for change in after.changes]
    said = [(c.object, c.namespace, c.added, c.serviceaccounts) for c in changes]
    assert sorted(said, key=str) == sorted(task.reports(text), key=str), name
    assert all(1 <= c.line <= text.count("\n") + 1 for c in changes), name
    return output


def _without_insertions(after: Injected) -> str:
    """A document's new text, with what was put in cut out of it again."""
    assert list(after.insertions) == sorted(after.insertions, key=lambda one: one.at)
    text = after.text
    for count, insertion in reversed(list(enumerate(after.insertions))):
        begin = insertion.at + sum(len(one.text) for one in after.insertions[:count])
        end = begin + len(insertion.text)
        assert text[begin:end] == insertion.text
        text = text[:begin] + text[end:]
    return text


def _assert_lines_stand(before: str, after: str, name: str) -> None:
    """Every line of `before` is in `after`, in order: whole, or with a longer list in brackets."""
    new = iter(after.splitlines())
    for line in before.splitlines():
        grown = re.fullmatch(rf"([ -]*{FIELD}: *\[.*?)( *\].*)", line)
        start, end = grown.groups() if grown else (line, "")
        stands = (
            other == line or (grown and other.startswith(start) and other.endswith(end))
            for other in new
        )
        assert any(stands), f"{name}: {line}"
