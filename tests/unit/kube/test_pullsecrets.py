"""What `regcred secret` changes of a Secret that is there."""

from datetime import UTC, datetime

import pytest

from regcred.core import marks
from regcred.core.logins import secret
from regcred.kube.pullsecrets import update
from tests.support.patching import apply

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def built(password, ends=None):
    made = secret.build("pull", {secret.DATA_KEY: password.encode()})
    return secret.with_expiry(made, ends) if ends else made


def stored(made):
    return made | {"metadata": made["metadata"] | {"resourceVersion": "1"}}


@pytest.mark.parametrize(
    ("before", "after", "noted"),
    [
        (built("a"), built("b", MOMENT), MOMENT),
        (built("a", MOMENT), built("b"), None),
        (built("a", MOMENT), built("a"), MOMENT),
        (built("a"), built("b"), None),
    ],
    ids=["minted", "another in its place", "the same again", "neither"],
)
def test_when_it_ends_is_about_what_it_holds(before, after, noted):
    before = stored(before)
    changed = apply(before, update(before, after, "a"))
    assert changed["data"] == after["data"]
    assert marks.expires_at(changed) == noted
