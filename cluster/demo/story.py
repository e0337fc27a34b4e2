"""The order of the acts, and what stands between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.demo.acts import cold, everywhere, gate, login, undo
from cluster.demo.shell import heading, say
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from cluster.demo.acts import Act
    from cluster.demo.place import Place


def tell(place: Place, *, keep: bool) -> None:
    """Let it happen, and show it.

    Args:
        place: where.
        keep: leave out the last act, so that there is something to look at.

    Raises:
        ClusterError: a step fails, or what it should bring about does not come; with a note
            which act it was.
    """
    for act in cold.ACTS:
        _play(act, place)
        place.glance()
    place.bring_up()
    heading("Now on a cluster", "What is there is written down first, to be compared at the end.")
    undo.write_down(place)
    _play(login.ACT, place)
    if place.whole:
        for act in everywhere.ACTS:
            _play(act, place)
    else:
        heading(
            "2. to 4. are left out",
            "They show the operator, which takes rights on the whole cluster (a CRD, admission"
            " policies), and change the registry's password. make demo without"
            " REGCRED_DEMO_CONTEXT shows them on a cluster of its own.",
        )
    _play(gate.ACT, place)
    if keep:
        say("\n6. The undo is left out, as --keep asks for")
    else:
        _play(undo.ACT, place)


def _play(act: Act, place: Place) -> None:
    heading(act.title, act.why)
    try:
        act.play(place)
    except ClusterError as error:
        error.add_note(f"that was in: {act.title}")
        raise
