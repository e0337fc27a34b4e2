"""Harbor: robot accounts that may pull from named projects, each good for some days.

A robot account's life is counted from its creation, and a new secret does not lengthen it. So
each time another one is made, and the old ones are deleted when nobody uses them any more: the
secret that is in use is never touched. For one project it is a robot account of that project,
which whoever has the role Project Admin there may make; for several one of the system, which takes
an administrator. They say in their description for whom they were made.

https://goharbor.io/docs/main/administration/robot-accounts/
https://goharbor.io/docs/main/working-with-projects/project-configuration/create-robot-accounts/
https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml (``/robots``)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.operator.minting import Minted, made_before
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.settings import base_url, mapping, number, refuse, secret_text, text, texts
from regcred.minters.web import basic, clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.web import Answer

#: The most that Harbor gives at a time, and how many times it is asked.
_PAGE, _PAGES = 100, 100
#: How Harbor, which is written in Go, says that there are no robot accounts.
_NONE = b"null"
_PULL = {"resource": "repository", "action": "pull"}


@dataclass(frozen=True, slots=True)
class _Harbor:
    """Where robot accounts are made, and as whom.

    Args:
        url: of the API.
        projects: that they may pull from.
        secret: where the login is, for hints.
        username: of who makes them.
        password: the same.
    """

    url: str
    projects: tuple[str, ...]
    secret: str
    username: str
    password: Password

    @property
    def authorization(self) -> Password:
        return basic(self.username, self.password)

    @property
    def what(self) -> str:
        """The projects, for messages."""
        word = "project" if len(self.projects) == 1 else "projects"
        return f"{word} {one_line(', '.join(self.projects))}"


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Make a robot account.

    Raises:
        MintFailed: Harbor makes none, or cannot be asked.
    """
    days = number(settings, "days", default=1, least=1, most=365)
    harbor = await _harbor(settings, desk)
    wanted = {
        "name": f"{desk.owner.lower()}-{token_hex(4)}",
        "description": _mark(desk),
        "level": "project" if len(harbor.projects) == 1 else "system",
        "duration": days,
        "disable": False,
        "permissions": [
            {"kind": "project", "namespace": each, "access": [_PULL]} for each in harbor.projects
        ],
    }
    answer = await desk.web.ask(
        "POST", f"{harbor.url}/robots", authorization=harbor.authorization, json_body=wanted
    )
    if answer.status != 201:
        raise _refused(answer, harbor)
    handle, expires = _number(answer.json, "id"), _moment(_number(answer.json, "expires_at"))
    username, password = answer.text("name"), answer.text("secret")
    if not handle or not username or not password or expires is None:
        raise _no_harbor(answer)
    expires = answer.here(expires)
    if expires <= desk.now():
        raise MintFailed(
            SourceReason.MINT_FAILED,
            f"{answer.host} gives a robot account for {harbor.what} that has ended already, at "
            f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            hint="compare the clocks of Harbor and of the node",
        )
    return Minted(
        tuple(Credential(each, username, Password(password)) for each in desk.registries),
        expires,
        str(handle),
        clock_warning(answer),
    )


async def revoke(
    settings: Mapping[str, Any], desk: Desk, keep: str, *, newer: bool = False
) -> None:
    """Delete the robot accounts that were made for this owner before `keep`.

    One that was made after it is about to be used, unless `newer`: Harbor counts them.

    Raises:
        MintFailed: they cannot be deleted now.
    """
    harbor = await _harbor(settings, desk)
    for handle in await _owned(harbor, desk):
        if handle == keep or not (newer or made_before(handle, keep)):
            continue
        url = f"{harbor.url}/robots/{handle}"
        answer = await desk.web.ask("DELETE", url, authorization=harbor.authorization)
        if answer.status not in (200, 404):
            raise _refused(answer, harbor)


