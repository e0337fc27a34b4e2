"""The check before the deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.demo.acts import Act
from cluster.demo.acts.everywhere import NEXT
from cluster.demo.files import deployment, write

if TYPE_CHECKING:
    from cluster.demo.place import Place


def _play(place: Place) -> None:
    there = f"-n {NEXT}" if place.whole else place.there
    write(place, "next.yaml", deployment(place.absent, place.node))
    place.shell.show(
        f"regcred check -f next.yaml {there} &&\n    kubectl apply -f next.yaml {there}", exits=1
    )
    place.shell.show(f"kubectl get deployment web {there} -o jsonpath='{{..image}}{{\"\\n\"}}'")


ACT = Act(
    "5. A gate: a wrong tag is not deployed",
    "check takes the manifest and the logins that its Pods will have there. What follows the &&"
    " is not run, and the Deployment keeps its image.",
    _play,
)
