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
#: File in `DEPLOY` -> the chart's ``admission.mode``, whatever Helm takes the cluster to know.
MODES = {"regcred.yaml": "Policy", "webhook/regcred.yaml": "Webhook"}

_HEADER = """\
# The Helm chart in charts/regcred with its default values, as `make generated` writes it: change
# the chart, or patch this with kustomize.
"""
_FOR = {
    "Policy": "# For Kubernetes from 1.36 on: what is older has no MutatingAdmissionPolicy.\n",
    "Webhook": "# For Kubernetes before 1.36: admission.mode is Webhook.\n",
}


def plain(helm: Path, mode: str) -> str:
    """What Helm renders with the default values.

    Args:
        helm: the program.
        mode: one of `MODES`.

    Raises:
        subprocess.CalledProcessError: it does not render.
    """
    own = f"--namespace={NAMESPACE}", f"--set=admission.mode={mode}"
    command = [str(helm), "template", RELEASE, str(CHART), *own]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return _HEADER + _FOR[mode] + rendered
