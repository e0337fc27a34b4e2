"""What makes a failing Pod, up to the Deployment, and from which template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core.errors import APIError, InvalidInput, NotFound, Unauthorized
from regcred.core.fields import controller, mapping
from regcred.core.pods import podreading
from regcred.kube.podsearch import unread
from regcred.kube.podtargets import MAKERS

if TYPE_CHECKING:
    from regcred.core.diagnosis.facts import Unread
    from regcred.core.pods.podtemplate import PodTemplate
    from regcred.kube.client import Client
    from regcred.kube.podsearch import Key

#: The label by which the Pods of a Deployment's ReplicaSets are told apart.
_HASH = "pod-template-hash"
_RESOURCES = {resource.kind: resource for resource in MAKERS}


@dataclass(frozen=True, slots=True)
class Owner:
    """What makes Pods, up to the Deployment.

    Args:
        kind: its kind; ``Pod`` for a bare one.
        name: its name.
        template: what it makes them from; None where that is not known.
        on_delete: whether new Pods come only when the old ones are deleted.
        paused: whether it is paused.
        newer: whether it is a Deployment that makes its Pods from another template by now, and
            takes away those of the ReplicaSet that was asked about when the new ones run.
        unread: what of it may not be read.
    """

    kind: str
    name: str
    template: PodTemplate | None = None
    on_delete: bool = False
    paused: bool = False
    newer: bool = False
    unread: tuple[Unread, ...] = ()


class OwnerReader:
    """Reads what makes Pods, each object once.

    Args:
        client: the API server.
        objects: what has been read already.
    """

    def __init__(self, client: Client, objects: dict[Key, dict[str, Any]]) -> None:
        self._client = client
        self._objects = dict(objects)

    async def read(self, ref: tuple[str, str, str, str]) -> Owner:
        """What makes the Pods of a controller: namespace, apiVersion, kind, name.

        Raises:
            ClusterUnreachable, Unauthorized: nothing can be read any more.
        """
        namespace, _, kind, name = ref
        obj, lost = await self._object(kind, namespace, name)
        above = controller(obj) if obj and kind == "ReplicaSet" else None
        made = None
        if above and above[1] == "Deployment":
            kind, name = above[1:]
            made = obj
            obj, lost = await self._object(kind, namespace, name)
        spec = mapping((obj or {}).get("spec"))
        paused = bool(spec.get("paused")) and kind == "Deployment"
        return Owner(
            kind,
            name,
            _template(obj),
            mapping(spec.get("updateStrategy")).get("type") == "OnDelete",
            paused,
            makes_newer(made, obj),
            lost,
        )

    async def _object(
        self, kind: str, namespace: str, name: str
    ) -> tuple[dict[str, Any] | None, tuple[Unread, ...]]:
        """An object that makes Pods; None for one of an unknown kind, and for one that is gone."""
        resource, key = _RESOURCES.get(kind), (kind, namespace, name)
        if resource and key not in self._objects:
            try:
                obj = await self._client.get(resource, name, namespace)
            except NotFound:
                return None, ()
            except APIError as error:
                if isinstance(error, Unauthorized):
                    raise
                what = f"{kind} {namespace}/{name}"
                return None, (unread(what, error, "get", resource.plural, namespace),)
            self._objects[key] = {"kind": kind, "apiVersion": resource.api_version, **obj}
        return self._objects.get(key), ()


def makes_newer(made: dict[str, Any] | None, deployment: dict[str, Any] | None) -> bool:
    """Whether a Deployment makes its Pods from another template by now.

    Args:
        made: one of its ReplicaSets; None where there is none between.
        deployment: it; None where it is not known. One that is paused makes none.
    """
    paused = mapping((deployment or {}).get("spec")).get("paused")
    return bool(made and deployment) and not paused and _content(made) != _content(deployment)


def _content(obj: dict[str, Any] | None) -> dict[str, Any]:
    """What the Pods of an object are made from, as the controller of Deployments compares it.

    Source: ``EqualIgnoreHash`` in ``pkg/controller/deployment/util`` of Kubernetes.
    """
    template = mapping(mapping((obj or {}).get("spec")).get("template"))
    metadata = mapping(template.get("metadata"))
    labels = {k: v for k, v in mapping(metadata.get("labels")).items() if k != _HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _template(obj: dict[str, Any] | None) -> PodTemplate | None:
    try:
        return next(podreading.templates(obj), None) if obj else None
    except InvalidInput:
        return None
