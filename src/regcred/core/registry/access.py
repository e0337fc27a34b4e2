"""What one credential opens at one registry, in one run: its challenge, its tokens, their scopes.

A hundred images of a registry want a hundred repositories read. Their scopes go into few tokens,
a token is used until shortly before it expires, and a login that is refused is not shown again
and again, since accounts get locked for that.

A token service may refuse a request for several scopes because of one, or know just one of them,
and a registry may refuse the token: so whatever is refused with others is asked for alone.

The challenge's scope is asked for beside ``repository:PATH:pull``, as containerd does it.
Specification: https://distribution.github.io/distribution/spec/auth/scope/
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regcred.core.credential import Password
from regcred.core.errors import (
    BadCredentials,
    RegistryBusy,
    RegistryProtocolError,
    RegistryRefused,
)
from regcred.core.registry.tokenflow import Login

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from regcred.core.credential import Credential
    from regcred.core.registry.challenge import Challenge
    from regcred.core.registry.httpmessage import Request, Response
    from regcred.core.registry.registryjson import Token

#: How many scopes, and characters of them, one token is asked for. A registry's token carries
#: them all in one header, for which many servers have 8 KB.
MOST_SCOPES = 20
MOST_CHARACTERS = 1500
#: How much of a token's lifetime is made use of: clocks and requests take the rest.
_USED = 0.9


@dataclass(frozen=True, slots=True)
class Grant:
    """What lets requests in.

    Args:
        authorization: the value of the ``Authorization`` header.
        scopes: what it was asked for; empty for Basic.
        good_until: by the clock that `Access` is given.
    """

    authorization: Password
    scopes: frozenset[str] = frozenset()
    good_until: float = math.inf


class Access:
    """The access of one credential to one registry.

    Args:
        registry: scheme and host (with port).
        credential: whom to log in; None for nobody. One without a username holds an identity
            token.

    Raises:
        InvalidRegistry: `registry` is no such URL.
    """

    def __init__(self, registry: str, credential: Credential | None) -> None:
        self.login = Login(registry, credential)
        if credential is not None and not credential.username:
            self.login.identity_token = credential.password
        #: Why this login is of no use for any image, once that is known.
        self.refusal: BadCredentials | None = None
        self._wanted: dict[str, None] = {}
        self._grants: list[Grant] = []
        self._challenge: Challenge | None = None
        self._accepted = False
        self._merges = True

    def at(self, registry: str) -> Access:
        """The same with nothing known yet, where the registry turns out to be at `registry`."""
        moved = Access(registry, self.login.credential)
        moved._wanted = self._wanted
        return moved

    def want(self, scope: str) -> None:
        """Say that `scope` is going to be needed, so that it may come with another."""
        self._wanted[scope] = None

    @property
    def takes_tokens(self) -> bool:
        """Whether the registry is known to want a token, which can be had before it says so."""
        return self._challenge is not None and self._challenge.scheme == "bearer"

    def grant(self, scope: str, now: float) -> Grant | None:
        """What lets a request for `scope` in, the most special one, if there is any.

        Args:
            scope: ``repository:team/app:pull``.
            now: seconds by any clock that only goes forward.
        """
        for grant in self._grants:
            if now < grant.good_until and (scope in grant.scopes or not grant.scopes):
                return grant
        return None

    def renew(
        self, scope: str, answer: Response | None, refused: Grant | None, now: float
    ) -> Generator[Request, Response, Grant]:
        """Get a grant for `scope`; one at a time, or tokens are fetched twice.

        Args:
            scope: what is needed.
            answer: the registry's 401 where there was one.
            refused: what that request carried.
            now: as in `grant`.

        Returns:
            A grant. That it is `refused` itself says that the login is right.

        Raises:
            BadCredentials: nobody gets in with this login, or without one.
            RegistryDenied: the login is right, and gets no token for this scope.
            RegistryBusy: too many requests.
            RegistryProtocolError: what answers does not speak the protocol, or not safely.
            RegistryRefused: any other failure.
        """
        if self.refusal is not None:
            raise self.refusal
        held = self.grant(scope, now)
        if held is not None and held is not refused:
            return held
        scopes = [scope]
        if answer is not None:
            self._challenge = self.login.choose(answer)
            asked = self._challenge.params.get("scope", "").split(" ")
            scopes += [each for each in asked if each and each != scope]
        challenge = self._challenge
        assert challenge is not None  # noqa: S101 - nobody renews before a 401
        if challenge.scheme == "basic":
            if refused is None:
                self._grants = [Grant(self.login.basic())]
                return self._grants[0]
            yield from self._check_basic(refused)
            return refused
        others = self._others(scopes, now) if self._merges and refused is None else []
        token, got = yield from self._token(challenge, scopes, others)
        for each in got:
            self._wanted.pop(each, None)
        until = now + token.lifetime * _USED
        authorization = Password(f"Bearer {token.value.reveal()}")
        grant = Grant(authorization, frozenset(got), until)
        fresh = [grant, *(each for each in self._grants if now < each.good_until)]
        self._grants = sorted(fresh, key=lambda each: len(each.scopes))
        return grant

    def _check_basic(self, refused: Grant) -> Generator[Request, Response, None]:
        """Find out whether a refusal is the login's or just that image's."""
        if self._accepted:
            return
        try:
            yield from self.login.ping(refused.authorization)
        except BadCredentials as error:
            self.refusal = error
            raise
        self._accepted = True

    def _others(self, scopes: Sequence[str], now: float) -> list[str]:
        """What else is wanted, as much as one token should hold."""
        others: list[str] = []
        room = MOST_CHARACTERS - sum(map(len, scopes))
        for scope in self._wanted:
            if scope in scopes or self.grant(scope, now):
                continue
            room -= len(scope)
            if room < 0 or len(others) + len(scopes) == MOST_SCOPES:
                break
            others.append(scope)
        return others

    def _token(
        self, challenge: Challenge, scopes: list[str], others: list[str]
    ) -> Generator[Request, Response, tuple[Token, list[str]]]:
        """A token, and the scopes that it was asked for."""
        if others:
            together = [*scopes, *others]
            try:
                token = yield from self.login.fetch_token(challenge, together)
            except (RegistryBusy, RegistryProtocolError):
                raise
            except RegistryRefused:
                self._merges = False
            else:
                return token, together
        try:
            token = yield from self.login.fetch_token(challenge, scopes)
        except BadCredentials as error:
            yield from self._check_token(challenge, error)
            raise self.login.denied(scopes[0].split(":")[1]) from None
        return token, scopes

    def _check_token(
        self, challenge: Challenge, refusal: BadCredentials
    ) -> Generator[Request, Response, None]:
        """Find out whether a refusal is the login's or just that scope's: ``docker login``'s way.

        Raises:
            BadCredentials: it is the login's, or nobody logged in.
        """
        if self.login.credential is None:
            raise refusal
        if self._accepted:
            return
        try:
            yield from self.login.fetch_token(challenge, ())
        except BadCredentials as error:
            self.refusal = error
            raise
        self._accepted = True
