"""Attach pull Secrets to ServiceAccounts in a cluster, and detach them.

Which change is right is decided in `regcred.core.logins.serviceaccount`; here it is carried out
beside other writers, and a ServiceAccount that is just being created is waited for.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.errors import Forbidden, NamespaceTerminating, NotFound, TimedOut
from regcred.kube import failures, guarded
from regcred.kube.resources import NAMESPACES, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.logins.serviceaccount import Change
    from regcred.kube.client import Client

_POLL_SECONDS = 0.1
#: Long enough for a Helm release or a controller that fills a new namespace, and clocks apart.
_YOUNG = timedelta(minutes=5)
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
        f"ServiceAccount {namespace}/{name} is being written all the time by somebody else",
        hint=f"see who writes it: kubectl get serviceaccount {name} -n {namespace} -o yaml "
        "--show-managed-fields",
    )


async def wait_for(
    client: Client,
    name: str,
    namespace: str,
    *,
    patience: float,
    tell: Callable[[str], None] = lambda message: None,
    takes_away: bool = False,
) -> dict[str, Any]:
    """The ServiceAccount, waited for where it can be on its way.

    That is a ``default``, which every namespace gets, and any other while the namespace is
    young, or while nobody tells us its age.

    Args:
        client: the API server.
        name: its name.
        namespace: its namespace.
        patience: seconds to wait.
        tell: called once, with a sentence, when it takes over a second.
        takes_away: as for `check_namespace`.

    Raises:
        TimedOut: it did not come.
        NotFound: the namespace does not exist, or nothing says that the ServiceAccount will.
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
                young = await check_namespace(client, namespace, takes_away=takes_away)
                if name != "default" and not young:
                    patience = 0
                checked = True
            waited = loop.time() - started
            if waited >= patience:
                break
            if waited > _SILENT_SECONDS and not told:
                tell(f"waiting up to {patience:g} s for ServiceAccount {namespace}/{name}")
                told = True
        await asyncio.sleep(_POLL_SECONDS)
    hint = f"kubectl get serviceaccounts -n {namespace}"
    if not patience:
        raise NotFound(f"ServiceAccount {namespace}/{name} does not exist", hint=hint, status=404)
    raise TimedOut(
        f"ServiceAccount {namespace}/{name} does not exist, and did not within {patience:g} s",
        hint=hint,
    )


async def check_namespace(client: Client, namespace: str, *, takes_away: bool = False) -> bool:
    """Make sure, as far as we may look, that the namespace takes new objects.

    Args:
        client: the API server.
        namespace: its name.
        takes_away: whether something is to be undone there, for which nobody makes a namespace.

    Returns:
        Whether it is young, or of an age that we may not see.

    Raises:
        NotFound: it does not exist.
        NamespaceTerminating: it is going away.
    """
    try:
        found = await client.get(NAMESPACES, namespace)
    except Forbidden:
        return True  # Who may only work in a namespace need not be able to read it.
    except NotFound as error:
        raise NotFound(
            f"namespace {namespace} does not exist",
            hint="kubectl get namespaces" if takes_away else failures.no_namespace(namespace),
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
    created = datetime.fromisoformat(found["metadata"]["creationTimestamp"])
    return datetime.now(UTC) - created < _YOUNG
