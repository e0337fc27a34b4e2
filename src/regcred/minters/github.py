"""Installation tokens of a GitHub App, for ghcr.io and the registry of GitHub Enterprise Server.

What the App's key signs is exchanged for a token that lasts for an hour and may read packages.

GitHub documents its registries for personal access tokens (classic) and the ``GITHUB_TOKEN`` of
Actions, and has said that it does not support tokens of Apps there. People find that the login
works while private images are denied, so each minting says it.

* https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
* https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
* https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
* https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry
* https://github.com/orgs/community/discussions/26920
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters import jsonwebtoken
from regcred.minters.jsonwebtoken import is_token
from regcred.minters.settings import base_url, lacking, refuse, secret_text, texts
from regcred.minters.web import bearer, clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.web import Answer

USERNAME = "x-access-token"
_API = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
#: Seconds: of the JSON Web Token, at most 600, and how far its beginning lies back for clocks.
_LIFETIME, _BACK = 540, 60
#: Installations on a page, and how many pages of them are read.
_PAGE, _PAGES = 100, 10
#: Seconds to leave GitHub alone for where it does not say how long.
_PAUSE = 60.0
_URL_HINT = f"{setting('url')} is that of the API: https://HOST/api/v3 for GitHub Enterprise Server"
_UNSUPPORTED = (
    "GitHub supports its registries for personal access tokens (classic) and GITHUB_TOKEN: whether "
    "the token of an App may pull a private image, regcred check tells"
)


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Make an installation token.

    Raises:
        MintFailed: GitHub gives none, or cannot be asked.
    """
    if ("appId" in settings) == ("clientId" in settings):
        raise refuse("exactly one of clientId and appId is required")
    key = "clientId" if "clientId" in settings else "appId"
    app = _identifier(settings, key, "[A-Za-z0-9._-]+" if key == "clientId" else "[0-9]+")
    url = base_url(settings, "url", _API)
    repositories = texts(settings, "repositories")
    if full := [each for each in repositories if "/" in each]:
        raise refuse(f"{full[0]!r} stands in repositories, where names have no owner")
    github = _GitHub(url, app, desk, await _sign_in(settings, app, desk))
    if settings.get("installationId") is None:
        installation = await github.installation()
    else:
        installation = _identifier(settings, "installationId", "[0-9]+")
    return await github.token(installation, repositories)


def _identifier(settings: Mapping[str, Any], key: str, pattern: str) -> str:
    """An ID, which YAML takes for a number."""
    value = settings.get(key)
    found = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(pattern, found):
        raise refuse(f"{key} has to be as GitHub shows it")
    return found


async def _sign_in(settings: Mapping[str, Any], app: str, desk: Desk) -> Password:
    """What the App shows itself with."""
    pem = await secret_text(settings, desk, "private-key.pem")
    try:
        key = jsonwebtoken.load_key(pem)
    except jsonwebtoken.NoKey as error:
        raise refuse(
            f"the private key of App {app} cannot be used: {error}",
            "take the file that GitHub gives: the App's settings, Private keys",
        ) from None
    now = int(desk.now().timestamp())
    claims = {"iat": now - _BACK, "exp": now + _LIFETIME, "iss": app}
    return bearer(jsonwebtoken.sign(claims, key))


