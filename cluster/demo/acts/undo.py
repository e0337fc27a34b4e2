"""What was there before: written down at the start, and compared with the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.demo.acts import Act
from cluster.demo.acts.everywhere import NEXT, TEAMS

if TYPE_CHECKING:
    from cluster.demo.place import Place


def write_down(place: Place) -> None:
    """Have ``before.yaml``; where the cluster is the demo's, with the namespaces of the story."""
    names = [place.namespace]
    if place.whole:
        names += TEAMS
        place.shell.show(
            f"for name in {' '.join(names)}; do\n    kubectl create namespace $name\ndone"
        )
    for name in names:
        where = ("-n", name, "--for=create", "--timeout=60s", *place.flags.split())
        place.shell.ask("kubectl", "wait", "serviceaccount/default", *where)
    place.shell.show(_listed(place, "before.yaml"))


def _play(place: Place) -> None:
    shell, whole = place.shell, place.whole
    if whole:
        shell.show("kubectl delete pullcredential registry")
    shell.show(f"regcred logout {place.registry} {place.there}")
    if whole:
        whole.end_operator()
        shell.show("kubectl delete -k deploy | wc -l")
        shell.show(f"kubectl delete namespace {NEXT}")
    shell.show(_listed(place, "after.yaml"))
    # Not what differs: a Secret that is left would be on the screen.
    shell.show("diff -q before.yaml after.yaml && echo 'nothing differs'")


def _listed(place: Place, file: str) -> str:
    where = "-A" if place.whole else place.there
    return (
        f"kubectl get serviceaccounts,secrets {where} -o yaml |\n"
        f"    grep -v resourceVersion > {file}"
    )


ACT = Act(
    "6. All of it taken back",
    "regcred marks what it adds, and takes away that and nothing else. Every Secret and every"
    " ServiceAccount of the cluster is compared with what there was at the start.",
    _play,
)
