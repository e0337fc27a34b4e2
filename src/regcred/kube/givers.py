"""What PullCredentials there are, as far as they concern the namespaces of failing Pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.core.diagnosis import giver
from regcred.core.errors import RegcredError
from regcred.core.fields import mapping
from regcred.core.operator.pullcredential import parse
from regcred.kube.fanout import each
from regcred.kube.resources import NAMESPACES, PULLCREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.core.diagnosis.giver import Giver
    from regcred.core.operator.pullcredential import PullCredential
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
    found = [(obj, parse(obj)) for obj in await client.list(PULLCREDENTIALS)]
    by_label = any(_is_by_label(each) for _, each in found)
    labels = await _labels(client, namespaces) if by_label else {}
    return {
        name: tuple(giver.read(obj, each, name, labels.get(name)) for obj, each in found)
        for name in namespaces
    }


def _is_by_label(pullcredential: PullCredential) -> bool:
    spec = pullcredential.spec
    return spec is not None and bool(spec.namespaces.labels or spec.namespaces.rules)


async def _labels(client: Client, names: Sequence[str]) -> dict[str, dict[str, str]]:
    async def one(name: str) -> dict[str, Any]:
        return await client.get(NAMESPACES, name)

    found = {}
    async for name, answer in each(names, one):
        if not isinstance(answer, RegcredError):
            found[name] = mapping(mapping(answer.get("metadata")).get("labels"))
    return found
