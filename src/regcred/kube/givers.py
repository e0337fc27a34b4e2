"""What PullCredentials there are, as far as they concern the namespaces of failing Pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core import giver, pullcredential
from regcred.core.errors import RegcredError
from regcred.core.fields import mapping
from regcred.kube.fanout import each
from regcred.kube.resources import NAMESPACES, PULLCREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regcred.core.giver import Giver
    from regcred.kube.client import Client


async def read(client: Client, namespaces: Sequence[str]) -> dict[str, tuple[Giver, ...]]:
    """Each namespace → all PullCredentials.

    Labels of namespaces are read only where a PullCredential selects by them, and where they may
    not be, that is not known (`Giver.selects`).

    Args:
        client: the API server.
        namespaces: their names, each once.

    Raises:
        NotFound: the API server has no such kind.
        APIError: they could not be listed.
    """
    found = await client.list(PULLCREDENTIALS)
    labels = await _labels(client, namespaces) if any(map(_is_by_label, found)) else {}
    return {
        name: tuple(giver.read(obj, name, labels.get(name)) for obj in found) for name in namespaces
    }


def _is_by_label(obj: Mapping[str, Any]) -> bool:
    spec = pullcredential.parse(obj).spec
    return spec is not None and bool(spec.namespaces.labels or spec.namespaces.rules)


async def _labels(client: Client, names: Sequence[str]) -> dict[str, dict[str, str]]:
    async def one(name: str) -> dict[str, Any]:
        return await client.get(NAMESPACES, name)

    found = {}
    async for name, answer in each(names, one):
        if not isinstance(answer, RegcredError):
            found[name] = mapping(mapping(answer.get("metadata")).get("labels"))
    return found
