"""Apply a JSON Patch as RFC 6902 says: enough of it for the operations that regcred uses.

Unit tests check what a patch does to an object rather than how it is spelled; that the API
server understands it the same way is what the integration tests show.
"""

import copy
from typing import Any


class TestFailed(Exception):
    """A ``test`` operation did not hold."""

    __test__ = False


def apply(obj: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """The object after `patch`; `obj` stays as it is."""
    after: Any = copy.deepcopy(obj)
    for operation in patch:
        steps = [s.replace("~1", "/").replace("~0", "~") for s in operation["path"].split("/")[1:]]
        parent = after
        for step in steps[:-1]:
            parent = parent[int(step) if isinstance(parent, list) else step]
        _do(operation, parent, steps[-1])
    return after


def _do(operation: dict[str, Any], parent: Any, last: str) -> None:
    key: Any = last
    if isinstance(parent, list):
        key = len(parent) if last == "-" else int(last)
    match operation["op"]:
        case "test":
            if parent[key] != operation["value"]:
                raise TestFailed(operation["path"])
        case "add" if isinstance(parent, list):
            assert key <= len(parent)
            parent.insert(key, copy.deepcopy(operation["value"]))
        case "add":
            parent[key] = copy.deepcopy(operation["value"])
        case "remove":
            del parent[key]
        case other:
            raise AssertionError(f"regcred uses no {other!r}")
