"""Azure Container Registry: refresh tokens for tokens of Microsoft Entra ID.

Each registry exchanges a token of Entra for one of its own, with which one logs in as nobody in
particular. It lasts for some hours, says itself until when, and cannot be revoked.

* https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
* https://learn.microsoft.com/azure/container-registry/container-registry-authentication
* https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-overview
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidRegistry, MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.logins import expiry
from regcred.core.logins.registrykey import display, endpoint_host, is_loopback, parse_registry
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.minters import entra
from regcred.minters.jsonwebtoken import is_token
from regcred.minters.settings import refuse
from regcred.minters.web import clock_warning, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.web import Answer

#: Nobody in particular: the password is a refresh token.
USERNAME = "00000000-0000-0000-0000-000000000000"
#: Registries in all clouds. A token of Entra opens each registry that its owner may use, so it is
#: shown to nobody else.
_SERVER = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.azurecr\.(io|us|cn)(:443)?")


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Obtain a refresh token of each registry.

    Raises:
        MintFailed: Entra or a registry gives none, or cannot be asked.
    """
    hosts = {key: _host(key) for key in desk.registries}
    shown = await entra.obtain(settings, desk)
    answers = {host: await _exchange(host, shown, desk) for host in dict.fromkeys(hosts.values())}
    tokens = {host: _token(answer) for host, answer in answers.items()}
    credentials = tuple(Credential(key, USERNAME, tokens[host]) for key, host in hosts.items())
    ends = [
        answers[host].here(end) for host, token in tokens.items() if (end := expiry.expires(token))
    ]
    warnings = tuple(each for answer in answers.values() for each in clock_warning(answer))
    return Minted(credentials, min(ends, default=None), warnings=warnings)


def _host(key: str) -> str:
    """The registry to ask."""
    try:
        host = endpoint_host(parse_registry(key))
    except InvalidRegistry as error:
        raise refuse(error.message, "name each registry: NAME.azurecr.io") from None
    if not _SERVER.fullmatch(host) and not is_loopback(host):
        raise refuse(
            f"{display(key)} is no Azure Container Registry", "its login server is NAME.azurecr.io"
        )
    return host


async def _exchange(host: str, shown: entra.Token, desk: Desk) -> Answer:
    """A token for a token."""
    form = {
        "grant_type": "access_token",
        "service": host,
        "access_token": shown.password.reveal(),
    }
    if shown.tenant:
        form["tenant"] = shown.tenant
    answer = await desk.web.ask("POST", f"https://{host}/oauth2/exchange", form=form)
    if answer.status != 200:
        raise _not_exchanged(answer, shown)
    return answer


def _token(answer: Answer) -> Password:
    token = Password(answer.text("refresh_token"))
    if not is_token(token) or expiry.expires(token) is None:
        raise MintFailed(
            SourceReason.MINT_FAILED,
            f"{answer.host} answers what Azure Container Registry does not ({answer.status})",
            hint="does something else answer at that address? see HTTPS_PROXY, and try again",
        )
    return token


def _not_exchanged(answer: Answer, shown: entra.Token) -> MintFailed:
    """Registries answer 401 to whom they know and who may do nothing there."""
    said = one_line(_message(answer), hide=[shown.password.reveal()]).removesuffix(".")
    name = answer.host.partition(".")[0]
    if answer.status == 401:
        who = shown.client or "IDENTITY"
        return MintFailed(
            SourceReason.NO_PERMISSION,
            f"{answer.host} lets {shown.client or 'the managed identity'} do nothing"
            + (f": {said}" if said else ""),
            hint=f"az role assignment create --role AcrPull --assignee {who} --scope "
            f"$(az acr show -n {name} --query id -o tsv); where the registry has ABAC the role is "
            "Container Registry Repository Reader",
        )
    hint = ""
    if answer.status == 403:
        hint = f"let the operator's address through: az acr network-rule add -n {name} …"
    elif answer.status == 404:
        hint = "the login server is NAME.azurecr.io"
    return refused(answer, "refresh token", said=said, hint=hint)


def _message(answer: Answer) -> str:
    """What the first of its errors says."""
    try:
        found = answer.json["errors"][0]["message"]
    except (TypeError, KeyError, IndexError):
        return ""
    return found if isinstance(found, str) else ""
