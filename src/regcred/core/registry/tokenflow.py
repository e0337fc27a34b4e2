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
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

from regcred.core.credential import HIDDEN, Credential, Password
from regcred.core.errors import (
    BadCredentials,
    InvalidRegistry,
    RegistryBusy,
    RegistryDenied,
    RegistryFailing,
    RegistryProtocolError,
    RegistryRefused,
)
from regcred.core.formats.redact import one_line
from regcred.core.logins.registrykey import is_loopback
from regcred.core.registry.challenge import Challenge, parse_challenges
from regcred.core.registry.httpmessage import REDIRECTS, Request, Response
from regcred.core.registry.peers import (
    DEFAULT_PORTS,
    BadPeerURL,
    is_off_limits,
    may_have_password,
    origin,
)
from regcred.core.registry.registryjson import Token, error_text, read_token

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLIENT_ID = "regcred"
_MAX_REDIRECTS = 5
#: A secret of this length may be in any name.
_SHORTEST = 3


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
    login = Login(registry, credential)
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


class Login:
    """One login: the parts of the flow, and what they all need."""

    def __init__(self, registry: str, credential: Credential | None) -> None:
        try:
            self.scheme, self.hostname, _ = origin(registry)
        except BadPeerURL as error:
            raise InvalidRegistry(
                f"{one_line(registry)!r} cannot be asked: {error}",
                hint="write HOST[:PORT][/PATH], e.g. registry.example.com:5000/team",
            ) from None
        self.registry = registry
        self.host = registry.partition("://")[2]
        self.ping_url = f"{registry}/v2/"
        self.credential = credential
        #: In place of the credential's password, where a docker config has one.
        self.identity_token: Password | None = None
        self._issued: list[Password] = []

    def send(self, request: Request) -> Generator[Request, Response, Response]:
        """Make a request and follow redirects within the same origin (scheme, host, port)."""
        for _ in range(_MAX_REDIRECTS + 1):
            answer = yield request
            if answer.status not in REDIRECTS or not answer.location:
                return answer
            url = self.join(request.url, answer.location)
            here, there = self.origin(request.url), self.origin(url)
            # Whoever answers elsewhere could name a realm of its own and so get the password,
            # even when the request that was redirected carried none.
            if here != there or request.method != "GET":
                raise RegistryProtocolError(
                    f"{spelled(here)} sends the login on to {self._peer(spelled(there))}, "
                    "which must not get the password",
                    hint=f"if {self._peer(there[1])} is the registry, log in there",
                )
            request = Request("GET", url, request.authorization)
        raise RegistryProtocolError(
            f"{self.host} redirects in circles",
            hint="ask whoever runs the registry: what stands before it sends everybody back",
        )

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
        schemes = ", ".join(challenge.scheme for challenge in challenges)
        offered = one_line(schemes, hide=self.secrets())
        raise RegistryProtocolError(
            f"{self.host} asks for a login, but offers neither Bearer nor Basic"
            + (f" (only {offered})" if offered else " (no WWW-Authenticate header)"),
            hint="is this the registry itself, and not a proxy or a web page in front of it?",
        )

    def basic(self) -> Password:
        """The ``Authorization`` header for the credential."""
        if self.credential is None:
            raise BadCredentials(
                f"{self.host} asks for a user name and password, and none is given",
                hint="give a user name and password",
            )
        pair = f"{self.credential.username}:{self.credential.password.reveal()}"
        encoded = binascii.b2a_base64(pair.encode("utf-8", "surrogateescape"), newline=False)
        return Password(f"Basic {encoded.decode('ascii')}")

    def fetch_token(
        self, challenge: Challenge, scopes: Sequence[str] | None = None
    ) -> Generator[Request, Response, Token]:
        """Meet a Bearer challenge: ask the realm by GET, or by POST where it takes no GET.

        An identity token goes by POST only.

        Args:
            challenge: what the registry wants.
            scopes: what to ask for; None for the challenge's own scope.
        """
        realm = self.realm(challenge)
        service, scope = (challenge.params.get(name, "") for name in ("service", "scope"))
        if scopes is None:
            scopes = (scope,) if scope else ()
        fields = [("service", service)] if service else []
        if self.identity_token:
            form = [("grant_type", "refresh_token"), *fields, *_joined(scopes)]
            form.append(("refresh_token", self.identity_token.reveal()))
            answer = yield from self._post(realm, form)
        else:
            query = [*fields, *(("scope", each) for each in scopes)]
            if self.credential:
                query.append(("account", self.credential.username))
            separator = "&" if "?" in realm else "?"
            url = realm + separator + _urlencode(query) if query else realm
            basic = self.basic() if self.credential else None
            answer = yield from self.send(Request("GET", url, basic))
            if answer.status in (404, 405) and self.credential:
                form = [("grant_type", "password"), *fields, *_joined(scopes)]
                form.append(("username", self.credential.username))
                form.append(("password", self.credential.password.reveal()))
                answer = yield from self._post(realm, form)
        service = self._peer(self.origin(realm)[1])
        if answer.status in (401, 403):
            raise self.bad_credentials(service, answer)
        if answer.status != 200:
            raise self.refused(service, answer)
        token = read_token(answer.json)
        if token is None:
            raise RegistryProtocolError(
                f"{service} answers without a token",
                hint="is it the token service, and not a proxy or a web page in front of it?",
            )
        self._issued.append(token.value)
        return token

    def _post(
        self, realm: str, form: list[tuple[str, str]]
    ) -> Generator[Request, Response, Response]:
        encoded = _urlencode([("client_id", _CLIENT_ID), *form]).encode()
        return (yield from self.send(Request("POST", realm, form=encoded)))

    def require_registry(self, answer: Response) -> None:
        """Make sure that an answer of ``/v2/`` is that of a registry that lets us in."""
        if answer.status == 404:
            raise RegistryProtocolError(
                f"{self.host} is no registry: it has no /v2/",
                hint="check host and port; a web address is often not the registry's",
            )
        if not 200 <= answer.status < 300:
            raise self.refused(self.host, answer)

    def bad_credentials(self, who: str, answer: Response) -> BadCredentials:
        """The error for a refused login; `who` said no."""
        if self.credential is None:
            return BadCredentials(
                f"{who} lets nobody in without a login{self.said(answer)}",
                hint="give a user name and password",
            )
        with_what = f"user {self.credential.user!r} with this password"
        if self.identity_token:
            with_what = "this identity token"
        by = "" if who in (self.host, self.hostname) else f" ({who})"
        return BadCredentials(
            f"{self.host}{by} does not accept {with_what}{self.said(answer)}",
            hint="check user name and password or token, and that the token may read packages",
        )

    def denied(self, path: str, said: str = "") -> RegistryDenied:
        """The error where the login is right, and may not pull the repository `path`."""
        user = self.credential.user if self.credential else ""
        whose = f"user {user!r}" if user else "this login"
        return RegistryDenied(
            f"{self.host} lets {whose} in, but not pull {path}{said}",
            hint="ask its owner for the right to pull; and check the name, since many registries "
            "say the same of what does not exist",
        )

    def refused(self, who: str, answer: Response) -> RegistryRefused:
        """The error for any other failure; `who` answered."""
        if answer.status == 429:
            return RegistryBusy(
                f"{who} takes no more requests for now{self.said(answer)}",
                hint=f"try again {_when(answer.retry_after)}",
            )
        message = f"{who} answers with HTTP status {answer.status}{self.said(answer)}"
        if answer.status >= 500:
            return RegistryFailing(message, hint="try again later")
        hint = "check host and port; whoever runs the registry can see why in its log"
        if answer.status == 400 and self.scheme == "http":
            hint = "does it speak TLS? then leave out --plain-http"
        return RegistryRefused(message, hint=hint)

    def realm(self, challenge: Challenge) -> str:
        """The URL of the token service, if it may be asked."""
        realm = challenge.params.get("realm", "")
        if not realm:
            raise RegistryProtocolError(
                f"{self.host} asks for a token and does not say where to get it (no realm)",
                hint="is this the registry itself, and not a proxy in front of it?",
            )
        url = self.join(self.ping_url, realm).partition("#")[0]
        _, host, _ = self.origin(url)
        if is_loopback(host) and not is_loopback(self.hostname):
            raise RegistryProtocolError(
                f"{self.host} leads to {host}, an address that no registry may lead to",
                hint="is this the registry itself, and not a proxy in front of it?",
            )
        if self.credential is not None and not may_have_password(url, self.registry):
            raise RegistryProtocolError(
                f"{self.host} wants the password sent to {self._peer(host)} in clear text (http)",
                hint="the registry's own address for its token service must be https",
            )
        return url

    def join(self, base: str, reference: str) -> str:
        """`reference`, which the registry sent, as an absolute URL."""
        try:
            return urljoin(base, reference)
        except ValueError:
            raise self._led_astray(reference, "it is no URL") from None

    def origin(self, url: str) -> tuple[str, str, int]:
        """Scheme, host and port, if the registry may lead us there."""
        try:
            there = origin(url)
        except BadPeerURL as error:
            raise self._led_astray(url, str(error)) from None
        if is_off_limits(there[1]) and there[1] != self.hostname:
            raise RegistryProtocolError(
                f"{self.host} leads to {there[1]}, an address that no registry may lead to",
                hint="is this the registry itself, and not a proxy in front of it?",
            )
        return there

    def _led_astray(self, url: str, why: str) -> RegistryProtocolError:
        shown = one_line(url, hide=self.secrets(), limit=80)
        return RegistryProtocolError(
            f"{self.host} leads to {shown!r}: {why}",
            hint="is this the registry itself, and not a proxy in front of it?",
        )

    def _peer(self, name: str) -> str:
        """Another host for a message: whoever has the password may make a name of it."""
        for secret in self.secrets():
            # No name has room for a token, whose pattern would take longer than the request.
            if not _SHORTEST < len(secret) <= len(name):
                continue
            parts = [name]
            if secret.lower() in self.hostname:
                # A gap in the registry's own name would tell the password that is part of it.
                parts = re.split(f"({re.escape(self.hostname)})", name)
            hidden = re.compile(re.escape(secret), re.IGNORECASE)
            name = "".join(p if p == self.hostname else hidden.sub(HIDDEN, p) for p in parts)
        return name

    def secrets(self) -> list[str]:
        """What no message may hold: the password, as it is sent too, and the tokens."""
        secrets = [token.reveal() for token in self._issued]
        if self.credential is not None:
            secrets.append(self.credential.password.reveal())
            secrets.append(self.basic().reveal().removeprefix("Basic "))
        return secrets

    def said(self, answer: Response) -> str:
        """``: `` and what the registry said, from the few fields where it is known to."""
        said = one_line(error_text(answer.json), hide=self.secrets())
        return f": {said}" if said else ""


def spelled(origin: tuple[str, str, int]) -> str:
    """An origin as a person writes it."""
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def _when(retry_after: str) -> str:
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7
    return f"in {retry_after} seconds" if is_number else "later"


def _joined(scopes: Sequence[str]) -> list[tuple[str, str]]:
    return [("scope", " ".join(scopes))] if scopes else []


def _urlencode(fields: Sequence[tuple[str, str]]) -> str:
    return urlencode(fields, errors="surrogateescape")