@dataclass(frozen=True, slots=True)
class _GitHub:
    """GitHub, as an App that has signed in."""

    url: str
    app: str
    desk: Desk
    authorization: Password

    async def token(self, installation: str, repositories: tuple[str, ...]) -> Minted:
        """A token of an installation."""
        body: dict[str, Any] = {"permissions": {"packages": "read"}}
        if repositories:
            body["repositories"] = list(repositories)
        answer = await self._ask("POST", f"/app/installations/{installation}/access_tokens", body)
        if answer.status != 201:
            raise self._no_token(answer, installation)
        token, expires = Password(answer.text("token")), _moment(answer.text("expires_at"))
        if not is_token(token) or expires is None:
            raise self._not_github(answer)
        if answer.text("permissions", "packages") not in ("read", "write"):
            raise self._may_not_read(answer)
        credentials = tuple(Credential(key, USERNAME, token) for key in self.desk.registries)
        said = (*clock_warning(answer), _UNSUPPORTED)
        return Minted(credentials, answer.here(expires), warnings=said)

    async def installation(self) -> str:
        """The ID of the only installation, or of that for the registries' owner."""
        found = await self._installations()
        if not found:
            raise lacking(f"App {self.app} is not installed anywhere", "install it: its settings")
        owners = {key.partition("/")[2].partition("/")[0].lower() for key in self.desk.registries}
        wanted = found if len(found) == 1 else {o: found[o] for o in owners if o in found}
        if len(wanted) != 1:
            which = ", ".join(f"{name} ({number})" for name, number in sorted(found.items())[:10])
            raise lacking(
                f"App {self.app} has {len(found)} installations: {one_line(which)}",
                f"set {setting('installationId')}, or name HOST/OWNER of one of them in registries",
            )
        return wanted.popitem()[1]

    async def _installations(self) -> dict[str, str]:
        """The owner that each is for, in lower case → its ID."""
        found: dict[str, str] = {}
        for page in range(1, _PAGES + 1):
            path = f"/app/installations?per_page={_PAGE}&page={page}"
            answer = await self._ask("GET", path)
            if answer.status != 200:
                raise self._no_entry(answer)
            try:
                listed = [(each["account"] or {}, str(int(each["id"]))) for each in answer.json]
                # An enterprise, which has no packages of its own, has a slug in place of a login.
                found |= {
                    account["login"].lower(): number
                    for account, number in listed
                    if account.get("login")
                }
            except (TypeError, ValueError, KeyError, AttributeError):
                raise self._not_github(answer) from None
            if len(listed) < _PAGE:
                break
        return found

    async def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        answer = await self.desk.web.ask(
            method,
            self.url + path,
            authorization=self.authorization,
            headers=_HEADERS,
            json_body=body,
        )
        if (pause := _throttled(answer)) is not None:
            raise MintFailed(
                SourceReason.THROTTLED,
                f"{answer.host} takes no more requests of App {self.app} for now",
                retry_after=pause,
                hint="wait a while; several installations of an App have a limit each",
            )
        return answer

    def _no_token(self, answer: Answer, installation: str) -> MintFailed:
        """What it means that there is none for this installation."""
        said = answer.text("message")
        if answer.status == 403 and "suspended" in said:
            return MintFailed(
                SourceReason.NO_PERMISSION,
                f"installation {installation} of App {self.app} is suspended at {answer.host}",
                hint="its owner unsuspends it: Settings, GitHub Apps, Configure",
            )
        if answer.status == 404 and said and "Integration" not in said:
            return lacking(
                f"App {self.app} has no installation {installation} at {answer.host}",
                "the number stands at the end of the installation's address; without "
                f"{setting('installationId')} the only one is taken",
            )
        if answer.status == 422 and "permissions" in said:
            return self._may_not_read(answer)
        if answer.status == 422 and "repositor" in said:
            return lacking(
                f"installation {installation} of App {self.app} does not have all of the "
                "repositories that are listed",
                "add them to the installation: Settings, GitHub Apps, Configure, Repository access",
            )
        return self._no_entry(answer)

    def _no_entry(self, answer: Answer) -> MintFailed:
        """What it means that the App is not let in."""
        said = one_line(answer.text("message")).removesuffix(".")
        if answer.status == 401:
            clock = [f"set the clock right: {each}" for each in clock_warning(answer)]
            anew = "generate a new one in the App's settings, and put it into the Secret"
            return MintFailed(
                SourceReason.BAD_CREDENTIALS,
                f"{answer.host} does not accept the private key of App {self.app}"
                + (f": {said}" if said else ""),
                hint=(clock or [anew])[0],
            )
        if answer.status == 404 and "Integration" in said:
            return lacking(
                f"{answer.host} has no App {self.app}",
                f"correct {setting('clientId')} or {setting('appId')}, or {setting('url')}",
            )
        if answer.status == 404:
            return lacking(f"{answer.host} has no API of GitHub at {self.url}", _URL_HINT)
        return refused(answer, f"token to App {self.app}", said=said)

    def _may_not_read(self, answer: Answer) -> MintFailed:
        return MintFailed(
            SourceReason.NO_PERMISSION,
            f"{answer.host} does not let App {self.app} read packages",
            hint="give it the repository permission Packages: Read-only in the App's settings, and "
            "accept that in the installation",
        )

    def _not_github(self, answer: Answer) -> MintFailed:
        return MintFailed(
            SourceReason.MINT_FAILED,
            f"{answer.host} answers what GitHub's API does not ({answer.status})",
            hint=_URL_HINT,
        )


def _throttled(answer: Answer) -> float | None:
    """Seconds to leave GitHub alone for; None where it has not asked for that."""
    if answer.status not in (403, 429):
        return None
    after = answer.headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return float(after[:9])
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(float(reset[:12]) - answer.theirs.timestamp(), 1.0)
    is_limit = answer.status == 429 or "rate limit" in answer.text("message").lower()
    return _PAUSE if is_limit else None


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
