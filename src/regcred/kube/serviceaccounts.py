"""Attach pull Secrets to ServiceAccounts in a cluster, and detach them.

Which change is right is decided in `regcred.core.serviceaccount`; here it is carried out
beside other writers, and a ServiceAccount that is just being created is waited for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from regcred.core.errors import Forbidden, NamespaceTerminating, NotFound, TimedOut
from regcred.kube import guarded
from regcred.kube.resources import NAMESPACES, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.serviceaccount import Change
    from regcred.kube.client import Client

_POLL_SECONDS = 0.1
#: A new namespace's ServiceAccount comes sooner: nothing to speak of.
_SILENT_SECONDS = 1.0


async def change(
    client: Client,
    obj: dict[str, Any],
    decide: Callable[[dict[str, Any]], Change],
    *,
    dry_run: bool = False,
) -> Change:
    """Carry out what `decide` says of the ServiceAccount `obj`, and of each newer version of it.

    Args:
        client: the API server.
        obj: the ServiceAccount as it was read.
        decide: `serviceaccount.attach` or `detach` with its arguments bound.
        dry_run: have the server check the change without keeping it.

    Raises:
        TimedOut: others kept writing it.
        APIError: what the API server answered.
    """
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    for attempt in range(guarded.ATTEMPTS):
        decided = decide(obj)
        if not decided.patch:
            return decided
        if await guarded.patch(client, SERVICEACCOUNTS, obj, decided.patch, dry_run=dry_run):
            return decided
        await guarded.pause(attempt)
        obj = await client.get(SERVICEACCOUNTS, name, namespace)
    raise TimedOut(
        f"ServiceAccount {namespace}/{name} is being written all the time by somebody else"
    )


async def wait_for(
    client: Client,
    name: str,
    namespace: str,
    *,
    patience: float,
    tell: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """The ServiceAccount, waited for while its namespace is young.

    Args:
        client: the API server.
        name: its name.
        namespace: its namespace.
        patience: seconds to wait.
        tell: called once, with a sentence, when it takes over a second.

    Raises:
        TimedOut: it did not come.
        NotFound: the namespace does not exist.
        NamespaceTerminating: the namespace is going away, so nothing will come.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    checked = told = False
    while True:
        try:
            return await client.get(SERVICEACCOUNTS, name, namespace)
        except NotFound:
            if not checked:
                await check_namespace(client, namespace)
                checked = True
            waited = loop.time() - started
            if waited >= patience:
                break
            if waited > _SILENT_SECONDS and not told:
                tell(f"waiting up to {patience:g} s for ServiceAccount {namespace}/{name}")
                told = True
        await asyncio.sleep(_POLL_SECONDS)
    raise TimedOut(
        f"ServiceAccount {namespace}/{name} does not exist, and did not within {patience:g} s",
        hint=f"kubectl get serviceaccounts -n {namespace}",
    )


async def check_namespace(client: Client, namespace: str) -> None:
    """Make sure, as far as we may look, that the namespace takes new objects.

    Raises:
        NotFound: it does not exist.
        NamespaceTerminating: it is going away.
    """
    try:
        found = await client.get(NAMESPACES, namespace)
    except Forbidden:
        return  # Who may only work in a namespace need not be able to read it.
    except NotFound as error:
        raise NotFound(
            f"namespace {namespace} does not exist",
            hint=f"kubectl create namespace {namespace}",
            status=error.status,
            reason=error.reason,
        ) from None
    if found["metadata"].get("deletionTimestamp"):
        raise NamespaceTerminating(
            f"namespace {namespace} is being deleted and takes nothing new",
            hint=f"wait until it is gone: kubectl wait --for=delete namespace/{namespace}",
            status=403,
            reason="Forbidden",
        )
