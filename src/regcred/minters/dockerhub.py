"""Docker Hub: an access token of a person or of an organization.

Docker Hub gives no short-lived ones for pulling, so nothing is made here: the access token is
handed on as it is. What can be known about it is told. Docker Hub is asked whether it takes it,
and how many pulls are left; that it cannot be asked is no reason to withhold a token that may
well be good. When the token ends only its owner can see, who may write it down in ``expiresAt``.

https://docs.docker.com/security/access-tokens/
https://docs.docker.com/docker-hub/usage/pulls/#view-pull-rate-and-limit (asking counts as no pull)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidRegistry, MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.logins.registrykey import display, is_docker_hub, parse_registry
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.jsonwebtoken import is_token
from regcred.minters.settings import mapping, refuse, secret_text, text
from regcred.minters.web import basic, bearer, clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk

#: The image that Docker has put there to be asked about.
_IMAGE = "ratelimitpreview/test"
_SCOPE = f"repository:{_IMAGE}:pull"
_TOKEN = f"https://auth.docker.io/token?service=registry.docker.io&scope={_SCOPE}"
_MANIFEST = f"https://registry-1.docker.io/v2/{_IMAGE}/manifests/latest"
#: ``100;w=21600``: so many pulls in so many seconds.
_RATE = re.compile(r"(\d{1,12})(?:;w=(\d{1,12}))?", re.ASCII)
#: The share of them that is left when it is told.
_LEFT = 0.1
#: When it is asked again whether it takes the token, and how many pulls are left.
_LOOK, _LOOK_SOON = timedelta(hours=1), timedelta(minutes=10)
_MANAGE = "https://app.docker.com/settings/personal-access-tokens"


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Hand the access token on.

    Raises:
        MintFailed: it is over, or Docker Hub does not take it.
    """
    username = text(settings, "username")
    if ":" in username:
        raise refuse("username has a colon in it, which none can have")
    expires = _expires(settings)
    for registry in desk.registries:
        if not _is_docker_hub(registry):
            raise refuse(
                f"{display(registry)} is not Docker Hub, and its access token is for nobody else",
                "the registry is docker.io, or docker.io/NAMESPACE",
            )
    token = Password(await secret_text(settings, desk, "token"))
    secret = (mapping(settings, "secretRef") or {}).get("name", "")
    if not token.reveal().isprintable():
        raise refuse(f"Secret {secret}: what is in it is no access token")
    anew = f"make another one at {_MANAGE}, and put it into Secret {secret}"
    if expires is not None and expires <= desk.now():
        raise MintFailed(
            SourceReason.BAD_CREDENTIALS,
            f"the access token of {one_line(username)} has ended, by what expiresAt says, at "
            f"{expires:%Y-%m-%dT%H:%M:%SZ}",
            hint=f"{anew}, and its end into {setting('expiresAt')}",
        )
    known, warnings = await _asked(username, token, desk, anew)
    if expires is None:
        warnings += ("nobody says when the access token ends: expiresAt would",)
    return Minted(
        tuple(Credential(each, username, token) for each in desk.registries),
        expires,
        warnings=warnings,
        again=_LOOK if known else _LOOK_SOON,
    )


async def _asked(
    username: str, token: Password, desk: Desk, anew: str
) -> tuple[bool, tuple[str, ...]]:
    """Whether Docker Hub says that it takes it, and what else it has to say, a clause each.

    Raises:
        MintFailed: ``BadCredentials``: it does not take it.
    """
    unknown = "Docker Hub does not say whether it takes the access token"
    try:
        answer = await desk.web.ask("GET", _TOKEN, authorization=basic(username, token))
    except MintFailed as error:
        return False, (f"{unknown}: {error.message}",)
    if answer.status == 401:
        said = one_line(answer.text("details"), hide=[token.reveal()]).removesuffix(".")
        raise refused(answer, f"token to {one_line(username)}", said=said, hint=anew)
    access = Password(answer.text("token") or answer.text("access_token"))
    if answer.status != 200 or not is_token(access):
        return False, (f"{unknown} ({answer.status})",)
    return True, clock_warning(answer) + await _pulls(username, access, desk)


async def _pulls(username: str, access: Password, desk: Desk) -> tuple[str, ...]:
    """Whether there are few pulls left; nothing where there is no limit."""
    try:
        answer = await desk.web.ask("HEAD", _MANIFEST, authorization=bearer(access))
    except MintFailed as error:
        return (f"Docker Hub does not say how many pulls are left: {error.message}",)
    name = one_line(username)
    if answer.status == 429:
        return (f"{name} has no pulls left at Docker Hub for now",)
    limit = _RATE.fullmatch(answer.headers.get("ratelimit-limit", ""))
    remaining = _RATE.fullmatch(answer.headers.get("ratelimit-remaining", ""))
    if not limit or not remaining or int(remaining[1]) > int(limit[1]) * _LEFT:
        return ()
    within = f" in {int(limit[2]) / 3600:g} h" if limit[2] else ""
    return (f"{name} has {int(remaining[1]):,} of {int(limit[1]):,} pulls{within} left",)


def _expires(settings: Mapping[str, Any]) -> datetime | None:
    stamp = text(settings, "expiresAt", default="")
    if not stamp:
        return None
    try:
        found = datetime.fromisoformat(stamp)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise refuse("expiresAt has to be a time as in 2030-01-31T00:00:00Z")


def _is_docker_hub(registry: str) -> bool:
    try:
        return is_docker_hub(parse_registry(registry))
    except InvalidRegistry:
        return False
