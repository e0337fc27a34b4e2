"""Which Pods from before a login would be mended by a successor, and which of them are evicted.

A Pod is *stuck* for want of a PullCredential where the PullCredential selects its namespace and its
ServiceAccount, has a login in the Secret there for an image that the Pod waits for, and the Pod's
frozen list does not name that Secret (`regcred.core.operator.strandedpod`).

It is evicted only where its end does no harm and helps: nothing of it runs, its controller is sure
to make another, and the other will have the Secret. Where successors turn out to be stuck as well,
that was a mistake, and the second one is the last (`regcred.core.operator.attempts`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from regcred.core import glob
from regcred.core.logins.urlmatch import place
from regcred.core.operator import select
from regcred.core.operator.pullcredential import Attach, Rescue
from regcred.core.pods import mend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from regcred.core.logins.urlmatch import Place
    from regcred.core.operator.pullcredential import PullCredential
    from regcred.core.operator.strandedpod import StrandedPod


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a Pod.

    Args:
        lacking: names of the PullCredentials that it is stuck for want of.
        left: why it is not to be evicted, where it is stuck; None where it is.
    """

    lacking: tuple[str, ...] = ()
    left: Left | None = None


class Judge:
    """Judges the Pods of one namespace; what does not depend on the Pod is looked at once.

    Args:
        scene: the namespace.
        pullcredentials: all that there are.
        by_admission: whether Pods are given the Secret as they are created.

    Attributes:
        scene: see above.
    """

    def __init__(
        self, scene: Scene, pullcredentials: Iterable[PullCredential], *, by_admission: bool
    ) -> None:
        self.scene = scene
        meant = [
            (each, each.spec)
            for each in pullcredentials
            if each.spec is not None and select.namespace(each, scene.name, scene.labels)
        ]
        registries: defaultdict[str, list[Place]] = defaultdict(list)
        asking = {each.name for each, _ in meant if mode(each) is not Rescue.OFF}
        for registry, name in scene.entries.items():
            if name in asking and (found := place(registry)) is not None:
                registries[name].append(found)
        # With None it is for manifests to name the Secret, whatever ServiceAccount they name.
        self._giving = [
            (
                each.name,
                ("*",) if spec.attach is Attach.NONE else spec.service_accounts,
                registries[each.name],
            )
            for each, spec in meant
            if each.name in registries
        ]
        # By these admission would give a successor the Secret (`core.admission`).
        self._admitting = [
            spec.service_accounts
            for _, spec in meant
            if by_admission and spec.attach is not Attach.NONE
        ]

    def judge(self, pod: StrandedPod) -> Judgement:
        """What is to be said of a Pod."""
        lacking = tuple(self._lacking(pod))
        return Judgement(lacking, self._left(pod)) if lacking else Judgement()

    def _lacking(self, pod: StrandedPod) -> Iterator[str]:
        for name, accounts, registries in self._giving:
            if not glob.any_matches(accounts, pod.account):
                continue
            if any(mine.covers(image) for image in pod.places for mine in registries):
                yield name

    def _left(self, pod: StrandedPod) -> Left | None:
        if pod.owner is None:
            return Left.BARE
        if not mend.replaces(pod.owner.kind):
            return Left.CONTROLLER
        if pod.runs:
            return Left.RUNS
        secret, names = self.scene.secret, self.scene.accounts.get(pod.account)
        if names is None:
            return Left.SUCCESSOR  # Without the ServiceAccount there would be none at all.
        # Names are copied where a Pod has none of its own; so a list that is another has not been.
        copied = not pod.names or pod.names == tuple(each for each in names if each != secret)
        if copied and secret in names:
            return None
        if any(glob.any_matches(each, pod.account) for each in self._admitting):
            return None
        return Left.SUCCESSOR
