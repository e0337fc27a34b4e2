from datetime import UTC, datetime

import pytest

from regcred.core.backoff import growing, pause

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def wait(status=429, retry_after="", tries=0, chance=0.0):
    return pause(status, retry_after, tries, now=NOW, chance=chance)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 400, 501])
def test_answers_that_stay_are_left(status):
    assert wait(status) is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_pauses_grow_and_end(status):
    pauses = [wait(status, tries=tries) for tries in range(5)]
    assert pauses == [0.5, 1, 2, 4, None]


def test_those_refused_together_come_back_apart():
    assert wait(chance=0.0) < wait(chance=0.5) < wait(chance=1.0)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("9" * 50, 999_999_999),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60),
        ("Fri, 02 Jan 2026 02:00:00 GMT", 0),
        ("soon", 0.5),
        ("-3", 0.5),
        ("٣", 0.5),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", 0.5),
    ],
)
def test_retry_after_is_honoured(said, seconds):
    assert wait(retry_after=said) == seconds


def test_pauses_double_up_to_the_longest():
    def seconds(failures, chance):
        return growing(failures, first=0.2, longest=1.0, chance=chance)

    assert [seconds(n, 1.0) for n in (1, 2, 3, 4, 10_000)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    assert [seconds(n, 0.0) for n in (1, 2, 3, 4, 10_000)] == [0.1, 0.2, 0.4, 0.5, 0.5]
