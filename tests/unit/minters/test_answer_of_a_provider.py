"""What is read from an answer besides its body: the provider's clock, and how long to stay away."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from regcred.minters.web import Answer, clock_warning, refused

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def answer(status=200, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, names, b"", "https://example.com/token", NOW)


def dated(ahead):
    return answer(date=format_datetime(NOW + ahead, usegmt=True))


@pytest.mark.parametrize("ahead", [timedelta(hours=2), -timedelta(hours=2), timedelta(seconds=61)])
def test_a_moment_of_theirs_is_told_by_the_clock_here(ahead):
    found = dated(ahead)
    assert found.skew == ahead
    assert found.here(NOW + ahead + HOUR) == NOW + HOUR
    assert len(clock_warning(found)) == 1


@pytest.mark.parametrize("ahead", [timedelta(seconds=60), -timedelta(seconds=60), timedelta()])
def test_clocks_that_agree(ahead):
    found = dated(ahead)
    assert (found.skew, found.here(NOW), clock_warning(found)) == (timedelta(), NOW, ())


@pytest.mark.parametrize(
    "date", ["", "soon", "Thu, 31 Jan 2030 25:00:00 GMT", f"1 Jan 2030 0:0:0 +{9**20}", None]
)
def test_a_provider_without_a_clock(date):
    found = answer() if date is None else answer(date=date)
    assert (found.theirs, found.here(NOW), clock_warning(found)) == (NOW, NOW, ())


def test_a_date_without_a_zone_is_of_greenwich():
    assert answer(date="Thu, 31 Jan 2030 14:00:00 -0000").here(NOW) == NOW - 2 * HOUR


@pytest.mark.parametrize("days", [-400, 400])
def test_days_are_told_and_not_made_up_for(days):
    found = dated(timedelta(days=days))
    assert found.here(NOW) == NOW
    assert len(clock_warning(found)) == 1


def test_what_never_ends_does_not_end_by_another_clock():
    never = datetime.max.replace(tzinfo=UTC)
    assert dated(-HOUR).here(never) == never


def test_a_date_to_come_back_at_is_by_their_clock():
    theirs = NOW - 2 * HOUR
    later = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    found = answer(429, date=format_datetime(theirs, usegmt=True), retry_after=later)
    assert refused(found, "token").retry_after == 90
    assert refused(answer(503, retry_after="17"), "token").retry_after == 17
    assert refused(answer(503), "token").retry_after is None
