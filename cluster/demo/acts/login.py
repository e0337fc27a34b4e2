"""One namespace, one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.demo import pods
from cluster.demo.acts import Act
from cluster.demo.place import PASSWORD

if TYPE_CHECKING:
    from cluster.demo.place import Place


def _play(place: Place) -> None:
    shell = place.shell
    shell.show(f"kubectl apply -f web.yaml {place.there}")
    pods.await_refused(place)
    shell.show(f"kubectl get pods {place.there}")
    shell.show(f"regcred why {place.there}", exits=1)
    shell.show(
        f"regcred login {place.registry} -u {place.username} --password-stdin \\\n"
        f"    --restart {place.there} < {PASSWORD}"
    )
    pods.await_running(place, place.namespace)
    shell.show(f"kubectl get pods {place.there}")


ACT = Act(
    "1. A Pod that may not pull, the reason, and the one command that mends it",
    "why asks the cluster and the registry, and names one cause. login sees that the registry"
    " takes the password, writes the Secret, attaches it to the ServiceAccount, and restarts"
    " what waits.",
    _play,
)
