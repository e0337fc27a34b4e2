"""Is there a pull Secret behind the name that is put on ServiceAccounts?

Nobody needs the right to read Secrets in order to attach one, so who has it not is told nothing.
In a few namespaces each Secret is read, and what kubelet would make of it is known. In many that
would be a request for each beside the one that attaches, so there two lists of metadata have to do:
which are there, and which of them are of a type that kubelet passes over.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from regcred.core.errors import RegcredError
from regcred.core.logins.secret import DOCKERCFG, DOCKERCONFIGJSON
from regcred.core.namespace.statussecret import see_secret
from regcred.kube import pullsecrets
from regcred.kube.fanout import each
from regcred.kube.resources import SECRETS

if TYPE_CHECKING:
    from collections.abc import Collection

    from regcred.kube.client import Client

_FEW = 10
_OTHER_TYPES = f"type!={DOCKERCONFIGJSON},type!={DOCKERCFG}"


async def problems(
    client: Client, secret: str, namespaces: Collection[str], *, everywhere: bool
) -> dict[str, str]:
    """Namespace → why kubelet gets no login out of the Secret there, in the order of names.

    Args:
        client: the API server.
        secret: its name.
        namespaces: where it is attached.
        everywhere: whether they were looked up in the whole cluster.

    Returns:
        What is known; a failure to read is none of who attaches.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(RegcredError):
        if everywhere or len(namespaces) > _FEW:
            found = await _by_lists(client, secret, namespaces)
        else:
            async for namespace, answer in each(namespaces, partial(_why, client, secret)):
                if isinstance(answer, str) and answer:
                    found[namespace] = answer
    return dict(sorted(found.items()))


async def _why(client: Client, secret: str, namespace: str) -> str:
    """Why it is none; empty where it is one."""
    obj = await pullsecrets.find(client, secret, namespace)
    return _missing(secret, namespace) if obj is None else see_secret(obj).message


async def _by_lists(client: Client, secret: str, namespaces: Collection[str]) -> dict[str, str]:
    async def listed(selector: str) -> set[str]:
        return {
            obj["metadata"]["namespace"]
            async for page in client.list_pages(
                SECRETS, field_selector=selector, metadata_only=True
            )
            for obj in page.get("items") or ()
        }

    named = f"metadata.name={secret}"
    there, unfit = await asyncio.gather(listed(named), listed(f"{named},{_OTHER_TYPES}"))
    return {name: _missing(secret, name) for name in namespaces if name not in there} | {
        name: f"Secret {name}/{secret} is of a type that kubelet passes over"
        for name in namespaces
        if name in unfit
    }


def _missing(secret: str, namespace: str) -> str:
    return f"Secret {namespace}/{secret} does not exist: Pods get no login by it until it does"
