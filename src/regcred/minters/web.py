"""HTTP for minters: bounded, without redirects, and with failures turned into reasons.

Secrets go out by it, so nothing is followed anywhere, no cookie and no ``~/.netrc`` adds a login,
and no body is read without end. Nothing of aiohttp leaves this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from regcred.core.backoff import seconds_of
from regcred.core.credential import Password
from regcred.core.errors import MintFailed, Misconfigured
from regcred.core.formats.redact import one_line
from regcred.core.operator.source import SourceReason
from regcred.core.registry import proxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

#: Seconds for a request and its answer.
TIMEOUT = 30.0
_CONNECT_SECONDS = 10.0
#: No token and no error is larger.
_MAX_BODY = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: A clock that is further off than this is told of, and made up for.
SKEW = timedelta(seconds=60)
#: One that is further off than this is none: neither certificates nor signatures would be valid.
_NO_CLOCK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said.

    Args:
        status: of HTTP.
        headers: names in lower case; of several of one name the last.
        body: all of it. Never shown.
        url: what was asked, without query.
        at: when it came, by the clock here.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str
    at: datetime

    @property
    def json(self) -> Any:
        """The body, decoded; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def text(self, *path: str) -> str:
        """A string in the JSON; empty where there is none."""
        found = self.json
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, str) else ""

    @property
    def host(self) -> str:
        """Who said it."""
        return urlsplit(self.url).netloc

    @property
    def theirs(self) -> datetime:
        """When it came, by the provider's clock; by the one here where it shows none."""
        try:
            found = parsedate_to_datetime(self.headers.get("date", ""))
        except (TypeError, ValueError, OverflowError):
            return self.at
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    @property
    def skew(self) -> timedelta:
        """How far the provider's clock is ahead of the one here; nothing where they agree."""
        found = self.theirs - self.at
        return found if abs(found) > SKEW else timedelta()

    def here(self, moment: datetime) -> datetime:
        """A moment by the provider's clock, by the one here.

        What ends at a moment that the provider names has so long to live as that is from its own
        now: by a clock that is behind, it would be taken for alive when it has ended.
        """
        if abs(self.skew) > _NO_CLOCK:
            return moment
        try:
            return moment - self.skew
        except OverflowError:
            return moment

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider asks to be left alone for; None where it does not."""
        return seconds_of(self.headers.get("retry-after", ""), self.theirs)


class Web:
    """Makes requests; an async context manager that closes its connections.

    Args:
        env: the environment, for the proxy variables.
        now: the time of day, with a zone.
        trust: whom to trust; None for the system's store.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._env, self._now, self._trust = env, now, trust
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End its connections."""
        session, self._session = self._session, None
        if session is not None:
            # Without the good-bye of TLS: who waits for that keeps the end waiting.
            connector = session.connector
            if isinstance(connector, aiohttp.TCPConnector):
                await connector.close(abort_ssl=True)
            await session.close()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        authorization: Password | None = None,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        form: Mapping[str, str] | None = None,
        seconds: float = TIMEOUT,
        direct: bool = False,
    ) -> Answer:
        """One request.

        Args:
            method: of HTTP.
            url: http or https; whether a secret may be sent there is for who asks to know.
            authorization: the value of that header.
            headers: more of them.
            json_body: sent as JSON.
            form: sent as a form.
            seconds: for all of it.
            direct: past all proxies, as one asks what is on the same link: a proxy would say what
                its own machine is.

        Raises:
            MintFailed: ``Unreachable``: no answer, or one that is none.
        """
        sent = {"Accept": "application/json"} | dict(headers or {})
        data = None
        if authorization is not None:
            sent["Authorization"] = authorization.reveal()
        if json_body is not None:
            sent["Content-Type"], data = "application/json", json.dumps(json_body).encode()
        elif form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(form).encode()
        try:
            async with self._opened().request(
                method,
                URL(url, encoded=True),
                headers=sent,
                data=data,
                allow_redirects=False,
                proxy=None if direct else self._proxy(url),
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS),
            ) as answer:
                body = await _read(answer)
                found = {name.lower(): value for name, value in answer.headers.items()}
        except TimeoutError:
            raise _unreachable(url, f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(url, _why(error)) from None
        plain = url.partition("?")[0]
        if body is None:
            raise _unreachable(url, "its answer is larger than any should be")
        if answer.status in _REDIRECTS:
            raise MintFailed(
                SourceReason.NOT_CONFIGURED,
                f"{urlsplit(url).netloc} sends us elsewhere ({answer.status}), and no secret is "
                "sent where nobody said",
                hint="give the address that it leads to",
            )
        return Answer(answer.status, found, body, plain, self._now())

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._trust or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "regcred"},
            )
        return self._session

    def _proxy(self, url: str) -> str | None:
        try:
            return proxy.from_environment(url, self._env) or None
        except proxy.BadProxy as error:
            raise Misconfigured(SourceReason.NOT_CONFIGURED, str(error), hint=error.hint) from None


def refused(answer: Answer, what: str, *, said: str = "", hint: str = "") -> MintFailed:
    """The failure that a status stands for, where the provider has no finer word.

    Args:
        answer: not a success.
        what: what was asked for, as "an installation token".
        said: what the provider says of it, without any secret.
        hint: what mends it.
    """
    reason = {
        400: SourceReason.NOT_CONFIGURED,
        401: SourceReason.BAD_CREDENTIALS,
        403: SourceReason.NO_PERMISSION,
        404: SourceReason.NOT_CONFIGURED,
        408: SourceReason.UNREACHABLE,
        422: SourceReason.NOT_CONFIGURED,
        429: SourceReason.THROTTLED,
    }.get(answer.status)
    if reason is None:
        reason = SourceReason.UNREACHABLE if answer.status >= 500 else SourceReason.MINT_FAILED
    words = f": {one_line(said)}" if said else ""
    return MintFailed(
        reason,
        f"{answer.host} gives no {what} ({answer.status}){words}",
        hint=hint,
        retry_after=answer.retry_after,
    )


def clock_warning(answer: Answer) -> tuple[str, ...]:
    """What to say where two clocks disagree; empty where they agree."""
    if not answer.skew:
        return ()
    where = "ahead of" if answer.skew > timedelta() else "behind"
    seconds = abs(answer.skew.total_seconds())
    return (f"the clock of {answer.host} is {seconds:,.0f} s {where} the one here",)


def basic(username: str, password: Password) -> Password:
    """The header of Basic authentication (RFC 7617)."""
    from base64 import b64encode

    pair = f"{username}:{password.reveal()}".encode()
    return Password(f"Basic {b64encode(pair).decode()}")


def bearer(token: Password) -> Password:
    """The header of a Bearer token (RFC 6750)."""
    return Password(f"Bearer {token.reveal()}")


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _MAX_BODY:
            answer.close()
            return None
    return bytes(body)


def _unreachable(url: str, why: str) -> MintFailed:
    return MintFailed(SourceReason.UNREACHABLE, f"{urlsplit(url).netloc} cannot be reached: {why}")


def _why(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            said = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
            return f"its certificate is not trusted: {said}"
        case aiohttp.ClientConnectorDNSError():
            return "no such host"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "it hangs up in the middle"
        case aiohttp.ClientResponseError():
            return "its answer is not HTTP"
    return getattr(error, "strerror", None) or "no connection comes about"
