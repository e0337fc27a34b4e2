import pytest

from regcred.core.errors import InvalidInput
from regcred.core.formats.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("0s", 0),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (".5s", 0.5),
        ("1.s", 1),
        ("1h1m1s1ms", 3661.001),
    ],
)
def test_go_durations(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1d", "-1s", "1 s", "1h 30m", "٣s", "1e3s", "1us", ".s", "9" * 50 + "s"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="duration") as caught:
        seconds(text)
    assert caught.value.hint


def test_of_one_without_end_a_part_is_shown() -> None:
    with pytest.raises(InvalidInput, match=f"'{'1' * 40}…' is not"):
        seconds("1" * 9000)
