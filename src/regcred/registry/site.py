"""One registry in a run of probes: its connections, its logins, and whether it answers at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regcred.core.errors import RegistryFailing, RegistryUnreachable
from regcred.core.registry.access import Access

if TYPE_CHECKING:
    import aiohttp

    from regcred.core.credential import Credential, Password
    from regcred.core.errors import RegcredError


#: A registry may fail for an image and be well: so many in a row, at least, say that it is not.
_FEWEST_FAILURES = 3


class Door:
    """One login at one registry.

    Attributes:
        access: what it opens.
        first: held by the first probe alone: what that learns, all others go by.
        renewing: held by who fetches a token.
        tried: whether the first is done.
        knows_head: whether an image was found to be there, HEAD being asked first.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.first = asyncio.Lock()
        self.renewing = asyncio.Lock()
        self.tried = False
        self.knows_head = False


class Site:
    """A registry.

    Args:
        url: scheme and host.
        api: the path where its API begins.
        namespace: the registry that images name, where another answers in its place.
        session: the connections.
        concurrency: probes at a time.
        may_change: whether https was a guess, and plain HTTP may be tried.
    """

    def __init__(
        self,
        url: str,
        api: str,
        namespace: str,
        session: aiohttp.ClientSession,
        concurrency: int,
        *,
        may_change: bool,
    ) -> None:
        self.url = url
        self.api = api
        self.namespace = namespace
        self.session = session
        self.slots = asyncio.Semaphore(concurrency)
        self.may_change = may_change
        #: Why nothing more is asked here.
        self.failure: RegcredError | None = None
        self._most_failures = max(concurrency, _FEWEST_FAILURES)
        self._failures = 0
        self._answered = False
        self._doors: dict[tuple[str, Password] | None, Door] = {}

    @property
    def netloc(self) -> str:
        """Host, with port where it has one."""
        return urlsplit(self.url).netloc

    def door(self, credential: Credential | None) -> Door:
        """The door for a login.

        Raises:
            InvalidRegistry: no such host can be asked.
        """
        key = None if credential is None else (credential.username, credential.password)
        if key not in self._doors:
            self._doors[key] = Door(Access(self.url, credential))
        return self._doors[key]

    def secrets(self) -> list[str]:
        """What this registry may have seen of us, with whatever login."""
        return [secret for door in self._doors.values() for secret in door.access.login.secrets()]

    def speaks_plain_http(self) -> None:
        """It does, on this machine: so it is asked from now on."""
        self.may_change = False
        self.url = f"http://{self.netloc}"
        for door in self._doors.values():
            door.access = door.access.at(self.url)

    def answers(self) -> None:
        """A request was answered."""
        self._answered = True

    def succeeds(self) -> None:
        """A probe came to its end."""
        self._failures = 0

    def fails(self, error: RegcredError) -> None:
        """A probe did not. Where none ever did, or many in a row, the rest is not tried."""
        if not isinstance(error, RegistryUnreachable | RegistryFailing):
            return
        self._failures += 1
        if not self._answered or self._failures >= self._most_failures:
            self.failure = error
