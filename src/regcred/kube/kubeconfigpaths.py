"""Where kubeconfig files are looked for: cheap to ask where there may be no cluster at all.

The rules are client-go's (https://pkg.go.dev/k8s.io/client-go/tools/clientcmd).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_paths(explicit: str | None, env: Mapping[str, str]) -> list[str]:
    """The files to read, in order of precedence; they need not exist.

    Args:
        explicit: the ``--kubeconfig`` flag.
        env: the environment; ``KUBECONFIG`` and ``HOME`` matter.
    """
    if explicit:
        return [explicit]
    if listed := env.get("KUBECONFIG"):
        return [path for path in dict.fromkeys(listed.split(os.pathsep)) if path]
    home = env.get("HOME")
    return [os.path.join(home, ".kube", "config")] if home else []  # noqa: PTH118 - start-up time


def is_anywhere(explicit: str | None, env: Mapping[str, str]) -> bool:
    """Whether there is a file to read, or a cluster around us."""
    if "KUBERNETES_SERVICE_HOST" in env:
        return True
    return any(map(os.path.lexists, find_paths(explicit, env)))
