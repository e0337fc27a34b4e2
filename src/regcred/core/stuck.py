"""Which Pods wait for an image of a registry, and what brings each of them on.

A Pod's ``imagePullSecrets`` are copied from its ServiceAccount once, when it is created, and
are frozen then. So a login mends only Pods that name its Secret already; the others have to
be made anew by their owner, or by a person where they have none.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import gojson
from regcred.core.errors import InvalidImage
from regcred.core.image import parse_image
from regcred.core.registrykey import RegistryKey, matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: kubelet's reasons for a container that waits for its image and may get it by a login.
WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})

#: The kinds whose template ``kubectl rollout restart`` annotates.
RESTARTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


#: Controllers of other kinds that make a Pod anew when it is deleted.
_RECREATING = frozenset({"ReplicaSet", "ReplicationController", "Job"})


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """Stuck Pods of one owner.

    Args:
        pods: the Pods; at least one.
        kind: the kind of what makes them: ``Deployment``, …; ``Pod`` for a bare one.
        name: its name.
        template_secrets: the pull Secrets that the owner's template names itself.
        on_delete: whether new Pods come only when the old ones are deleted.
        paused: whether it is a Deployment that is paused.
    """

    pods: tuple[StuckPod, ...]
    kind: str
    name: str
    template_secrets: tuple[str, ...] = ()
    on_delete: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """What brings stuck Pods on.

    Args:
        message: why they are stuck.
        hint: the command that mends it.
        restart: whether a rollout restart of the owner is that command.
    """

    message: str
    hint: str
    restart: bool = False


def advise(waiting: Waiting, *, secret: str, attached: Collection[str]) -> Advice:
    """What brings on Pods that were made without `secret` in their list.

    Args:
        waiting: the Pods and what makes them.
        secret: the name of the Secret that they need.
        attached: the names of the ServiceAccounts in their namespace that carry it.
    """
    pod = waiting.pods[0]
    target, where = f"{waiting.kind.lower()}/{waiting.name}", f"-n {pod.namespace}"
    waits = f"waits for {', '.join(pod.images)}"
    if waiting.template_secrets:
        spec = {"imagePullSecrets": [{"name": secret}]}
        patch = gojson.dumps({"spec": {"template": {"spec": spec}}})
        return Advice(
            f"{waits}; its template has a list of pull Secrets of its own, "
            "and then the ServiceAccount's is not used",
            f"kubectl patch {target} {where} -p '{patch}'",
        )
    if pod.serviceaccount not in attached:
        return Advice(
            f"{waits}; it runs as ServiceAccount {pod.serviceaccount}, which has no {secret}",
            f"regcred attach {secret} {where} --serviceaccount {pod.serviceaccount}, "
            "then restart it",
        )
    message = f"{waits}; it was made before the login, and a Pod's list of pull Secrets is frozen"
    if waiting.kind in RESTARTABLE and waiting.paused:
        hint = (
            f"kubectl rollout resume {target} {where} && kubectl rollout restart {target} {where}"
        )
        return Advice(message + " (its rollout is paused)", hint)
    if waiting.kind in RESTARTABLE:
        hint = f"kubectl rollout restart {target} {where}"
        if waiting.kind == "StatefulSet" or waiting.on_delete:
            # A StatefulSet first waits for the stuck Pod to become ready: for ever.
            hint += f" && kubectl delete pod {' '.join(p.name for p in waiting.pods)} {where}"
        return Advice(message, hint, restart=True)
    if waiting.kind in _RECREATING:
        names = " ".join(p.name for p in waiting.pods)
        return Advice(
            message, f"kubectl delete pod {names} {where} (its {waiting.kind} makes it anew)"
        )
    return Advice(
        message,
        f"kubectl get pod {pod.name} {where} -o yaml | kubectl replace --force -f -",
    )


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
    images: dict[str, None] = {}
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
