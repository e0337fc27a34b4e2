"""A thin client for raw objects of the Kubernetes API.

Dicts in, dicts out: for a dozen kinds of objects a generated client costs more than it gives.
Here are the verbs of the API conventions
(https://kubernetes.io/docs/reference/using-api/api-concepts/); HTTP, credentials and retries are
in `regcred.kube.transport`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from regcred import __version__
from regcred.core.errors import Gone
from regcred.kube.transport import JSON, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from regcred.kube.config import ClusterConfig
    from regcred.kube.linestream import Limits, LineStream
    from regcred.kube.resources import Resource
    from regcred.kube.transport import OnAnswer

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
#: A list without what the objects say beyond their metadata.
_METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_USER_AGENT = f"regcred/{__version__}"


class Client:
    """A connection to one API server; an async context manager.

    Every method raises `ClusterUnreachable` when no answer comes, a subclass of `APIError` when
    the answer is a failure, and `CredentialHelperFailed` when there is no credential to send.

    A guarded write fails in two ways, and both mean that somebody else wrote in between: a JSON
    Patch whose ``test`` operation does not hold answers 422 (`Invalid`), and an object or a patch
    that sets ``metadata.resourceVersion`` to an older one answers 409 (`Conflict`).

    Args:
        config: from `regcred.kube.config.load`.
        user_agent: the ``User-Agent`` header.
        timeout: seconds that one request may take, connecting included.
        fence: called right before each write is sent, also when it is sent again; raises when it
            must not be. What it raises comes out of the method.
        on_answer: as for `Transport`.
    """

    def __init__(
        self,
        config: ClusterConfig,
        *,
        user_agent: str = _USER_AGENT,
        timeout: float = 30.0,
        fence: Callable[[], None] | None = None,
        on_answer: OnAnswer | None = None,
    ) -> None:
        self._transport = Transport(
            config, user_agent=user_agent, timeout=timeout, fence=fence, on_answer=on_answer
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None
    ) -> dict[str, Any]:
        """One object."""
        return await self.request(
            "GET",
            resource.path(namespace, name),
            doing=f"get {resource.describe(namespace, name)}",
        )

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[dict[str, Any]]:
        """All objects, each with the kind and apiVersion that the API leaves out in lists.

        Args:
            resource: the kind.
            namespace: None for all namespaces.
            label_selector: as for ``kubectl -l``.
            field_selector: as for ``kubectl --field-selector``.
        """
        return [
            {"kind": resource.kind, "apiVersion": resource.api_version, **item}
            async for page in self.list_pages(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )
            for item in page.get("items") or ()
        ]

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 500,
        metadata_only: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """The list objects, page by page; ``items`` may be null in one.

        When the continue token expires on the way (after five minutes or so), the rest is listed
        as it is by then, with the token that the API server offers for it: no object that existed
        all the time is missed or seen twice.

        Args:
            resource: the kind.
            namespace: None for all namespaces.
            label_selector: as for ``kubectl -l``.
            field_selector: as for ``kubectl --field-selector``.
            limit: objects on a page.
            metadata_only: leave out everything but their metadata.

        Raises:
            Gone: the token expired and the server offers no other.
        """
        path, doing = resource.path(namespace), f"list {resource.describe(namespace)}"
        query = {
            "limit": str(limit),
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        while True:
            page, error = await self._transport.exchange(
                "GET", path, query=query, accept=_METADATA if metadata_only else JSON, doing=doing
            )
            offered = str((page.get("metadata") or {}).get("continue") or "")
            if error is not None and not (isinstance(error, Gone) and offered):
                raise error
            if error is None:
                yield page
            if not offered:
                return
            query["continue"] = offered

    async def create(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        field_manager: str = "regcred",
        field_validation: str = "Strict",
    ) -> dict[str, Any]:
        """Create an object.

        Args:
            resource: the kind.
            obj: the object.
            namespace: where; None for what has no namespace.
            dry_run: have the server check it without keeping it.
            field_manager: who is to own the fields.
            field_validation: ``Strict``, ``Warn`` or ``Ignore`` what the kind does not know.

        Returns:
            The object as the server made it.
        """
        name = str((obj.get("metadata") or {}).get("name") or "")
        return await self.request(
            "POST",
            resource.path(namespace),
            query=_write_query(dry_run, field_manager) | {"fieldValidation": field_validation},
            body=obj,
            doing=f"create {resource.describe(namespace, name)}",
        )

    async def apply(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        namespace: str | None = None,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Server-side apply: make the fields in ``obj`` so, and own them.

        Args:
            resource: the kind.
            obj: the fields wanted; with ``apiVersion``, ``kind`` and ``metadata.name``.
            namespace: where; None for what has no namespace.
            field_manager: who is to own the fields.
            force: take over fields that somebody else owns; else that is a `Conflict`.
            dry_run: have the server check it without keeping it.
            subresource: change only this part of the object, e.g. ``status``.

        Returns:
            The object as the server has it now.
        """
        query = _write_query(dry_run, field_manager) | ({"force": "true"} if force else {})
        name = str(obj["metadata"]["name"])
        where = resource, name, namespace, subresource
        return await self._patch(where, obj, APPLY_PATCH, query, "apply")

    async def json_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
        field_manager: str = "regcred",
        subresource: str = "",
    ) -> dict[str, Any]:
        """Change an object by a JSON Patch (RFC 6902).

        Args:
            resource: the kind.
            name: the object's name.
            namespace: where; None for what has no namespace.
            patch: the operations.
            dry_run: have the server check it without keeping it.
            field_manager: who is to own the fields.
            subresource: change only this part of the object, e.g. ``status``.

        Returns:
            The object as the server has it now.
        """
        query = _write_query(dry_run, field_manager)
        where = resource, name, namespace, subresource
        return await self._patch(where, patch, JSON_PATCH, query, "patch")

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Mapping[str, Any],
        *,
        dry_run: bool = False,
        field_manager: str = "regcred",
        subresource: str = "",
    ) -> dict[str, Any]:
        """Change an object by a JSON Merge Patch (RFC 7386): lists are replaced whole.

        Args and returns as for `json_patch`; the patch is one object.
        """
        query = _write_query(dry_run, field_manager)
        where = resource, name, namespace, subresource
        return await self._patch(where, patch, MERGE_PATCH, query, "patch")

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete an object.

        Args:
            resource: the kind.
            name: the object's name.
            namespace: where; None for what has no namespace.
            uid: only the object with this UID; else that is a `Conflict`.
            resource_version: only the object as it was read; else that is a `Conflict`.
            dry_run: have the server check it without doing it.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value is not None}
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if preconditions:
            options["preconditions"] = preconditions
        if dry_run:
            options["dryRun"] = ["All"]
        await self.request(
            "DELETE",
            resource.path(namespace, name),
            body=options,
            doing=f"delete {resource.describe(namespace, name)}",
        )

    def stream(
        self, path: str, *, query: Mapping[str, str], accept: str, limits: Limits, doing: str
    ) -> AbstractAsyncContextManager[LineStream]:
        """A request whose answer has no end of its own, such as a watch; its lines as they come.

        Arguments and errors are those of `Transport.stream`.
        """
        return self._transport.stream(path, query=query, accept=accept, limits=limits, doing=doing)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        doing: str = "",
    ) -> dict[str, Any]:
        """One request of any kind.

        Args:
            method: the HTTP method.
            path: the path below the server's URL, already percent-encoded.
            query: parameters; those with an empty value are left out.
            body: what to send as JSON; None for nothing.
            content_type: what the body is.
            doing: verb and object, for messages.

        Returns:
            The decoded answer.
        """
        answer, error = await self._transport.exchange(
            method,
            path,
            query=query or {},
            body=body,
            content_type=content_type,
            doing=doing or f"{method} {path}",
        )
        if error is not None:
            raise error
        return answer

    async def _patch(
        self,
        where: tuple[Resource, str, str | None, str],
        patch: Any,
        content_type: str,
        query: Mapping[str, str],
        verb: str,
    ) -> dict[str, Any]:
        resource, name, namespace, subresource = where
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            query=query,
            body=patch,
            content_type=content_type,
            doing=f"{verb} {resource.describe(namespace, name, subresource)}",
        )


def _write_query(dry_run: bool, field_manager: str) -> dict[str, str]:
    query = {"fieldManager": field_manager}
    if dry_run:
        query["dryRun"] = "All"
    return query
