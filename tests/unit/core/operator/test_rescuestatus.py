from collections import Counter
from dataclasses import replace

import pytest

from regcred.core.operator.pullcredential import Rescue
from regcred.core.operator.rescue import Left
from regcred.core.operator.rescuestatus import Census, figures, may_not_evict, says

STUCK = Census(True, 12, 3, "team-a")
WAIT = "12 Pods in 3 namespaces wait for want of the login, made without it"
KEPT = Counter({Left.RUNS: 1, Left.BARE: 2})
HELM = "the chart's value rescue.rights"


@pytest.mark.parametrize(
    ("census", "expected"),
    [
        (Census(), ("Unknown", "Pending", "the Pods have not been listed yet")),
        (
            Census(lacking="Report"),
            (
                "Unknown",
                "RightMissing",
                f"the operator may not list and watch pods; {HELM}=Report lets it",
            ),
        ),
        (Census(known=True), ("True", "NothingStuck", "no Pod waits for want of the login")),
        (
            STUCK,
            (
                "False",
                "PodsStuck",
                f"{WAIT}; Evict would make 12 anew, as does regcred why -A --fix",
            ),
        ),
        (
            replace(STUCK, namespaces=1, left=KEPT, lacking="Evict"),
            (
                "False",
                "PodsStuck",
                "12 Pods in team-a wait for want of the login, made without it; Evict would make 9"
                " anew, as does regcred why -n team-a --fix, and leave alone: 1 with a container"
                " that runs, 2 without a controller",
            ),
        ),
        (
            Census(True, 1, 1, "team-a", Counter({Left.BARE: 1})),
            (
                "False",
                "PodsStuck",
                "1 Pod in team-a waits for want of the login, made without it; Evict would leave"
                " alone: 1 without a controller; see regcred why -n team-a",
            ),
        ),
        (
            replace(STUCK, left=Counter({Left.BARE: 12})),
            (
                "False",
                "PodsStuck",
                f"{WAIT}; Evict would leave alone: 12 without a controller; see regcred why -A",
            ),
        ),
    ],
)
def test_report(census, expected):
    assert says(Rescue.REPORT, census) == expected


REST = f"{WAIT}; 9 to be evicted, 20 a minute at most"


@pytest.mark.parametrize(
    ("census", "expected"),
    [
        (
            Census(lacking="Report"),
            (
                "Unknown",
                "RightMissing",
                f"the operator may not list and watch pods; {HELM}=Evict lets it",
            ),
        ),
        (
            Census(known=True, evicted=1),
            ("True", "NothingStuck", "no Pod waits for want of the login; 1 Pod evicted so far"),
        ),
        (STUCK, ("False", "Evicting", f"{WAIT}; 12 to be evicted, 20 a minute at most")),
        (
            replace(STUCK, left=KEPT, evicted=4, trouble="it is full"),
            (
                "False",
                "Evicting",
                f"{REST}; it is full; left alone: 1 with a container that runs,"
                " 2 without a controller; 4 Pods evicted so far",
            ),
        ),
        (
            replace(STUCK, left=Counter({Left.AGAIN: 12}), trouble="it is full"),
            (
                "False",
                "PodsLeft",
                f"{WAIT}; left alone: 12 {Left.AGAIN}; see regcred why -A",
            ),
        ),
        (
            Census(True, 1, 1, "team-a", Counter({Left.BARE: 1}), lacking="Evict"),
            (
                "False",
                "PodsLeft",
                "1 Pod in team-a waits for want of the login, made without it; left alone:"
                " 1 without a controller; see regcred why -n team-a",
            ),
        ),
        (
            replace(STUCK, lacking="Evict", left=KEPT),
            (
                "False",
                "RightMissing",
                f"{WAIT}; the operator may not create pods/eviction; {HELM}=Evict lets it;"
                " left alone: 1 with a container that runs, 2 without a controller",
            ),
        ),
        (
            replace(STUCK, trouble=may_not_evict("team-b")),
            (
                "False",
                "Evicting",
                f"{WAIT}; 12 to be evicted, 20 a minute at most; in team-b the operator may not"
                f" create pods/eviction; {HELM}=Evict lets it",
            ),
        ),
    ],
)
def test_evict(census, expected):
    assert says(Rescue.EVICT, census) == expected


def test_figures():
    assert figures(replace(STUCK, evicted=4), "so") == {"stuck": 12, "evicted": 4, "message": "so"}
