"""Which Pods wait for an image of a registry, and what brings each of them on.

A Pod's ``imagePullSecrets`` are copied from its ServiceAccount once, when it is created, and
are frozen then. So a login mends only Pods that name its Secret already; the others have to
be made anew by their owner, or by a person where they have none.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidImage
from regcred.core.image import parse_image
from regcred.core.registrykey import RegistryKey, matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: kubelet's reasons for a container that waits for its image and may get it by a login.
WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})

#: The kinds whose template ``kubectl rollout restart`` annotates.
RESTARTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


@dataclass(frozen=True, slots=True)
class StuckPod:
    """A Pod with a container that waits for an image of a registry at hand.

    Args:
        namespace: the Pod's namespace.
        name: the Pod's name.
        images: the images that it waits for, as they stand in its spec.
        serviceaccount: the name of its ServiceAccount.
        pull_secrets: its frozen list.
        owner: (apiVersion, kind, name) of the controller, or None for a bare Pod.
    """

    namespace: str
    name: str
    images: tuple[str, ...]
    serviceaccount: str
    pull_secrets: tuple[str, ...]
    owner: tuple[str, str, str] | None


def find_stuck(
    pods: Iterable[dict[str, Any]], registries: Collection[RegistryKey]
) -> list[StuckPod]:
    """The Pods of `pods` that wait for an image which one of `registries` matches."""
    return [stuck for pod in pods if (stuck := _stuck(pod, registries))]


def controller(obj: dict[str, Any]) -> tuple[str, str, str] | None:
    """(apiVersion, kind, name) of the object that controls `obj`; None for none."""
    for ref in obj["metadata"].get("ownerReferences") or []:
        if ref.get("controller"):
            return ref["apiVersion"], ref["kind"], ref["name"]
    return None


def _stuck(pod: dict[str, Any], registries: Collection[RegistryKey]) -> StuckPod | None:
    spec, status, metadata = pod["spec"], pod.get("status") or {}, pod["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    images = {}
    for containers, statuses in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
        ("ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        waiting = {
            s["name"]
            for s in status.get(statuses) or []
            if ((s.get("state") or {}).get("waiting") or {}).get("reason") in WAITING
        }
        for container in spec.get(containers) or []:
            image = container.get("image") or ""
            if container["name"] in waiting and _on_any(image, registries):
                images[image] = None
    if not images:
        return None
    return StuckPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        images=tuple(images),
        serviceaccount=spec.get("serviceAccountName") or "default",
        pull_secrets=tuple(str(e.get("name") or "") for e in spec.get("imagePullSecrets") or []),
        owner=controller(pod),
    )


def _on_any(image: str, registries: Collection[RegistryKey]) -> bool:
    try:
        name = parse_image(image).name
    except InvalidImage:
        return False
    # kubelet tries this one key for Docker Hub's images although it does not match them.
    hub = name.startswith("docker.io/")
    return any(matches(key, name) or (hub and key.index == "index.docker.io") for key in registries)
