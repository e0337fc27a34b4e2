"""What of a Pod does not run, read from the status that kubelet and the scheduler wrote.

kubelet gives a container that it cannot start a reason, in ``state.waiting``, and a text. Those of
a pull are seven words. An eighth shape is none: where kubelet fails before the pull, for one
because a pull Secret cannot be decoded, the error itself stands in place of the word, and once
more as the text.

Image volumes are pulled first, and the failure of one stands at each container that mounts it, as
that container's own would. Only the text tells which of the images is meant, and most texts do.

Sources: ``pkg/kubelet/images/types.go`` and ``image_manager.go``, ``pkg/kubelet/kuberuntime/``
(``toKubeContainerImageVolumes``, ``startContainer``) and ``convertToAPIContainerStatuses`` in
``pkg/kubelet/kubelet_pods.go`` of https://pkg.go.dev/k8s.io/kubernetes@v1.37.2; the errors of
runtimes: https://pkg.go.dev/k8s.io/cri-api/pkg/errors
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidImage, InvalidInput
from regcred.core.fields import condition, controller, entries, instant, mapping, quoted, text
from regcred.core.logins.image import parse_image
from regcred.core.pods import podreading
from regcred.core.pods.failing import FailingPod, Failure
from regcred.core.pods.podtemplate import PodTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

#: kubelet's reasons for an image that does not come.
PULLS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)

#: Reasons for a container whose turn has not come; empty for one that is made and not started.
_NOT_YET = frozenset({"", "ContainerCreating", "PodInitializing", "RestartingAllContainers"})

#: Reasons for a container that has run: then its text is what the program left, perhaps its log.
_HAS_RUN = frozenset({"", "Error", "OOMKilled"})

#: What kubelet says where the node cannot note down that it pulls.
_NO_INTENT = "Failed to record image pull intent "

_KINDS = (
    ("init container", "initContainers", "initContainerStatuses"),
    ("container", "containers", "containerStatuses"),
    ("ephemeral container", "ephemeralContainers", "ephemeralContainerStatuses"),
)
_WORD = re.compile(r"\w+")


def read(pod: dict[str, Any]) -> FailingPod | None:
    """What fails of a Pod; None where nothing does.

    A container that has failed counts until it runs again. Of a Pod that is being deleted only
    what waits counts, since the end of its containers is wanted.

    Args:
        pod: from the API server; in a list of Pods they have no kind.
    """
    failures = _failures(pod)
    if not failures:
        return None
    metadata = mapping(pod.get("metadata"))
    return FailingPod(
        text(metadata.get("namespace")),
        text(metadata.get("name")),
        text(metadata.get("uid")),
        instant(metadata.get("creationTimestamp")),
        text(mapping(pod.get("spec")).get("nodeName")),
        _template(pod),
        controller(pod),
        failures,
        _written(metadata),
        _is_running(pod),
    )


def is_starting(pod: dict[str, Any]) -> bool:
    """Whether the Pod is on its way, and nothing of it has failed so far.

    It may be waiting for a node, a volume or an init container, or pulling at this moment. One
    whose volume cannot be mounted looks the same for ever: that stands in events alone.
    """
    phase = text(mapping(pod.get("status")).get("phase"))
    deleted = mapping(pod.get("metadata")).get("deletionTimestamp")
    return phase in {"", "Pending"} and not deleted and not _failures(pod)


def _failures(pod: dict[str, Any]) -> tuple[Failure, ...]:
    status = mapping(pod.get("status"))
    phase = text(status.get("phase"))
    if phase == "Succeeded":
        return ()
    deleted = bool(mapping(pod.get("metadata")).get("deletionTimestamp"))
    # Evicted, past its deadline, refused by the node: that ended the containers too.
    ended = phase == "Failed" and bool(text(status.get("reason")))
    found = list(dict.fromkeys(_of_containers(pod, also_ended=not deleted and not ended)))
    if not deleted:
        found += _of_pod(pod, phase, status, alone=not found)
    return tuple(sorted(found, key=lambda failure: not failure.is_pull))


def _of_containers(pod: dict[str, Any], *, also_ended: bool) -> Iterator[Failure]:
    spec, status = mapping(pod.get("spec")), mapping(pod.get("status"))
    volumes = _image_volumes(spec)
    for kind, containers, statuses in _KINDS:
        by_name = {text(c.get("name")): c for c in entries(spec.get(containers))}
        for each in entries(status.get(statuses)):
            name = text(each.get("name"))
            container = {"image": each.get("image"), **by_name.get(name, {}), "name": name}
            state = mapping(each.get("state"))
            if waiting := mapping(state.get("waiting")):
                yield from _waiting(container, kind, waiting, volumes)
            elif also_ended and kind != "ephemeral container":
                yield from _ended(container, kind, mapping(state.get("terminated")))


def _waiting(
    container: dict[str, Any],
    kind: str,
    waiting: dict[str, Any],
    volumes: dict[str, tuple[str, str]],
) -> Iterator[Failure]:
    """A container that waits to be started, if that is because it could not be."""
    reason, message = text(waiting.get("reason")), text(waiting.get("message"))
    if reason in _NOT_YET:
        return
    instead = _stands_instead(reason, message)
    is_pull = instead or reason in PULLS
    state = "ErrImagePull" if instead else reason
    name, image = text(container.get("name")), text(container.get("image"))
    policy = text(container.get("imagePullPolicy"))
    if is_pull and (volume := _volume(container, message, volumes, unnamed=instead)):
        kind, (image, policy) = "image volume", volume
    yield Failure(name, kind, image, policy, state, message, is_pull)


def _stands_instead(reason: str, message: str) -> bool:
    """Whether an error stands in place of kubelet's word for it: it came before the pull."""
    if _WORD.fullmatch(reason):
        return False
    return message == reason or message.startswith(_NO_INTENT)


