"""Create a pull Secret, or update it in place.

In place, because kubelet's records of pulled images follow the Secret's UID: a Secret that is
deleted and made anew would have every node ask the registry again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core import jsonpatch, marks
from regcred.core.errors import AlreadyExists, InvalidDockerConfig, NotFound, NotOurs, TimedOut
from regcred.core.logins import secret
from regcred.core.logins.dockerconfig import parse_dockerconfigjson
from regcred.core.logins.registrykey import display
from regcred.kube import guarded
from regcred.kube.resources import SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.kube.client import Client


async def find(client: Client, name: str, namespace: str) -> dict[str, Any] | None:
    """The Secret, or None."""
    try:
        return await client.get(SECRETS, name, namespace)
    except NotFound:
        return None


async def create_or_update(
    client: Client,
    wanted: dict[str, Any],
    namespace: str,
    *,
    dry_run: bool,
    field_manager: str,
    field_validation: str,
    tell: Callable[[str], None],
) -> tuple[dict[str, Any], str]:
    """Make the Secret hold exactly the data of `wanted`.

    Args:
        client: the API server.
        wanted: the Secret.
        namespace: its namespace.
        dry_run: have the server check the change without keeping it.
        field_manager: who writes, in the API server's records.
        field_validation: ``Strict``, ``Warn`` or ``Ignore``.
        tell: called with a sentence when logins that the Secret held are gone afterwards.

    Returns:
        The object as the server has it, and ``created``, ``configured`` or ``unchanged``.

    Raises:
        NotOurs: a Secret of that name is of another type, or regcred keeps it by other means.
        APIError: what the API server answered.
    """
    name = wanted["metadata"]["name"]
    for attempt in range(guarded.ATTEMPTS):
        existing = await find(client, name, namespace)
        if existing is None:
            try:
                made = await client.create(
                    SECRETS,
                    wanted,
                    namespace,
                    dry_run=dry_run,
                    field_manager=field_manager,
                    field_validation=field_validation,
                )
            except AlreadyExists:
                continue
            return _shown(made), "created"
        patch = update(existing, wanted, namespace)
        if not patch:
            return _shown(existing), "unchanged"
        changed = await guarded.patch(
            client, SECRETS, existing, patch, dry_run=dry_run, field_manager=field_manager
        )
        if changed:
            if lost := _lost(existing, wanted):
                tell(f"Secret {namespace}/{name} held logins that are gone now: {', '.join(lost)}")
            return _shown(changed), "configured"
        await guarded.pause(attempt)
    raise TimedOut(
        f"Secret {namespace}/{name} is being written all the time by somebody else",
        hint=f"see who writes it: kubectl get secret {name} -n {namespace} -o yaml "
        "--show-managed-fields",
    )


def update(existing: dict[str, Any], wanted: dict[str, Any], namespace: str) -> jsonpatch.Patch:
    """The patch that makes `existing` hold what `wanted` holds; empty when it does already.

    Raises:
        NotOurs: it may not be written.
    """
    name = wanted["metadata"]["name"]
    if existing.get("type") != wanted["type"]:
        raise NotOurs(
            f"Secret {namespace}/{name} is of type {existing.get('type')}, not {wanted['type']}, "
            "and a Secret's type cannot change",
            hint=f"choose another name, or delete it: kubectl delete secret {name} -n {namespace}",
        )
    if existing.get("immutable") and existing.get("data") != wanted["data"]:
        raise NotOurs(
            f"Secret {namespace}/{name} is immutable: its data can never change",
            hint=f"choose another name, or delete it: kubectl delete secret {name} -n {namespace}",
        )
    if keeper := marks.kept_by(existing):
        raise NotOurs(
            f"Secret {namespace}/{name} is kept by regcred {keeper}",
            hint=f"add the registry to it: regcred login REGISTRY -n {namespace} --name {name}"
            if keeper == marks.LOGIN
            else "add the registry to a PullCredential, or choose another name",
        )
    annotations: dict[str, str | None] = dict(wanted["metadata"].get("annotations") or {})
    other = existing.get("data") != wanted["data"]
    if other:
        annotations.setdefault(marks.EXPIRES_AT, None)  # It was about what is overwritten.
    changes = jsonpatch.set_entries(existing, "annotations", annotations)
    if other:
        changes = [{"op": "add", "path": "/data", "value": wanted["data"]}, *changes]
    return jsonpatch.guard(existing) + changes if changes else []


def _lost(existing: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The registries in `existing` that `wanted` has no login for."""
    try:
        before, after = (
            parse_dockerconfigjson(secret.content(obj) or b"{}", source="")
            for obj in (existing, wanted)
        )
    except InvalidDockerConfig:
        return []  # What kubelet could not read was no login.
    return [display(registry) for registry in before if registry not in after]


def _shown(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without managedFields, which kubectl does not show either."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return obj | {"metadata": metadata}
