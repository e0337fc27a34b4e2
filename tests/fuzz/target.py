"""What a target is, and what is asked of all of them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regcred.core.errors import RegcredError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

#: Stands in the seeds wherever a password, token or key does; no error may show it.
CANARY = "hunter2"
#: Characters of what is said of a text, however long that is.
MOST_SAID = 8_000

SEEDS = Path(__file__).parent / "seeds"


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, and what has to hold of it.

    Args:
        name: as ``make fuzz`` takes it, and the folder of its seeds.
        check: fails where it does not hold.
        words: pieces of the language, which a mutation puts in.
        pumped: what is repeated thousands of times to see that work grows with its length, not
            faster: (before, again and again, behind).
    """

    name: str
    check: Callable[[bytes], None]
    words: tuple[str, ...] = ()
    pumped: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def about(self) -> str:
        """What has to hold, in words."""
        return (self.check.__doc__ or "").partition("\n")[0]

    @property
    def seeds(self) -> list[bytes]:
        """Good texts, and odd ones; each a file."""
        return [path.read_bytes() for path in sorted((SEEDS / self.name).iterdir())]


#: All there are, by name.
TARGETS: dict[str, Target] = {}


def target(
    name: str, *, words: str = "", pumped: tuple[tuple[str, str, str], ...] = ()
) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Make a function a target; `words` are parted by blanks."""

    def made(check: Callable[[bytes], None]) -> Callable[[bytes], None]:
        assert name not in TARGETS
        TARGETS[name] = Target(name, check, tuple(words.split()), pumped)
        return check

    return made


@contextmanager
def refusing(*kinds: type[Exception], secret: str = "", hints: bool = False) -> Iterator[None]:
    """A text may be refused by these errors, in a bounded message without the secret.

    Args:
        kinds: the errors.
        secret: that the message must not show; empty where none is known.
        hints: whether each has to say what mends it.

    Raises:
        Refused: it was.
    """
    try:
        yield
    except kinds as error:
        _check(error, secret, hints)
        raise Refused from error


def _check(error: Exception, secret: str, hints: bool) -> None:
    said = str(error)
    if isinstance(error, RegcredError):
        assert error.message, "an error without a message"
        assert error.hint or not hints, f"no hint: {error.message}"
        said = f"{error.message} {error.hint}"
    assert said.strip(), "an error that says nothing"
    assert len(said) <= MOST_SAID, f"{len(said)} characters are said: {said[:200]}"
    assert not secret or secret not in said, f"the secret is said: {said}"


class Refused(Exception):
    """The text was refused in the right way: nothing more to look at."""


def text_of(data: bytes) -> str:
    """The same as text; what is no UTF-8 as it comes from files and arguments."""
    return data.decode("utf-8", "surrogateescape")


def hidden_in(given: Any, said: Container[str] = ()) -> str:
    """The canary, where it stands in values alone: names of fields and registries may be said.

    Args:
        given: a document, or the bytes of one in JSON.
        said: fields whose values may be said as well.
    """
    if isinstance(given, bytes):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return CANARY
    todo, done = [given], set()
    while todo:
        each = todo.pop()
        if id(each) in done:  # an alias of YAML
            continue
        done.add(id(each))
        if isinstance(each, dict):
            if any(CANARY in name for name in each):
                return ""
            if any(name in said and CANARY in str(value) for name, value in each.items()):
                return ""
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return CANARY
