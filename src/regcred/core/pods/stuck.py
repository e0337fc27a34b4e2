"""Which Pods wait for an image of a registry, and what brings each of them on.

A Pod's ``imagePullSecrets`` are copied from its ServiceAccount once, when it is created, and
are frozen then. So a login mends only Pods that name its Secret already; the others have to
be made anew by their owner, or by a person where they have none.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from regcred.core.errors import Forbidden, InvalidImage
from regcred.core.fields import controller
from regcred.core.logins.image import parse_image
from regcred.core.logins.keyring import falls_back
from regcred.core.logins.registrykey import FALLBACK, RegistryKey, matches
from regcred.core.pods import mend

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

#: kubelet's reasons for a container that waits for its image and may get it by a login.
WAITING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})

#: kubelet's reasons for a container whose image it has not asked for, or not been refused, yet.
NOT_STARTED = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class StuckPod:
    """A Pod with a container that waits for an image of a registry at hand.

    Args:
        namespace: the Pod's namespace.
        name: the Pod's name.
        uid: the Pod's UID: a StatefulSet gives the next one the same name.
        images: the images that it waits for, as they stand in its spec.
        serviceaccount: the name of its ServiceAccount.
        pull_secrets: its frozen list.
        owner: (apiVersion, kind, name) of the controller, or None for a bare Pod.
    """

    namespace: str
    name: str
    uid: str
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
        newer: whether it is a Deployment that makes newer Pods already, and takes these away when
            those run.
        unread: why not all of it is known; None where it is.
    """

    pods: tuple[StuckPod, ...]
    kind: str
    name: str
    template_secrets: tuple[str, ...] = ()
    on_delete: bool = False
    paused: bool = False
    newer: bool = False
    unread: Forbidden | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What brings stuck Pods on.

    Args:
        message: why they are stuck.
        hint: the command that mends it, for a shell; nothing but the command.
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
    waits = f"waits for {', '.join(pod.images)}"
    if waiting.newer:
        made = f"{waiting.kind.lower()}/{waiting.name}"
        return Advice(
            f"{waits}; it goes when the newer ones run that {made} makes already",
            f"kubectl rollout status {quote(made)} -n {pod.namespace}",
        )
    if waiting.template_secrets:
        return Advice(
            f"{waits}; its template has a list of pull Secrets of its own, "
            "and then the ServiceAccount's is not used",
            mend.add_to_template(waiting, secret).command,
        )
    if waiting.kind == "Pod" and pod.pull_secrets:
        return Advice(
            f"{waits}; it has a list of pull Secrets, which is frozen, "
            "and with a list of its own it would not get the ServiceAccount's",
            mend.recreate(pod, secret).command,
        )
    anew = mend.restart(waiting)
    if pod.serviceaccount not in attached:
        attach = mend.attach(pod.namespace, pod.serviceaccount, secret)
        return Advice(
            f"{waits}; it runs as ServiceAccount {pod.serviceaccount}, which has no {secret}",
            f"{attach.command} && {anew.command}",
        )
    return Advice(
        f"{waits}; it was made before the login, and a Pod's list of pull Secrets is frozen"
        + (" (its rollout is paused)" if waiting.paused else ""),
        anew.command,
        restart=isinstance(anew.step, mend.Restart),
    )


def find_stuck(
    pods: Iterable[dict[str, Any]], registries: Collection[RegistryKey]
) -> list[StuckPod]:
    """The Pods of `pods` that wait for an image which one of `registries` matches."""
    return [stuck for pod in pods if (stuck := _stuck(pod, lambda i: _on_any(i, registries)))]


def refused(pod: dict[str, Any]) -> StuckPod | None:
    """The Pod with the images that kubelet has tried to pull and did not get; None for none."""
    return _stuck(pod)


def _stuck(pod: dict[str, Any], concerns: Callable[[str], bool] | None = None) -> StuckPod | None:
    """The Pod with what it waits for; with `concerns` that alone, but what is not tried yet too."""
    metadata, spec = pod["metadata"], pod["spec"]
    if metadata.get("deletionTimestamp"):
        return None
    pull_secrets = tuple(str(e.get("name") or "") for e in spec.get("imagePullSecrets") or [])
    images: dict[str, None] = {}
    unstarted = concerns is not None and not pull_secrets
    for container in _waiting_containers(pod, also_unstarted=unstarted):
        for image in _images(container, spec):
            if concerns is None or concerns(image):
                images[image] = None
    if not images:
        return None
    return StuckPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        images=tuple(images),
        serviceaccount=spec.get("serviceAccountName") or "default",
        pull_secrets=pull_secrets,
        owner=controller(pod),
    )


def _waiting_containers(pod: dict[str, Any], *, also_unstarted: bool) -> Iterator[dict[str, Any]]:
    """The containers that wait for an image.

    A Pod without any pull Secret that has not come to its pull yet will be refused like one
    that has: with `also_unstarted` its containers count too.
    """
    spec, status = pod["spec"], pod.get("status") or {}
    reasons = WAITING
    if also_unstarted and status.get("phase") == "Pending":
        reasons = WAITING | NOT_STARTED
    for containers, statuses in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
        ("ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        # No status yet: not even the scheduler or kubelet has come to it.
        unknown = {"waiting": {"reason": "ContainerCreating"}}
        states = {s["name"]: s.get("state") or {} for s in status.get(statuses) or []}
        for container in spec.get(containers) or []:
            waiting = states.get(container["name"], unknown).get("waiting") or {}
            if waiting.get("reason") in reasons:
                yield container


def _images(container: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    """The container's image, and those of the image volumes that it mounts.

    kubelet pulls them with the same credentials and reports them on the container.
    """
    yield container.get("image") or ""
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or []}
    for volume in spec.get("volumes") or []:
        if volume["name"] in mounted and (
            reference := (volume.get("image") or {}).get("reference")
        ):
            yield reference


def _on_any(image: str, registries: Collection[RegistryKey]) -> bool:
    try:
        reference = parse_image(image)
    except InvalidImage:
        return False
    # Whether another key comes before it depends on Secrets that are not at hand.
    last_resort = falls_back(reference)
    return any(
        matches(key, reference.name) or (last_resort and key.index == FALLBACK)
        for key in registries
    )
