"""Why an image does not come, on what evidence, and what mends it: the outcome of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regcred.core.pods.failing import FailingPod, Failure, NotMade
    from regcred.core.pods.mend import Mend
    from regcred.core.problem import Reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact.

    Args:
        fact: a clause; never a password, nor a part of one.
        source: where it was read: ``Pod team-a/web-1``, ``events``, ``registry``, …
    """

    fact: str
    source: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that keeps the image from coming.

    Args:
        reason: of the closed list.
        message: one sentence; never a password.
        mends: what mends it, in this order; commands for a shell. Empty where no command does.
        hint: what to do where no command does it, or what to know besides.
    """

    reason: Reason
    message: str
    mends: tuple[Mend, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with one image of a Pod, or with a Pod.

    Args:
        pod: the Pod; or what cannot make its Pods.
        failure: what of the Pod is meant; None where there is no Pod.
        causes: at least one; what must be mended first comes first.
        evidence: the facts that it rests on.
        not_excluded: what could not be ruled out, each with the missing right.
    """

    pod: FailingPod | NotMade
    failure: Failure | None
    causes: tuple[Cause, ...]
    evidence: tuple[Evidence, ...] = ()
    not_excluded: tuple[str, ...] = ()
