from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.operator.minting import (
    LEAST,
    Minted,
    arrives,
    digest,
    kept_for,
    made_before,
    refresh_apart,
    refresh_at,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANCES = st.floats(0, 1)
LIVES = st.timedeltas(timedelta(seconds=20), timedelta(days=365))
PAUSE = timedelta(seconds=5)
ROUNDING = timedelta(microseconds=2)


@given(LIVES, CHANCES)
def test_it_is_refreshed_at_two_thirds_of_its_life(life, chance):
    spent = refresh_at(NOW, NOW + life, chance) - NOW
    assert life * 0.6 - ROUNDING <= spent <= life * (2.2 / 3) + ROUNDING


@given(LIVES, CHANCES, CHANCES)
def test_the_moment_follows_from_the_life_and_from_chance(life, low, high):
    assume(low <= high)
    assert refresh_at(NOW, NOW + life, low) <= refresh_at(NOW, NOW + life, high)
    assert refresh_at(NOW, NOW + life, 0.5) - NOW - life * 2 / 3 <= ROUNDING


@given(st.timedeltas(-timedelta(days=9), timedelta(seconds=5)), CHANCES)
def test_however_short_a_life_is_a_provider_gets_a_pause(life, chance):
    assert refresh_at(NOW, NOW + life, chance) == NOW + PAUSE


@given(LIVES, st.lists(st.floats(-1, 1), max_size=20), st.lists(CHANCES, min_size=1, max_size=16))
def test_the_moment_that_is_farthest_from_the_others_is_taken(life, others, chances):
    taken = [NOW + each * life for each in others]
    found = refresh_apart(NOW, NOW + life, iter(taken), iter(chances))
    possible = [refresh_at(NOW, NOW + life, each) for each in chances]
    assert found in possible
    if taken:
        nearest = [min(abs(moment - other) for other in taken) for moment in possible]
        assert min(abs(found - other) for other in taken) == max(nearest)


@pytest.mark.parametrize("seed", range(20))
def test_twenty_that_are_minted_together_are_refreshed_apart(seed):
    """By chance alone two of them would come within about a second of each other."""
    chance = Random(seed).random  # noqa: S311 - the same each time
    moments = []
    for _ in range(20):
        chances = [chance() for _ in range(16)]
        moments.append(refresh_apart(NOW, NOW + timedelta(hours=1), moments, chances))
    gaps = [later - earlier for earlier, later in pairwise(sorted(moments))]
    assert min(gaps) > timedelta(seconds=10)


@given(st.timedeltas(-timedelta(days=9), timedelta(days=9)))
def test_what_ends_before_it_would_arrive_is_not_written(left):
    assert arrives(NOW + left, NOW) == (left > timedelta(seconds=10))


def test_what_never_ends_arrives():
    assert arrives(None, NOW)
    assert not arrives(NOW + LEAST, NOW)


NAMES = st.text(st.characters(exclude_characters="\t\n"), min_size=1, max_size=20)
LOGINS = st.lists(
    st.builds(Credential, NAMES, NAMES, NAMES.map(Password)),
    max_size=5,
    unique_by=lambda each: each.registry,
)


@given(NAMES, LOGINS, st.randoms())
def test_the_same_logins_have_the_same_digest_in_any_order(salt, logins, random):
    shuffled = list(logins)
    random.shuffle(shuffled)
    assert digest(salt, iter(shuffled)) == digest(salt, logins)


@given(NAMES, LOGINS, NAMES, LOGINS)
def test_others_have_another(salt, logins, other_salt, other):
    same = salt == other_salt and {*logins} == {*other}
    assert (digest(salt, logins) == digest(other_salt, other)) == same


def test_a_digest_tells_nothing_else():
    logins = [Credential("ghcr.io", "me", Password("\udcff-canary"))]  # not of UTF-8
    found = digest("uid", logins)
    assert len(found) == 64
    assert "canary" not in found


def test_what_was_minted_does_not_show_its_secret():
    logins = (Credential("ghcr.io", "me", Password("canary")),)
    assert "canary" not in repr(Minted(logins, NOW, "17", ("a warning",)))


def test_what_is_counted_was_made_in_that_order():
    assert made_before("9", "10")
    assert made_before("9", "")
    assert not made_before("10", "10")
    assert not made_before("11", "10")
    assert not made_before("100", "20")


@given(LIVES)
def test_who_hands_it_on_leaves_a_third_of_its_life(life):
    assert kept_for(NOW + life, NOW) == pytest.approx(life.total_seconds() * 2 / 3)


def test_what_has_ended_is_not_kept_and_what_never_ends_is_nobodys_to_say():
    assert kept_for(NOW, NOW + PAUSE) == 0
    assert kept_for(None, NOW) is None
