"""Is there a pull Secret behind the name that is put on ServiceAccounts?

Nobody needs the right to read Secrets in order to attach one, so who has it not is told nothing.
In a few namespaces each Secret is read, and what kubelet would make of it is known. In many that
would be a request for each beside the one that attaches, so there two lists of metadata have to do:
which are there, and which of them are of a type that kubelet passes over. Who may read Secrets in
each of many namespaces, but list them nowhere, is told nothing there either.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from regcred.core.errors import RegcredError
from regcred.core.logins.secret import DOCKERCFG, DOCKERCONFIGJSON
from regcred.core.namespace.statussecret import see_secret
from regcred.core.problem import Reason
from regcred.kube import pullsecrets
from regcred.kube.fanout import each
from regcred.kube.resources import SECRETS

if TYPE_CHECKING:
    from collections.abc import Collection

    from regcred.kube.client import Client

_FEW = 10
_OTHER_TYPES = f"type!={DOCKERCONFIGJSON},type!={DOCKERCFG}"


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why kubelet gets no login out of a Secret.

    Args:
        reason: ``SecretMissing``, ``WrongSecretType``, or why it gives none though it is of a type
            that kubelet reads.
        message: the same in words.
        kept_by: who keeps it, as far as that is known.
    """

    reason: Reason
    message: str
    kept_by: str = ""


async def problems(
    client: Client, secret: str, namespaces: Collection[str], *, everywhere: bool
) -> dict[str, Unfit]:
    """Namespace → why kubelet gets no login out of the Secret there, in the order of names.

    Args:
        client: the API server.
        secret: its name.
        namespaces: where it is attached.
        everywhere: whether they were looked up in the whole cluster.

    Returns:
        What is known; a failure to read is none of who attaches.
    """
    found: dict[str, Unfit] = {}
    with contextlib.suppress(RegcredError):
        if everywhere or len(namespaces) > _FEW:
            found = await _by_lists(client, secret, namespaces)
        else:
            async for namespace, answer in each(namespaces, partial(_why, client, secret)):
                if isinstance(answer, Unfit):
                    found[namespace] = answer
    return dict(sorted(found.items()))


async def _why(client: Client, secret: str, namespace: str) -> Unfit | None:
    """Why it is none; None where it is one."""
    obj = await pullsecrets.find(client, secret, namespace)
    if obj is None:
        return _missing(secret, namespace)
    seen = see_secret(obj)
    return Unfit(seen.reason, seen.message, seen.managed_by) if seen.reason else None


async def _by_lists(client: Client, secret: str, namespaces: Collection[str]) -> dict[str, Unfit]:
    async def listed(selector: str) -> set[str]:
        return {
            obj["metadata"]["namespace"]
            async for page in client.list_pages(
                SECRETS, field_selector=selector, metadata_only=True
            )
            for obj in page.get("items") or ()
        }

    named = f"metadata.name={secret}"
    there = (await listed(named)).intersection(namespaces)
    unfit = await listed(f"{named},{_OTHER_TYPES}") if there else set()
    return {name: _missing(secret, name) for name in namespaces if name not in there} | {
        name: Unfit(
            Reason.WRONG_SECRET_TYPE,
            f"Secret {name}/{secret} is of a type that kubelet passes over",
        )
        for name in there & unfit
    }


def _missing(secret: str, namespace: str) -> Unfit:
    return Unfit(
        Reason.SECRET_MISSING,
        f"Secret {namespace}/{secret} does not exist: Pods get no login by it until it does",
    )
