"""GitLab: deploy tokens of a project or a group, each good for some days.

A deploy token with the scope ``read_registry`` pulls the images of its project, or of all projects
of its group. It is made with an access token that has the scope ``api``, by the role Maintainer
in a project or Owner in a group, and it is named after its owner: so what is to be revoked is
found by its name, in the project or group that the settings name, whoever remembers it.

https://docs.gitlab.com/api/deploy_tokens/
https://docs.gitlab.com/api/rest/troubleshooting/#status-codes
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.operator.minting import Minted, made_before
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.settings import base_url, mapping, number, refuse, secret_text, text
from regcred.minters.web import bearer, clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.web import Answer

_PUBLIC = "https://gitlab.com"
_SCOPE = "read_registry"
#: The most that GitLab gives at a time, and how many times it is asked.
_PAGE, _PAGES = 100, 100


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who has the deploy tokens.

    Args:
        url: of the list of them.
        what: ``project team/app``, for messages.
        role: that may make them.
        secret: where the access token is, for hints.
        token: the access token.
    """

    url: str
    what: str
    role: str
    secret: str
    token: Password


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Make a deploy token.

    Raises:
        MintFailed: GitLab makes none, or cannot be asked.
    """
    days = number(settings, "days", default=2, least=1, most=365)
    holder = await _holder(settings, desk)
    ends = desk.now().astimezone(UTC) + timedelta(days=days)
    wanted = {
        "name": desk.owner,
        "scopes": [_SCOPE],
        "expires_at": ends.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    answer = await desk.web.ask(
        "POST", holder.url, authorization=bearer(holder.token), json_body=wanted
    )
    if answer.status != 201:
        raise _refused(answer, holder)
    handle, expires = _number(answer.json, "id"), _moment(answer.text("expires_at"))
    username, token = answer.text("username"), answer.text("token")
    if not handle or not username or not token or expires is None:
        raise _no_gitlab(answer)
    expires = answer.here(expires)
    if expires <= desk.now():
        raise MintFailed(
            SourceReason.MINT_FAILED,
            f"{answer.host} gives a deploy token of {holder.what} that has ended already, at "
            f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            hint="compare the clocks of GitLab and of the node",
        )
    return Minted(
        tuple(Credential(each, username, Password(token)) for each in desk.registries),
        expires,
        handle,
        clock_warning(answer),
    )


async def revoke(
    settings: Mapping[str, Any], desk: Desk, keep: str, *, newer: bool = False
) -> None:
    """Delete the deploy tokens that were made for this owner before `keep`.

    One that was made after it is about to be used, unless `newer`: GitLab counts them.

    Raises:
        MintFailed: they cannot be deleted now.
    """
    holder = await _holder(settings, desk)
    authorization = bearer(holder.token)
    for handle in await _owned(holder, desk):
        if handle == keep or not (newer or made_before(handle, keep)):
            continue
        answer = await desk.web.ask("DELETE", f"{holder.url}/{handle}", authorization=authorization)
        if answer.status not in (200, 202, 204, 404):
            raise _refused(answer, holder)


async def _holder(settings: Mapping[str, Any], desk: Desk) -> _Holder:
    url = base_url(settings, "url", _PUBLIC)
    if ("project" in settings) == ("group" in settings):
        raise refuse("exactly one of project and group is required")
    kind = "project" if "project" in settings else "group"
    path = text(settings, kind)
    token = await secret_text(settings, desk, "token")
    secret = (mapping(settings, "secretRef") or {}).get("name", "")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise refuse(f"Secret {secret}: what is in it is no access token of GitLab")
    return _Holder(
        f"{url}/api/v4/{kind}s/{quote(path, safe='')}/deploy_tokens",
        f"{kind} {one_line(path)}",
        "Maintainer" if kind == "project" else "Owner",
        secret,
        Password(token),
    )


async def _owned(holder: _Holder, desk: Desk) -> list[str]:
    """The IDs of those with the owner's name."""
    found, page = [], "1"
    for _ in range(_PAGES):
        url = f"{holder.url}?per_page={_PAGE}&page={page}"
        answer = await desk.web.ask("GET", url, authorization=bearer(holder.token))
        if answer.status != 200:
            raise _refused(answer, holder)
        tokens = answer.json
        if not isinstance(tokens, list):
            raise _no_gitlab(answer)
        objects = [each for each in tokens if isinstance(each, dict)]
        found += [_number(each, "id") for each in objects if each.get("name") == desk.owner]
        page = answer.headers.get("x-next-page", "")
        if not page.isascii() or not page.isdigit():
            break
    return [handle for handle in found if handle]


def _refused(answer: Answer, holder: _Holder) -> MintFailed:
    hint = ""
    if answer.status == 401:
        hint = f"put an access token with the scope api into Secret {holder.secret}"
    elif answer.status == 403 and answer.text("error") == "insufficient_scope":
        hint = f"the access token in Secret {holder.secret} needs the scope api"
    elif answer.status == 403:
        hint = f"whose access token it is needs the role {holder.role} in {holder.what}"
    elif answer.status == 404:
        hint = (
            f"check its name and {setting('url')}; "
            "GitLab also hides what an access token may not see"
        )
    said = one_line(_said(answer), hide=[holder.token.reveal()]).removesuffix(".")
    return refused(answer, f"deploy token of {holder.what}", said=said, hint=hint)


def _said(answer: Answer) -> str:
    """The words of an error, which GitLab has in one of three places."""
    for name in ("error_description", "message", "error"):
        if found := answer.text(name):
            return found
    return ""


def _no_gitlab(answer: Answer) -> MintFailed:
    return MintFailed(
        SourceReason.MINT_FAILED,
        f"{answer.host} answers ({answer.status}) with something that is no deploy token",
        hint=f"does {setting('url')} lead to GitLab?",
    )


def _number(found: Any, name: str) -> str:
    """A positive integer in an object, as text; empty where there is none."""
    value = found.get(name) if isinstance(found, dict) else None
    return str(value) if type(value) is int and value > 0 else ""


def _moment(stamp: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(stamp)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