async def _harbor(settings: Mapping[str, Any], desk: Desk) -> _Harbor:
    text(settings, "url")
    url = base_url(settings, "url", "")
    projects = tuple(dict.fromkeys(texts(settings, "projects")))
    if not projects:
        raise refuse("projects is required: those that may be pulled from")
    reference = mapping(settings, "secretRef")
    named = {"secretRef": reference and {"name": reference.get("name")}}
    username = await secret_text(named, desk, "username")
    password = await secret_text(named, desk, "password")
    secret = reference["name"] if reference else ""
    if ":" in username:
        raise refuse(f"Secret {secret}: the username has a colon in it, which none can have")
    return _Harbor(f"{url}/api/v2.0", projects, secret, username, Password(password))


async def _owned(harbor: _Harbor, desk: Desk) -> list[str]:
    """The IDs of the robot accounts that say that they were made for this owner."""
    query = ""
    if len(harbor.projects) == 1:
        project = await _project(harbor, desk)
        if project is None:
            return []
        query = f"&q={quote(f'Level=project,ProjectID={project}', safe='')}"
    found: list[int | None] = []
    for page in range(1, _PAGES + 1):
        url = f"{harbor.url}/robots?page={page}&page_size={_PAGE}{query}"
        answer = await desk.web.ask("GET", url, authorization=harbor.authorization)
        if answer.status != 200:
            raise _refused(answer, harbor)
        robots = [] if answer.body.strip() == _NONE else answer.json
        if not isinstance(robots, list):
            raise _no_harbor(answer)
        objects = [each for each in robots if isinstance(each, dict)]
        found += [_number(each, "id") for each in objects if each.get("description") == _mark(desk)]
        if len(robots) < _PAGE:
            break
    return [str(handle) for handle in found if handle]


async def _project(harbor: _Harbor, desk: Desk) -> int | None:
    """The ID of the one project; None where it is gone, and its robot accounts with it."""
    answer = await desk.web.ask(
        "GET",
        f"{harbor.url}/projects/{quote(harbor.projects[0], safe='')}",
        authorization=harbor.authorization,
        headers={"X-Is-Resource-Name": "true"},  # a name may look like an ID
    )
    if answer.status == 404 and _errors(answer):
        return None
    if answer.status != 200:
        raise _refused(answer, harbor)
    project = _number(answer.json, "project_id")
    if not project:
        raise _no_harbor(answer)
    return project


def _refused(answer: Answer, harbor: _Harbor) -> MintFailed:
    hint = ""
    if answer.status == 401:
        hint = f"put username and password of a user of Harbor into Secret {harbor.secret}"
    elif answer.status == 403 and len(harbor.projects) == 1:
        hint = f"{one_line(harbor.username)} needs the role Project Admin in {harbor.what}"
    elif answer.status == 403:
        hint = (
            f"robot accounts for several projects take an administrator of Harbor, and "
            f"{one_line(harbor.username)} is none; or write a PullCredential for each project"
        )
    elif answer.status == 404:
        hint = f"check {setting('projects')} and {setting('url')}"
    said = "; ".join(each for each in _errors(answer) if each)
    hidden = harbor.password.reveal(), harbor.authorization.reveal().removeprefix("Basic ")
    said = one_line(said, hide=hidden).removesuffix(".")
    return refused(answer, f"robot account for {harbor.what}", said=said, hint=hint)


def _errors(answer: Answer) -> list[str]:
    """The words of what Harbor says of an error: ``{"errors": [{"code", "message"}]}``."""
    found = answer.json
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        return []
    return [str(each.get("message") or "") for each in errors if isinstance(each, dict)]


def _no_harbor(answer: Answer) -> MintFailed:
    return MintFailed(
        SourceReason.MINT_FAILED,
        f"{answer.host} answers ({answer.status}) with something that is no robot account",
        hint=f"does {setting('url')} lead to Harbor?",
    )


def _mark(desk: Desk) -> str:
    return f"made by regcred for {desk.owner}"


def _number(found: Any, name: str) -> int | None:
    """A positive integer in an object; None where there is none."""
    value = found.get(name) if isinstance(found, dict) else None
    return value if type(value) is int and value > 0 else None


def _moment(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
