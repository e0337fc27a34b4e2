"""Tokens of a robot account of Quay: for quay.io and for one's own.

With ``identity`` the token of a ServiceAccount is exchanged for one of the robot's that lasts for
an hour (robot federation): nothing is stored anywhere. With ``secretRef`` an OAuth access token
reads the robot's own token, which never expires.

* https://docs.projectquay.io/manage_quay.html#setting-robot-federation
* https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/auth_federated_robot_token
* https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/getorgrobot
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.logins import expiry
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters import jsonwebtoken
from regcred.minters.jsonwebtoken import is_token
from regcred.minters.settings import base_url, lacking, mapping, refuse, secret_text, text
from regcred.minters.web import basic, bearer, clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.web import Answer

_QUAY = "https://quay.io"
_ROBOT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\+([A-Za-z0-9][A-Za-z0-9._-]*)")
_INVALID = "Invalid token: "
_SCOPE = "Administer Organization (org:admin)"


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Obtain a token of the robot account.

    Raises:
        MintFailed: Quay gives none, or cannot be asked.
    """
    robot = text(settings, "robot")
    if not _ROBOT.fullmatch(robot):
        raise refuse("robot has to be the robot account's full name: ORGANIZATION+NAME")
    url = base_url(settings, "url", _QUAY)
    identity = mapping(settings, "identity")
    if (identity is None) == (settings.get("secretRef") is None):
        raise refuse("exactly one of secretRef and identity is required")
    if identity is not None:
        return await _federated(identity, url, robot, desk)
    return await _stored(settings, url, robot, desk)


async def _federated(identity: Mapping[str, Any], url: str, robot: str, desk: Desk) -> Minted:
    """A token for a token: nothing is stored."""
    account = text(identity, "serviceAccount")
    audience = text(identity, "audience", default=urlsplit(url).netloc)
    shown = await desk.identity(account, audience)
    answer = await desk.web.ask(
        "GET", f"{url}/oauth2/federation/robot/token", authorization=basic(robot, shown)
    )
    if answer.status != 200:
        raise _not_federated(answer, robot, shown)
    token = Password(answer.text("token"))
    expires = expiry.expires(token)
    if not is_token(token) or expires is None:
        raise _not_quay(answer)
    credentials = tuple(Credential(key, robot, token) for key in desk.registries)
    return Minted(credentials, answer.here(expires), warnings=clock_warning(answer))


async def _stored(settings: Mapping[str, Any], url: str, robot: str, desk: Desk) -> Minted:
    """The robot's own token."""
    oauth = Password(await secret_text(settings, desk, "token"))
    if not is_token(oauth):
        raise refuse("what the Secret has under token is no OAuth access token of Quay")
    organization, _, name = robot.partition("+")
    answer = await desk.web.ask(
        "GET",
        f"{url}/api/v1/organization/{organization}/robots/{name}",
        authorization=bearer(oauth),
    )
    if answer.status != 200:
        raise _not_read(answer, robot, oauth)
    token = Password(answer.text("token"))
    if not is_token(token) or answer.text("name") != robot:
        raise _not_quay(answer)
    for_ever = (
        f"the token of {robot} never expires: identity in place of secretRef obtains one that "
        "lasts for an hour"
    )
    credentials = tuple(Credential(key, robot, token) for key in desk.registries)
    return Minted(credentials, warnings=(*clock_warning(answer), for_ever))


def _not_federated(answer: Answer, robot: str, shown: Password) -> MintFailed:
    """Quay answers 400 to tokens that it has verified, and to those that it could not."""
    whole = answer.text("message") or answer.text("error")
    # Otherwise what follows would be taken for a token, and hidden.
    said = one_line(whole.removeprefix(_INVALID), hide=[shown.reveal()]).removesuffix(".")
    claims = jsonwebtoken.claims(shown)
    hint = (
        f"set the robot federation of {robot} to issuer {claims.get('iss')} and subject "
        f"{claims.get('sub')}; Quay has to reach the issuer"
    )
    if "Could not find robot" in said or "Invalid robot" in said:
        return lacking(f"{answer.host} has no robot account {robot}", f"correct {setting('robot')}")
    if answer.status == 401 or whole.startswith(_INVALID):
        return MintFailed(
            SourceReason.BAD_CREDENTIALS,
            f"{answer.host} does not accept the ServiceAccount's token for {robot}"
            + (f": {said}" if said else ""),
            hint=hint,
        )
    if answer.status == 404:
        return lacking(
            f"{answer.host} has no robot federation", "Quay has it since 3.13; use secretRef"
        )
    return refused(answer, f"token to {robot}", said=said, hint=hint if answer.status < 429 else "")


def _not_read(answer: Answer, robot: str, oauth: Password) -> MintFailed:
    said = answer.text("error_message") or answer.text("detail") or answer.text("message")
    said = one_line(said, hide=[oauth.reveal()]).removesuffix(".")
    if answer.status == 404 or "Could not find robot" in said:
        return lacking(
            f"{answer.host} has no robot account {robot}",
            f"correct {setting('robot')}; it has to be one of an organization",
        )
    hint = {
        401: f"make a token in the organization's applications, with {_SCOPE}",
        403: f"the token in the Secret needs the scope {_SCOPE}",
    }.get(answer.status, "")
    return refused(answer, f"token of {robot}", said=said, hint=hint)


def _not_quay(answer: Answer) -> MintFailed:
    return MintFailed(
        SourceReason.MINT_FAILED,
        f"{answer.host} answers what Quay's API does not ({answer.status})",
        hint=f"correct {setting('url')}",
    )
