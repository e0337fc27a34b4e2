"""What `inject` has to do, said with dicts and lists: the oracle of its property tests."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from regcred.core.manifests.podplaces import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELD = "imagePullSecrets"


def plain_inject(
    documents: list[list[Any]], secrets: tuple[str, ...], *, accounts: bool
) -> list[list[Any]]:
    """`documents` with an entry for each of `secrets` wherever Pods get their pull Secrets.

    Args:
        documents: the values in each, as plain data; left as they are.
        secrets: names.
        accounts: whether ServiceAccounts get them too.
    """
    # Not deepcopy of all at once: what is shared in memory is to be changed on its own.
    found: list[list[Any]] = _unshared(documents)
    for document in found:
        for value in document:
            _object(value, ("", ""), secrets, accounts)
    return found


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unshared(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_unshared(item) for item in value]
    return copy.copy(value)


def _object(obj: Any, kind: tuple[str, str], secrets: tuple[str, ...], accounts: bool) -> None:
    if not isinstance(obj, dict):
        return
    own = _text(obj.get("kind")), _text(obj.get("apiVersion"))
    name, version = own if any(own) else kind
    group = version.rpartition("/")[0]
    if name.endswith("List"):
        for item in _descend(obj, ("items", "*")):
            _object(item, (name[:-4], version), secrets, accounts)
    if (name, version) == _ACCOUNT and accounts:
        _extend(obj, secrets)
    for place in _places(name, version, group):
        for base in _descend(obj, place.path):
            holder = base if isinstance(base, dict) else None
            for key in place.below:
                if holder is not None:
                    holder = holder.setdefault(key, {})
            if holder is not None and not (place.only_extend and not holder.get(FIELD)):
                _extend(holder, secrets)


_ACCOUNT = ("ServiceAccount", "v1")


def _places(kind: str, version: str, group: str) -> Any:
    if "/" not in version and not re.fullmatch("v1((alpha|beta)[0-9]+)?", version):
        return ()
    return KINDS.get((kind, version)) or KINDS.get((kind, group), ())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value[1] if isinstance(value, tuple) else ""


def _descend(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*":
        below = value.values() if isinstance(value, dict) else value
        for item in below if isinstance(value, (dict, list)) else ():
            yield from _descend(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _descend(value[path[0]], path[1:])


def _extend(holder: dict[str, Any], secrets: tuple[str, ...]) -> None:
    entries = holder.get(FIELD) or []
    present = [_text(entry.get("name")) for entry in entries]
    entries += [{"name": name} for name in dict.fromkeys(secrets) if name not in present]
    if entries or FIELD in holder:
        holder[FIELD] = entries
