"""What a request to the API server does to what: the verb and the resource, as RBAC has them.

By the rules of k8s.io/apiserver/pkg/endpoints/request (RequestInfoFactory), for counting. A
server-side apply is a patch here, as in RBAC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_ALL = _ONE | {"GET": "list", "HEAD": "list", "DELETE": "deletecollection"}
_OF_NAMESPACES = frozenset({"status", "finalize"})


def verb_and_resource(method: str, path: str, query: Mapping[str, str]) -> tuple[str, str]:
    """Verb and resource of a request.

    Args:
        method: the HTTP method.
        path: the path below the server's URL.
        query: its parameters.

    Returns:
        E.g. ``("patch", "serviceaccounts")`` or ``("get", "pullcredentials/status")``; what is no
        resource, such as ``/version``, has the method in lower case and an empty resource.
    """
    root, *parts = path.strip("/").split("/")
    # /api/VERSION/… and /apis/GROUP/VERSION/…
    parts = parts[{"api": 1, "apis": 2}.get(root, len(parts)) :]
    if len(parts) > 2 and parts[0] == "namespaces" and parts[2] not in _OF_NAMESPACES:
        parts = parts[2:]
    if not parts:
        return method.lower(), ""
    plural, named, *part = parts if len(parts) > 1 else [*parts, ""]
    verb = (_ONE if named else _ALL).get(method, method.lower())
    if verb == "list" and query.get("watch") in {"true", "1"}:
        verb = "watch"
    return verb, "/".join([plural, *part])
