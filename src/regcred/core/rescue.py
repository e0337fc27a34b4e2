"""Which Pods from before a login would be mended by a successor, and which of them are evicted.

A Pod is *stuck* for want of a PullCredential where the PullCredential selects its namespace and its
ServiceAccount, has a login in the Secret there for an image that the Pod waits for, and the Pod's
frozen list does not name that Secret (`regcred.core.strandedpod`).

It is evicted only where its end does no harm and helps: nothing of it runs, its controller is sure
to make another, and the other will have the Secret. Where successors turn out to be stuck as well,
that was a mistake, and the second one is the last (`regcred.core.attempts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from regcred.core import glob, mend, select
from regcred.core.pullcredential import Attach, Rescue
from regcred.core.urlmatch import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.core.pullcredential import PullCredential
    from regcred.core.strandedpod import StrandedPod


class Left(StrEnum):
    """Why a stuck Pod is not evicted, a clause about it."""

    #: Nobody would make another.
    BARE = "without a controller"
    #: Some do not make another, or count the end of one as a failure.
    CONTROLLER = "of a controller that may not make another, such as a Job"
    #: It does some of its work.
    RUNS = "with a container that runs"
    #: The ServiceAccount does not have the Secret, or the Pod has a list of its own.
    SUCCESSOR = "whose successor would be without the Secret as well"
    #: Evicting did not help.
    AGAIN = "whose controller made others without the Secret after an eviction"


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a namespace.

    Args:
        name: its name.
        labels: its labels.
        secret: the name of the operator's Secret.
        entries: registry (`claim.identity`) → name of the PullCredential whose login for it is in
            the Secret that is there.
        accounts: ServiceAccount → the names in its list.
    """

    name: str
    labels: Mapping[str, str]
    secret: str
    entries: Mapping[str, str]
    accounts: Mapping[str, tuple[str, ...]]


def mode(pullcredential: PullCredential) -> Rescue:
    """What it asks for."""
    spec = pullcredential.spec
    return Rescue.OFF if spec is None or pullcredential.deleting else spec.rescue


def lacks(pod: StrandedPod, scene: Scene, pullcredential: PullCredential) -> bool:
    """Whether the Pod is stuck for want of what this PullCredential gives."""
    spec = pullcredential.spec
    if spec is None or not select.namespace(pullcredential, scene.name, scene.labels):
        return False
    # With None it is for manifests to name the Secret, whatever ServiceAccount they name.
    if spec.attach is not Attach.NONE and not glob.any_matches(spec.service_accounts, pod.account):
        return False
    mine = [registry for registry, name in scene.entries.items() if name == pullcredential.name]
    return any(_covers(registry, image) for image in pod.images for registry in mine)


def left(
    pod: StrandedPod,
    scene: Scene,
    pullcredentials: Iterable[PullCredential],
    *,
    by_admission: bool,
) -> Left | None:
    """Why a stuck Pod is not to be evicted; None where it is.

    Args:
        pod: the Pod.
        scene: its namespace.
        pullcredentials: all that there are.
        by_admission: whether Pods are given the Secret as they are created.
    """
    if pod.owner is None:
        return Left.BARE
    if not mend.replaces(pod.owner.kind):
        return Left.CONTROLLER
    if pod.runs:
        return Left.RUNS
    names = scene.accounts.get(pod.account)
    if names is None:
        return Left.SUCCESSOR  # Without the ServiceAccount there would be none at all.
    # Names are copied where a Pod has none of its own; so a list that is another has not been.
    copied = not pod.names or pod.names == tuple(each for each in names if each != scene.secret)
    if copied and scene.secret in names:
        return None
    if by_admission and any(_admits(each, pod, scene) for each in pullcredentials):
        return None
    return Left.SUCCESSOR


def _admits(pullcredential: PullCredential, pod: StrandedPod, scene: Scene) -> bool:
    """Whether admission would give the successor the Secret by this one (`core.admission`)."""
    spec = pullcredential.spec
    return (
        spec is not None
        and spec.attach is not Attach.NONE
        and glob.any_matches(spec.service_accounts, pod.account)
        and select.namespace(pullcredential, scene.name, scene.labels)
    )


@lru_cache(maxsize=4096)
def _covers(registry: str, image: str) -> bool:
    mine, pulled = place(registry), place(image)
    return mine is not None and pulled is not None and mine.covers(pulled)
