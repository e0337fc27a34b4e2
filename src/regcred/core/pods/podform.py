"""Whether a Pod spec has the form in which it can be read.

What is passed over where a list should be would pass for one without images, and a gate that
looked at nothing is green. The API server takes none of this either
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidInput

if TYPE_CHECKING:
    from regcred.core.manifests.manifestpath import Path
    from regcred.core.manifests.podplaces import Place

#: Lists of a Pod spec, and where in an entry an image stands.
_LISTS: dict[str, Path] = {
    "containers": ("image",),
    "initContainers": ("image",),
    "ephemeralContainers": ("image",),
    "volumes": ("image", "reference"),
}


def check_way(obj: Any, path: Path, what: str) -> None:
    """Make sure that all on the way to a Pod spec can hold it.

    Args:
        obj: the object, or what is in it.
        path: from there to the Pod spec.
        what: the object, for a message.

    Raises:
        InvalidInput: something on the way is neither a mapping nor a list.
    """
    value = obj
    for at, key in enumerate(path):
        if key == "*":
            items = value if isinstance(value, list) else _mapping(value).values()
            for item in items:
                check_way(item, path[at + 1 :], what)
            return
        value = _mapping(value).get(key)
        if value is not None and not isinstance(value, dict | list):
            raise InvalidInput(
                f"{key} of {what} is no mapping",
                hint=f"write what its Pods are made of below {key}, or leave it out",
            )


def check_spec(spec: Any, place: Place, what: str) -> None:
    """Make sure that the containers and volumes of `spec` can be read.

    Args:
        spec: the mapping at a place of Pods.
        place: that place.
        what: the object, for messages.

    Raises:
        InvalidInput: a list of containers or volumes is none, has an entry that is no mapping, or
            one whose image is no string.
    """
    here = {path[0] for path in place.images} | {"volumes"} if place.images else ()
    for name, image in _LISTS.items():
        listed = _mapping(spec).get(name)
        if name not in here or listed is None:
            continue
        if not isinstance(listed, list):
            raise InvalidInput(f"{name} of {what} is no list", hint=f"write {name}: [{{…}}]")
        for entry in listed:
            if not isinstance(entry, dict):
                raise InvalidInput(
                    f"{name} of {what} has an entry that is no mapping",
                    hint="an entry is a mapping, like {name: NAME, image: IMAGE}",
                )
            _check_image(entry, image, f"{name} of {what}")


def _check_image(entry: dict[str, Any], path: Path, what: str) -> None:
    value: Any = entry
    for key in path:
        if not isinstance(value, dict):
            break
        value = value.get(key)
    if value is not None and not isinstance(value, str):
        name = entry.get("name")
        which = f"{name!s} in {what}" if name else what
        raise InvalidInput(
            f"the image of {which} is no string", hint="put it in quotes, if it is the image"
        )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
