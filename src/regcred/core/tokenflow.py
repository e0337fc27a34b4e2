"""Log in to a registry: the Distribution authentication flow, without any networking in it.

`authenticate` is a generator: it yields each `Request` to be made and is sent the `Response`;
what it returns is the outcome. Who drives it opens the sockets (`regcred.registry`)::

    flow = authenticate("https://registry.example.com", credential)
    request = next(flow)                  # GET /v2/
    request = flow.send(Response(401, …))   # GET https://auth.example.com/token?…
    …                                     # until StopIteration, whose value is the Outcome

The driver must not follow redirects and must hand over nothing but a body that it has limited.

Specifications: https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/,
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import binascii
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from regcred.core.challenge import Challenge, parse_challenges
from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    BadCredentials,
    InvalidRegistry,
    RegistryProtocolError,
    RegistryRefused,
)
from regcred.core.peers import (
    DEFAULT_PORTS,
    BadPeerURL,
    is_off_limits,
    may_have_password,
    origin,
)
from regcred.core.redact import one_line
from regcred.core.registryjson import Token, error_text, read_token
from regcred.core.registrykey import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CLIENT_ID = "regcred"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be made.

    Args:
        method: ``GET`` or ``POST``.
        url: absolute, http or https.
        authorization: the value of the ``Authorization`` header, or None.
        form: the body, encoded as ``application/x-www-form-urlencoded``, or None.
    """

    method: str
    url: str
    authorization: Password | None = None
    form: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Args:
        status: HTTP status code.
        challenges: the values of all ``WWW-Authenticate`` headers.
        location: the ``Location`` header, or ``""``.
        is_foreign: it is HTML or some other text, neither empty nor JSON, and no
            ``Docker-Distribution-API-Version`` header says that it is a registry's all the same
            (Quay's is HTML).
        json: the decoded body, or None where it is not JSON or too large. Never shown.
    """

    status: int
    challenges: Sequence[str] = ()
    location: str = ""
    is_foreign: bool = False
    json: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The registry let us in.

    Args:
        asked: whether it asked for a login at all. If not, a wrong password may have gone
            unnoticed.
        authorization: the value of the ``Authorization`` header for what follows; None where
            none is needed.
        token: the token that it was made of; None for Basic.
    """

    asked: bool
    authorization: Password | None = None
    token: Token | None = None


Flow = Generator[Request, Response, Outcome]


def authenticate(registry: str, credential: Credential | None) -> Flow:
    """Log in at ``/v2/`` of a registry: Bearer if it is offered, else Basic.

    Args:
        registry: scheme and host (with port), e.g. ``https://registry.example.com:5000``.
        credential: whom to log in; None for nobody, where an anonymous token may do.

    Raises:
        BadCredentials: the registry or its token service does not accept them.
        RegistryProtocolError: what answers does not speak the protocol, or not safely.
        RegistryRefused: it answered with another failure.
        InvalidRegistry: `registry` is no such URL.
    """
    login = _Login(registry, credential)
    answer = yield from login.send(Request("GET", login.ping_url))
    if answer.status == 401:
        challenge = login.choose(answer)
        if challenge.scheme == "bearer":
            token = yield from login.fetch_token(challenge)
            authorization = Password(f"Bearer {token.value.reveal()}")
            yield from login.ping(authorization)
            return Outcome(True, authorization, token)
        authorization = login.basic()
        yield from login.ping(authorization)
        return Outcome(True, authorization)
    login.require_registry(answer)
    if answer.is_foreign:
        raise RegistryProtocolError(
            f"{login.host} is no registry: it answers with a web page or some other text",
            hint="check host and port; a proxy or a captive portal answers like this too",
        )
    if credential is not None:
        # Nobody asked, but a registry that knows the user may still refuse a wrong password.
        yield from login.ping(login.basic())
    return Outcome(asked=False)


class _Login:
    """One login: the parts of the flow, and what they all need."""

    def __init__(self, registry: str, credential: Credential | None) -> None:
        try:
            self.scheme, self.hostname, _ = origin(registry)
        except BadPeerURL as error:
            raise InvalidRegistry(f"{one_line(registry)!r} cannot be asked: {error}") from None
        self.registry = registry
        self.host = registry.partition("://")[2]
        self.ping_url = f"{registry}/v2/"
        self.credential = credential

    def send(self, request: Request) -> Generator[Request, Response, Response]:
        """Make a request and follow redirects within the same origin (scheme, host, port)."""
        for _ in range(_MAX_REDIRECTS + 1):
            answer = yield request
            if answer.status not in _REDIRECTS or not answer.location:
                return answer
            url = self._join(request.url, answer.location)
            here, there = self._origin(request.url), self._origin(url)
            # Whoever answers elsewhere could name a realm of its own and so get the password,
            # even when the request that was redirected carried none.
            if here != there or request.method != "GET":
                raise RegistryProtocolError(
                    f"{_spelled(here)} sends the login on to {_spelled(there)}, "
                    "which must not get the password",
                    hint=f"if {there[1]} is the registry, log in there",
                )
            request = Request("GET", url, request.authorization)
        raise RegistryProtocolError(f"{self.host} redirects in circles")

    def ping(self, authorization: Password) -> Generator[Request, Response, None]:
        """Ask ``/v2/`` whether it accepts `authorization`."""
        answer = yield from self.send(Request("GET", self.ping_url, authorization))
        if answer.status in (401, 403):
            raise self.bad_credentials(self.host, answer)
        self.require_registry(answer)

    def choose(self, answer: Response) -> Challenge:
        """The challenge to meet."""
        challenges = parse_challenges(answer.challenges)
        for scheme in ("bearer", "basic"):
            for challenge in challenges:
                if challenge.scheme == scheme:
                    return challenge
        offered = one_line(", ".join(challenge.scheme for challenge in challenges))
        raise RegistryProtocolError(
            f"{self.host} asks for a login, but offers neither Bearer nor Basic"
            + (f" (only {offered})" if offered else " (no WWW-Authenticate header)"),
            hint="is this the registry itself, and not a proxy or a web page in front of it?",
        )

    def basic(self) -> Password:
        """The ``Authorization`` header for the credential."""
        if self.credential is None:
            raise BadCredentials(
                f"{self.host} asks for a user name and password, and none is given"
            )
        pair = f"{self.credential.username}:{self.credential.password.reveal()}"
        encoded = binascii.b2a_base64(pair.encode("utf-8", "surrogateescape"), newline=False)
        return Password(f"Basic {encoded.decode('ascii')}")

    def fetch_token(self, challenge: Challenge) -> Generator[Request, Response, Token]:
        """Meet a Bearer challenge: ask the realm by GET, or by POST where it takes no GET."""
        realm = self._realm(challenge)
        fields = {
            name: challenge.params[name]
            for name in ("service", "scope")
            if challenge.params.get(name)
        }
        account = {"account": self.credential.username} if self.credential else {}
        separator = "&" if "?" in realm else "?"
        url = realm + separator + _urlencode({**fields, **account}) if fields or account else realm
        answer = yield from self.send(Request("GET", url, self.basic() if account else None))
        if answer.status in (404, 405) and self.credential is not None:
            form = {
                "grant_type": "password",
                "client_id": _CLIENT_ID,
                **fields,
                "username": self.credential.username,
                "password": self.credential.password.reveal(),
            }
            answer = yield from self.send(Request("POST", realm, form=_urlencode(form).encode()))
        service = self._origin(realm)[1]
        if answer.status in (401, 403):
            raise self.bad_credentials(service, answer)
        if answer.status != 200:
            raise self._refused(service, answer)
        token = read_token(answer.json)
        if token is None:
            raise RegistryProtocolError(
                f"{service} answers without a token",
                hint="is it the token service, and not a proxy or a web page in front of it?",
            )
        return token

    def require_registry(self, answer: Response) -> None:
        """Make sure that an answer of ``/v2/`` is that of a registry that lets us in."""
        if answer.status == 404:
            raise RegistryProtocolError(
                f"{self.host} is no registry: it has no /v2/",
                hint="check host and port; a web address is often not the registry's",
            )
        if not 200 <= answer.status < 300:
            raise self._refused(self.host, answer)

    def bad_credentials(self, who: str, answer: Response) -> BadCredentials:
        """The error for a refused login; `who` said no."""
        if self.credential is None:
            return BadCredentials(
                f"{who} lets nobody in without a login{self._said(answer)}",
                hint="give a user name and password",
            )
        by = "" if who in (self.host, self.hostname) else f" ({who})"
        return BadCredentials(
            f"{self.host}{by} does not accept user {self.credential.username!r} "
            f"with this password{self._said(answer)}",
            hint="check user name and password or token, and that the token may read packages",
        )

    def _refused(self, who: str, answer: Response) -> RegistryRefused:
        if answer.status == 429:
            return RegistryRefused(
                f"{who} takes no more requests for now{self._said(answer)}", hint="try again later"
            )
        hint = "try again later" if answer.status >= 500 else ""
        if answer.status == 400 and self.scheme == "http":
            hint = "does it speak TLS? then leave out --plain-http"
        return RegistryRefused(
            f"{who} answers with HTTP status {answer.status}{self._said(answer)}", hint=hint
        )

    def _realm(self, challenge: Challenge) -> str:
        """The URL of the token service, if it may be asked."""
        realm = challenge.params.get("realm", "")
        if not realm:
            raise RegistryProtocolError(
                f"{self.host} asks for a token and does not say where to get it (no realm)"
            )
        url = self._join(self.ping_url, realm).partition("#")[0]
        _, host, _ = self._origin(url)
        if is_loopback(host) and not is_loopback(self.hostname):
            raise RegistryProtocolError(
                f"{self.host} leads to {host}, an address that no registry may lead to"
            )
        if self.credential is not None and not may_have_password(url, self.registry):
            raise RegistryProtocolError(
                f"{self.host} wants the password sent to {host} in clear text (http)",
                hint="the registry's own address for its token service must be https",
            )
        return url

    def _join(self, base: str, reference: str) -> str:
        """`reference`, which the registry sent, as an absolute URL."""
        try:
            return urljoin(base, reference)
        except ValueError:
            raise self._led_astray(reference, "it is no URL") from None

    def _origin(self, url: str) -> tuple[str, str, int]:
        """Scheme, host and port, if the registry may lead us there."""
        try:
            there = origin(url)
        except BadPeerURL as error:
            raise self._led_astray(url, str(error)) from None
        if is_off_limits(there[1]) and there[1] != self.hostname:
            raise RegistryProtocolError(
                f"{self.host} leads to {there[1]}, an address that no registry may lead to"
            )
        return there

    def _led_astray(self, url: str, why: str) -> RegistryProtocolError:
        return RegistryProtocolError(f"{self.host} leads to {one_line(url, limit=80)!r}: {why}")

    def _said(self, answer: Response) -> str:
        """``: `` and what the registry said, from the few fields where it is known to."""
        hide = []
        if self.credential is not None:
            password = self.credential.password.reveal()
            hide = [password, self.basic().reveal().removeprefix("Basic ")]
        said = one_line(error_text(answer.json), hide=hide)
        return f": {said}" if said else ""


def _spelled(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def _urlencode(fields: Mapping[str, str]) -> str:
    return urlencode(fields, errors="surrogateescape")
