"""What mends a Pod that does not pull: each step as a command for a shell, and as what it does.

The command is what a person types, the step is what ``regcred why --fix`` does itself; both come
from one value, so neither says anything that the other does not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regcred.core.stuck import StuckPod, Waiting


@dataclass(frozen=True, slots=True)
class Attach:
    """Put a pull Secret on a ServiceAccount."""

    namespace: str
    account: str
    secret: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Have the owner make its Pods anew."""

    waiting: Waiting


@dataclass(frozen=True, slots=True)
class AddToTemplate:
    """Add a pull Secret to the list in the owner's template."""

    waiting: Waiting
    secret: str


@dataclass(frozen=True, slots=True)
class DeletePods:
    """Delete Pods that their controller replaces."""

    pods: tuple[StuckPod, ...]


@dataclass(frozen=True, slots=True)
class Recreate:
    """Make a bare Pod anew, with `secret` added to its list where given."""

    pod: StuckPod
    secret: str = ""


@dataclass(frozen=True, slots=True)
class CopySecret:
    """Copy a pull Secret's login from another namespace."""

    name: str
    source: str
    namespace: str


Step = Attach | Restart | AddToTemplate | DeletePods | Recreate | CopySecret


@dataclass(frozen=True, slots=True)
class Mend:
    """One command.

    Args:
        command: for a shell.
        step: what it does; None where it needs what regcred does not have, a password say.
    """

    command: str
    step: Step | None = None
