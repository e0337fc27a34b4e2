"""Pods and templates of Pods in objects: from manifests and from the API.

The places of each kind are those of `regcred.core.manifests.podplaces`. Image volumes count:
kubelet pulls them with the same credentials
(https://kubernetes.io/docs/concepts/storage/volumes/#image).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from regcred.core.errors import InvalidInput
from regcred.core.manifests import podplaces
from regcred.core.manifests.manifestpath import FIELD, show
from regcred.core.pods.podform import check_spec, check_way
from regcred.core.pods.podtemplate import Container, PodTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regcred.core.manifests.manifestpath import KindPath, Path
    from regcred.core.manifests.podplaces import Part, Place

_ARCH, _OS = "kubernetes.io/arch", "kubernetes.io/os"


def templates(
    obj: dict[str, Any],
    *,
    namespace: str = "",
    file: str = "",
    extra: tuple[KindPath, ...] = (),
    exists: bool = False,
) -> Iterator[PodTemplate]:
    """The Pod templates in an object; none in one that makes no Pods.

    Args:
        obj: with its kind and apiVersion.
        namespace: where it names none.
        file: the stream that it is in.
        extra: more places, from ``--path``.
        exists: whether it comes from the API server: its Pods are made.

    Raises:
        InvalidInput: a list of pull Secrets, of containers or of volumes is none.
    """
    kind, api_version = str(obj.get("kind") or ""), str(obj.get("apiVersion") or "")
    metadata = _mapping(obj.get("metadata"))
    name = str(metadata.get("name") or "") or f"{metadata.get('generateName') or ''}*"
    for place in podplaces.places(kind, api_version, extra):
        check_way(obj, place.path, f"{kind.lower()}/{name}")
        for spec in _descend(obj, place.path):
            check_spec(spec, place, f"{kind.lower()}/{name}")
            selector = _mapping(_mapping(spec).get("nodeSelector"))
            for pods, containers in _pods(spec, place, f"{kind.lower()}/{name}"):
                yield PodTemplate(
                    f"{kind.lower()}/{name}",
                    str(metadata.get("namespace") or "") or namespace,
                    pods.account,
                    pods.secrets,
                    tuple(containers),
                    show((*place.path, *place.below)),
                    file,
                    exists and kind == "Pod",
                    str(selector.get(_OS) or ""),
                    str(selector.get(_ARCH) or ""),
                    pods.nameless,
                )


def names(listed: Any, what: str) -> list[str]:
    """The names in a list of ``imagePullSecrets``; the API server takes null for an empty one.

    Raises:
        InvalidInput: it is no list of mappings.
    """
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(e, dict | None) for e in listed):
        raise InvalidInput(
            f"{FIELD} of {what} is no list of names", hint=f"write {FIELD}: [{{name: NAME}}]"
        )
    found = (str(_mapping(entry).get("name") or "") for entry in listed)
    return list(dict.fromkeys(filter(None, found)))


class _Pods(NamedTuple):
    """What some Pods of a place have in common: see `PodTemplate`."""

    account: str
    secrets: tuple[str, ...]
    nameless: bool


def _pods(spec: Any, place: Place, what: str) -> Iterator[tuple[_Pods, list[Container]]]:
    """The Pods of a place, and what they need images for."""
    found: dict[_Pods, list[Container]] = {}
    for path in place.images:
        part = place.part(path)
        within = part.path if part else ()
        for maker in _descend(spec, within):
            containers = list(_containers(maker, path[len(within) :]))
            if containers:
                found.setdefault(_of(spec, place, part, maker, what), []).extend(containers)
    if place.images and (volumes := list(_volumes(_mapping(spec)))):
        found.setdefault(_of(spec, place, None, spec, what), []).extend(volumes)
    yield from found.items()


def _of(spec: Any, place: Place, part: Part | None, maker: Any, what: str) -> _Pods:
    """What the Pods have that `maker` makes, a mapping that `part` leads to."""
    account, listed = "", None
    if part:
        settings = _settings(spec, part, maker)
        account = _text(settings, part.account) or _text(spec, part.inherited)
        listed = next(_descend(settings, (*part.below, FIELD)), None) if part.below else None
    if listed is None:
        listed = next(_descend(spec, (*place.below, FIELD)), None)
    for path in (*place.accounts[:1], ("serviceAccount",)):
        account = account or _text(spec, path)
    secrets = tuple(names(listed, what))
    return _Pods(account or "default", secrets, bool(listed) and not secrets)


def _settings(spec: Any, part: Part, maker: Any) -> Any:
    if not part.settings:
        return maker
    theirs, own = part.named
    name = _text(maker, (own,))
    every = _descend(spec, part.settings) if name else ()
    return next((each for each in every if _text(each, (theirs,)) == name), None)


def _text(value: Any, path: Path) -> str:
    """What stands at `path`; empty where nothing does, or where that is empty itself."""
    return str(next(_descend(value, path), None) or "") if path else ""


def _containers(maker: Any, path: Path) -> Iterator[Container]:
    for holder in _descend(maker, path[:-1]):
        container = _mapping(holder)
        image = container.get(path[-1])
        if isinstance(image, str) and image:
            policy = str(container.get("imagePullPolicy") or "")
            yield _container(str(container.get("name") or ""), image, policy)


def _volumes(spec: dict[str, Any]) -> Iterator[Container]:
    for each in _descend(spec, ("volumes", "*")):
        volume = _mapping(_mapping(each).get("image"))
        image = volume.get("reference")
        if isinstance(image, str) and image:
            name = f"volume/{_mapping(each).get('name') or ''}"
            yield _container(name, image, str(volume.get("pullPolicy") or ""))


def _container(name: str, image: str, policy: str) -> Container:
    return Container(name, str(image), policy, getattr(image, "line", 0))


def _descend(value: Any, path: Path) -> Iterator[Any]:
    if not path:
        yield value
        return
    key, *rest = path
    if key == "*":
        below = value if isinstance(value, list) else _mapping(value).values()
        for item in below:
            yield from _descend(item, tuple(rest))
    elif key in _mapping(value):
        yield from _descend(value[key], tuple(rest))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
