"""What of a Pod does not run, as kubelet reports it: pulls that fail, and what is no pull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from regcred.core.pods.podtemplate import PodTemplate


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that a Pod waits for, or that has failed.

    Args:
        container: its name; empty where the Pod as a whole is concerned.
        kind: ``container``, ``init container``, ``ephemeral container``, ``image volume``, or
            ``pod``.
        image: as it stands in the Pod's spec; of an image volume its reference. Empty where it is
            about no image.
        policy: ``imagePullPolicy`` of the image; may be empty.
        state: kubelet's reason: ``ErrImagePull``, ``ImagePullBackOff``, ``CrashLoopBackOff``, …
        message: kubelet's text as it stands; **not fit to be shown**, it may hold what a registry
            answered. `regcred.core.pods.pulltext` makes it so.
        is_pull: whether it is about an image that does not come.
    """

    container: str
    kind: str
    image: str
    policy: str
    state: str
    message: str
    is_pull: bool


@dataclass(frozen=True, slots=True)
class FailingPod:
    """A Pod that does not run.

    Args:
        namespace: its namespace.
        name: its name.
        uid: its UID.
        created: when it was made.
        node: the node that it is on; empty for none yet.
        template: its images, ServiceAccount and frozen list (`exists` is true).
        owner: (apiVersion, kind, name) of its controller; None for a bare Pod.
        failures: what fails, init containers first; pulls before everything else.
        written: when kubelet last changed its status, as far as its managed fields say.
        is_running: whether a container of it runs, beside what fails.
    """

    namespace: str
    name: str
    uid: str
    created: datetime | None
    node: str
    template: PodTemplate
    owner: tuple[str, str, str] | None
    failures: tuple[Failure, ...]
    written: datetime | None = None
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class NotMade:
    """Pods that their owner cannot create, so that there is no Pod to look at.

    Args:
        namespace: of the owner.
        kind: of the owner that a person wrote: ``Deployment``, ``Job``, …
        name: its name.
        message: what the API server said to it; not fit to be shown as it stands.
        template: its template (`exists` is false); None where it could not be read.
        last: when it was last refused.
    """

    namespace: str
    kind: str
    name: str
    message: str
    template: PodTemplate | None = None
    last: datetime | None = None
