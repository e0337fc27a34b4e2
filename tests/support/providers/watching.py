"""Look at all that minters say, for any secret that was given to them, shown to or by a provider.

`Watch` stands where tests call a minter: before its ``mint`` and ``revoke``, and before what their
desk gives. What the providers' servers were sent and have answered it reads at the end.
"""

from __future__ import annotations

import functools
import logging
import os
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.secrecy import Secrecy, is_secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from regcred.core.credential import Password
    from regcred.core.operator.minting import Minted
    from regcred.minters.desk import Desk
    from tests.support.providers.serving import Served


class Watch:
    """What the minters of one test were given, and what they have said.

    Attributes:
        secrecy: the secrets.
        written: place → what was said there.
    """

    def __init__(self) -> None:
        self.secrecy = Secrecy()
        self.written: dict[str, str] = {}

    def desk(self, desk: Desk) -> Desk:
        """The same, with an eye on the secrets that it hands out."""

        async def secret(name: str) -> Mapping[str, bytes]:
            data = await desk.secret(name)
            for key, value in data.items():
                if key not in ("username", "access-key-id"):
                    self._add_value(f"{key} of a Secret", key, value)
            return data

        async def identity(account: str, audience: str) -> Password:
            token = await desk.identity(account, audience)
            self.secrecy.add("a ServiceAccount's token", token.reveal())
            return token

        self._add_environment(desk.env)
        return replace(desk, secret=secret, identity=identity)

    def call(self, name: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        """The same function of a minter, with an eye on what comes out of it."""

        @functools.wraps(function)
        async def watched(settings: Mapping[str, Any], desk: Desk, *more: Any) -> Any:
            self._add_environment(os.environ)
            try:
                found = await function(settings, desk, *more)
            except Exception as error:
                self._say(f"an error of {name}", "".join(traceback.format_exception(error)))
                self._say(f"an error of {name}", f"{error!r}\n{vars(error)!r}")
                raise
            if found is not None:
                self._add_minted(found)
            self._say(f"a result of {name}", f"{found!r}\n{found}\n{desk!r}")
            return found

        return watched

    def add_served(self, all_served: Iterable[Served]) -> None:
        """What servers were sent and have answered."""
        self.secrecy.add_served(all_served)

    def add_records(self, records: Iterable[logging.LogRecord]) -> None:
        """What was logged, with tracebacks."""
        form = logging.Formatter("%(name)s %(message)s")
        self._say("the log", "\n".join(form.format(each) for each in records))

    def require(self, **written: str) -> None:
        """Make sure that none of the secrets was said.

        Args:
            written: more places, and what was written there.

        Raises:
            AssertionError: one was; says which, and where.
        """
        __tracebackhide__ = True
        self.secrecy.require(self.written | written)

    def _say(self, place: str, text: str) -> None:
        self.written[place] = f"{self.written.get(place, '')}{text}\n"

    def _add_minted(self, minted: Minted) -> None:
        passwords = [each.password.reveal() for each in minted.credentials]
        self.secrecy.add("a minted password", *passwords)

    def _add_value(self, kind: str, name: str, value: bytes) -> None:
        if name.endswith(".json"):
            self.secrecy.add_body(kind, value)
        else:
            self.secrecy.add(kind, value)

    def _add_environment(self, env: Mapping[str, str]) -> None:
        for name, value in env.items():
            if name.endswith("_FILE") and is_secret(name.removesuffix("_FILE")):
                path = Path(value)
                self.secrecy.add(f"the file of {name}", path.read_bytes() if path.is_file() else "")
            elif is_secret(name):
                self.secrecy.add(f"the variable {name}", value)
