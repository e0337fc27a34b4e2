"""Rights that were given a moment ago: the API server learns of them by a watch of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.waiting import await_condition

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


def await_right(
    kubectl: Callable[..., subprocess.CompletedProcess[bytes]],
    who: tuple[str, ...] | Path,
    verb: str,
    resource: str,
    namespace: str,
) -> None:
    """Wait until somebody may do what was granted last; what was granted before it holds then too.

    Args:
        kubectl: the fixture, or a cluster's own.
        who: a kubeconfig, or arguments as ``--as=`` that say as whom.
        verb: of the right.
        resource: of the right.
        namespace: of the right.
    """
    flags, options = (who, {}) if isinstance(who, tuple) else ((), {"kubeconfig": who})

    def may() -> bool:
        asked = ("auth", "can-i", verb, resource, "-n", namespace, *flags)
        return kubectl(*asked, check=False, **options).returncode == 0

    await_condition("the right is known to the API server", may, timeout=120)
