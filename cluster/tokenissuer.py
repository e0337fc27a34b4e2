"""The token service of the registry with ``auth: token``; run as ``python -m cluster.tokenissuer``.

Both ways of asking, as registries in the field offer them:

* GET with Basic authentication: https://distribution.github.io/distribution/spec/auth/token/
* POST of an OAuth2 form: https://distribution.github.io/distribution/spec/auth/oauth/

As a real one it knows its accounts, its one service and the grammar of scopes, and grants less
than was asked for where the account may do less: nobody in particular gets a token without rights.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from cluster.tokens import Scope, Signer, grant, parse_scopes

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/token"
LIFETIME = 300
"""Seconds that a token is good for; clients assume 60 where a service does not say."""

_LARGEST_FORM = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What the service is told by a JSON file.

    Args:
        port: of 127.0.0.1.
        issuer: its name, as the registry expects it.
        service: the registry's name, as the registry gives it in its challenge.
        key: PEM file of the signing key.
        certificate: PEM file of its certificate.
        accounts: JSON file, read anew for each request: name -> ``{"password": …,
            "rights": {glob of repositories: [action, …]}}``, and perhaps ``"tokens": {token:
            when it ends}``, each as good as the password until then.
    """

    port: int
    issuer: str
    service: str
    key: str
    certificate: str
    accounts: str


class Refused(Exception):
    """The answer is no.

    Args:
        status: of the answer.
        code: one of the registry error codes.
        message: for the person who asks.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Issuer:
    """Decides who gets which token.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signer = Signer(Path(settings.key), Path(settings.certificate))
        self._refresh_tokens: dict[str, str] = {}

    def get(self, query: dict[str, list[str]], authorization: str) -> dict[str, Any]:
        """Answer a GET.

        Args:
            query: the decoded parameters.
            authorization: the header, or empty.

        Raises:
            Refused: with the status to answer with.
        """
        account = self._basic(authorization) if authorization else ""
        named = query.get("account", [account])[0]
        if account and named != account:
            raise _unauthorized("the account asked for is not the one that authenticated")
        answer = self._token(account, query)
        answer["token"] = answer["access_token"]
        if account and query.get("offline_token") == ["true"]:
            answer["refresh_token"] = self._refresh_token(account)
        return answer

    def post(self, form: dict[str, list[str]]) -> dict[str, Any]:
        """Answer a POST.

        Args:
            form: the decoded fields.

        Raises:
            Refused: with the status to answer with.
        """
        match _field(form, "grant_type"):
            case "password":
                account = self._login(_field(form, "username"), _field(form, "password"))
            case "refresh_token":
                account = self._refresh_tokens.get(_field(form, "refresh_token"), "")
                if not account:
                    raise _unauthorized("unknown refresh token")
            case _:
                raise Refused(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", "unsupported grant_type")
        _field(form, "client_id")
        answer = self._token(account, form)
        if form.get("access_type") == ["offline"]:
            answer["refresh_token"] = self._refresh_token(account)
        return answer

    def _token(self, account: str, asked: dict[str, list[str]]) -> dict[str, Any]:
        if asked.get("service", [self._settings.service]) != [self._settings.service]:
            raise Refused(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", "unknown service")
        try:
            scopes = parse_scopes(asked.get("scope", ()))
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "NAME_INVALID", str(error)) from None
        granted = grant(scopes, self._accounts()[account]["rights"] if account else {})
        now = datetime.now(UTC)
        return {
            "access_token": self._sign(account, granted, now),
            "scope": " ".join(map(str, granted)),
            "expires_in": LIFETIME,
            "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _sign(self, account: str, granted: list[Scope], now: datetime) -> str:
        return self._signer.token(
            issuer=self._settings.issuer,
            subject=account,
            audience=self._settings.service,
            access=granted,
            now=now,
            seconds=LIFETIME,
            serial=secrets.token_hex(16),
        )

    def _refresh_token(self, account: str) -> str:
        token = secrets.token_urlsafe(32)
        self._refresh_tokens[token] = account
        return token

    def _basic(self, authorization: str) -> str:
        scheme, _, encoded = authorization.partition(" ")
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            decoded = ""
        username, colon, password = decoded.partition(":")
        if scheme.lower() != "basic" or not colon:
            raise _unauthorized("Basic authentication expected")
        return self._login(username, password)

    def _login(self, username: str, password: str) -> str:
        account = self._accounts().get(username, {"password": secrets.token_hex()})
        now = datetime.now(UTC)
        tokens = account.get("tokens", {}).items()
        good = [each for each, ends in tokens if datetime.fromisoformat(ends) > now]
        for expected in (account["password"], *good):
            if hmac.compare_digest(expected.encode(), password.encode()):
                return username
        raise _unauthorized("incorrect username or password")

    def _accounts(self) -> dict[str, Any]:
        accounts: dict[str, Any] = json.loads(Path(self._settings.accounts).read_text())
        return accounts


class Handler(BaseHTTPRequestHandler):
    """HTTP around `Issuer`, which `main` sets."""

    issuer: ClassVar[Issuer]
    protocol_version = "HTTP/1.1"
    # As servers in Go do: else the body of an answer waits 40 ms for the ACK of its headers.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a GET."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        self._answer(lambda: self.issuer.get(query, self.headers.get("Authorization", "")))

    def do_POST(self) -> None:
        """Answer a POST."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_FORM:
            self.close_connection = True
        content = self.rfile.read(min(length, _LARGEST_FORM))
        form = parse_qs(content.decode(errors="replace"), keep_blank_values=True)
        self._answer(lambda: self.issuer.post(form))

    def _answer(self, decide: Callable[[], dict[str, Any]]) -> None:
        status, headers = HTTPStatus.OK, {}
        try:
            if urlsplit(self.path).path != PATH:
                raise Refused(HTTPStatus.NOT_FOUND, "UNSUPPORTED", f"there is only {PATH}")
            answer = decide()
        except Refused as refused:
            status = refused.status
            answer = {"errors": [{"code": refused.code, "message": str(refused), "detail": None}]}
            if status == HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = 'Basic realm="token service"'
        content = json.dumps(answer).encode()
        self.send_response(status)
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _field(form: dict[str, list[str]], name: str) -> str:
    values = form.get(name, [])
    if len(values) != 1 or not values[0]:
        raise Refused(HTTPStatus.BAD_REQUEST, "UNSUPPORTED", f"{name} is missing")
    return values[0]


def _unauthorized(message: str) -> Refused:
    return Refused(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", message)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", type=Path, help="JSON file with the fields of Settings")
    settings = Settings(**json.loads(parser.parse_args().settings.read_text()))
    Handler.issuer = Issuer(settings)
    ThreadingHTTPServer(("127.0.0.1", settings.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
