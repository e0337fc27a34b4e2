"""The chart as plain YAML, for those who use kubectl alone: ``kubectl apply -k deploy``."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cluster.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

CHART = CHECKOUT / "charts" / "regcred"
DEPLOY = CHECKOUT / "deploy"

NAMESPACE, RELEASE = "regcred-system", "regcred"
#: What the cluster is taken to know: Kubernetes from 1.36 on.
KNOWN = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"

_HEADER = """\
# The Helm chart in charts/regcred with its default values, as `make chart` writes it: change the
# chart, or patch this with kustomize. API servers before 1.36 know no MutatingAdmissionPolicy:
# kubectl says so, and applies all the rest.
"""


def plain(helm: Path) -> str:
    """What Helm renders with the default values.

    Args:
        helm: the program.

    Raises:
        subprocess.CalledProcessError: it does not render.
    """
    command = [str(helm), "template", RELEASE, str(CHART), "--namespace", NAMESPACE, KNOWN]
    return _HEADER + subprocess.run(command, check=True, capture_output=True, text=True).stdout
