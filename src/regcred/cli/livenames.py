"""Names that the cluster has, for completion: soon or not at all, and nothing of why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regcred.core.marks import REGISTRIES, annotation
from regcred.kube import config as kubeconfigs
from regcred.kube import execplugin, kubeconfig, kubeconfigpaths, resources
from regcred.kube.client import Client
from regcred.kube.podtargets import resource_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.kube.resources import Resource

#: So long after its patience whatever still goes on is given up: a look-up of a host's name, or a
#: file on a server that is silent. Neither can be cancelled.
_GRACE_SECONDS = 3.0
#: A list that is longer is no help to anybody who types.
_MOST = 5000
_CLUSTER_WIDE = {
    "namespace": resources.NAMESPACES,
    "pullcredential": resources.PULLCREDENTIALS,
}
_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


class LiveNames:
    """What is called how, in the cluster and the namespaces that the flags so far name.

    Args:
        given: parameter → value, as click has read the line so far.
        patience: seconds that the cluster may take; what has come by then counts.
    """

    def __init__(self, given: Mapping[str, Any], patience: float) -> None:
        path = given.get("kubeconfig")
        self._kubeconfig = os.path.expanduser(path) if path else None  # noqa: PTH111
        self._given, self._patience = given, patience

    def of(self, kind: str) -> list[str]:
        """The names, sorted and once each; those found so far where something is in the way.

        What does not end goes on in a thread, which does not keep the process from its end.

        Args:
            kind: ``context``, ``namespace``, ``serviceaccount``, ``secret``, ``pullcredential``,
                ``login`` (registries that login wrote), or a word for Pods and what makes them.
        """
        found: list[str] = []
        looking = threading.Thread(target=self._look, args=(kind, found), daemon=True)
        looking.start()
        try:
            looking.join(self._patience + _GRACE_SECONDS)
        finally:
            execplugin.end_all()
        return sorted(set(found))

    def _look(self, kind: str, found: list[str]) -> None:
        """Add names to `found` as they come."""
        with contextlib.suppress(Exception):
            if kind == "context":
                found += self._contexts()
            else:
                asyncio.run(self._find(kind, found))

    def _contexts(self) -> list[str]:
        paths = kubeconfigpaths.find_paths(self._kubeconfig, os.environ)
        return list(kubeconfig.read(paths).contexts)

    async def _find(self, kind: str, found: list[str]) -> None:
        config = kubeconfigs.load(
            kubeconfig=self._kubeconfig, context=self._given.get("context"), env=os.environ
        )
        config = replace(config, auth=replace(config.auth, exec_alone=True))
        async with asyncio.timeout(self._patience), Client(config) as client:
            if kind in _CLUSTER_WIDE:
                await _add(client, _CLUSTER_WIDE[kind], None, "", found)
                return
            reads = [
                self._read(client, kind, namespace, found)
                for namespace in self._namespaces(config.namespace)
            ]
            await asyncio.gather(*reads)

    async def _read(
        self, client: Client, kind: str, namespace: str | None, found: list[str]
    ) -> None:
        if kind == "secret":
            await asyncio.gather(
                *(_add(client, resources.SECRETS, namespace, f"type={t}", found) for t in _TYPES)
            )
        elif kind == "login":
            selector = f"metadata.name={self._given.get('name') or 'regcred'}"
            async for obj in _metadata(client, resources.SECRETS, namespace, selector):
                found += filter(None, annotation(obj, REGISTRIES).split(","))
        elif kind == "serviceaccount":
            await _add(client, resources.SERVICEACCOUNTS, namespace, "", found)
        elif resource := resource_of(kind):
            await _add(client, resource, namespace, "", found)

    def _namespaces(self, default: str) -> Iterable[str | None]:
        if self._given.get("all_namespaces"):
            return [None]
        named = self._given.get("namespaces") or self._given.get("namespace") or ()
        values = [named] if isinstance(named, str) else named
        return [name for value in values for name in value.split(",")] or [default]


async def _add(
    client: Client, resource: Resource, namespace: str | None, selector: str, found: list[str]
) -> None:
    async for obj in _metadata(client, resource, namespace, selector):
        found.append(str(obj["metadata"]["name"]))
        if len(found) >= _MOST:
            return


async def _metadata(
    client: Client, resource: Resource, namespace: str | None, selector: str
) -> Any:
    """The objects without their content: of a Secret no data, and of all only names are told."""
    pages = client.list_pages(
        resource, namespace, field_selector=selector, metadata_only=True, limit=1000
    )
    async for page in pages:
        for item in page.get("items") or ():
            yield item