def _ended(container: dict[str, Any], kind: str, ended: dict[str, Any]) -> Iterator[Failure]:
    """A container that is to run, or should have come to a good end, and has ended badly."""
    code = ended.get("exitCode")
    if not ended or code == 0:
        return
    reason, message = text(ended.get("reason")), text(ended.get("message"))
    if reason in _HAS_RUN or not message:
        message = f"exit code {code}" if isinstance(code, int) else ""
    yield Failure(
        text(container.get("name")),
        kind,
        text(container.get("image")),
        text(container.get("imagePullPolicy")),
        reason or "Error",
        message,
        is_pull=False,
    )


def _of_pod(
    pod: dict[str, Any], phase: str, status: dict[str, Any], *, alone: bool
) -> Iterator[Failure]:
    """What concerns the Pod as a whole; `alone` where no container of it fails."""
    if phase in {"Failed", "Unknown"}:
        reason = text(status.get("reason"))
        if reason or alone:
            yield _whole(reason or phase, text(status.get("message")))
    elif unscheduled := condition(pod, "PodScheduled", "False"):
        state = text(unscheduled.get("reason")) or "Unschedulable"
        yield _whole(state, text(unscheduled.get("message")))


def _whole(state: str, message: str) -> Failure:
    return Failure("", "pod", "", "", state, message, is_pull=False)


def _image_volumes(spec: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Name of each image volume → its reference and its policy."""
    images = {text(v.get("name")): mapping(v.get("image")) for v in entries(spec.get("volumes"))}
    return {
        name: (text(image.get("reference")), text(image.get("pullPolicy")))
        for name, image in images.items()
        if text(image.get("reference"))
    }


def _volume(
    container: dict[str, Any],
    message: str,
    volumes: dict[str, tuple[str, str]],
    *,
    unnamed: bool,
) -> tuple[str, str] | None:
    """The image volume of `container` that `message` is about; None for its own image.

    Args:
        container: which mounts it.
        message: kubelet's.
        volumes: the Pod's.
        unnamed: whether a volume is meant where the text names no image: without credentials
            kubelet does not get past the volumes.
    """
    mounts = [text(mount.get("name")) for mount in entries(container.get("volumeMounts"))]
    mounted = [volumes[name] for name in mounts if name in volumes]
    for volume in mounted:
        if _names(message, volume[0]):
            return volume
    return mounted[-1] if mounted and unnamed else None


def _names(message: str, image: str) -> bool:
    """Whether kubelet, or a runtime, which writes it in full, names `image` in `message`."""
    forms = [image]
    try:
        reference = parse_image(image)
    except InvalidImage:
        pass
    else:
        full = str(reference)
        forms += [full] if reference.tag or reference.digest else [full, f"{full}:latest"]
    return any(
        quoted(form) in message
        or f"docker://{form}:" in message
        or f"image pull failed for {form} because " in message
        for form in forms
    )


def _is_running(pod: dict[str, Any]) -> bool:
    status = mapping(pod.get("status"))
    states = (
        mapping(each.get("state"))
        for _, _, statuses in _KINDS
        for each in entries(status.get(statuses))
    )
    return any("running" in state for state in states)


def _written(metadata: dict[str, Any]) -> datetime | None:
    """When kubelet last changed something in the Pod's status."""
    return max(
        (
            when
            for fields in entries(metadata.get("managedFields"))
            if fields.get("manager") == "kubelet" and fields.get("subresource") == "status"
            if (when := instant(fields.get("time")))
        ),
        default=None,
    )


def _template(pod: dict[str, Any]) -> PodTemplate:
    """What `pod` says about its images; without any where that cannot be read."""
    kinded = {**pod, "apiVersion": "v1", "kind": "Pod"}
    try:
        found = next(podreading.templates(kinded, exists=True), None)
    except InvalidInput:
        found = None
    metadata = mapping(pod.get("metadata"))
    name, namespace = text(metadata.get("name")), text(metadata.get("namespace"))
    return found or PodTemplate(f"pod/{name}", namespace, "default", (), (), exists=True)
