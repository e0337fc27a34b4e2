"""What the Secret of a googleArtifactRegistry source holds, read with suspicion.

Google's key files are programs of a kind: an ``external_account`` configuration may say that a file
is to be read, a URL to be asked or a command to be run for the token to exchange
(``credential_source``), and where to send it. Who may write a Secret or a PullCredential is not
thereby one who may do that in the operator's Pod. So the token comes from ``identity`` alone,
``credential_source`` is never looked at, and addresses have to be Google's.

https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
https://google.aip.dev/auth/4112 (service account keys)
https://google.aip.dev/auth/4117 (external accounts)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.minters import settings as reading
from regcred.minters.googletransport import require_google
from regcred.minters.settings import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk

NEW_KEY = "make one: gcloud iam service-accounts keys create key.json --iam-account=ACCOUNT"
_KEY = "key.json"
_STS = "https://sts.googleapis.com/v1/token"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_TOKEN_TYPES = (_JWT, "urn:ietf:params:oauth:token-type:id_token")
_UNIVERSE = "googleapis.com"
_PROVIDER = re.compile(
    r"(?:https:)?(?://iam\.googleapis\.com/)?"
    r"(projects/\d+/locations/global/workloadIdentityPools/[\w-]+/providers/[\w-]+)",
    re.ASCII,
)
_IMPERSONATION = re.compile(
    r"/v1/projects/[^/?#]+/serviceAccounts/[\w.-]+@[\w.-]+:generateAccessToken", re.ASCII
)
_LIFETIME = "token_lifetime_seconds"


@dataclass(frozen=True, slots=True)
class Federation:
    """How a ServiceAccount's token becomes one of Google's.

    Args:
        account: the ServiceAccount.
        token_audience: of its token.
        audience: the pool's provider, as STS calls it.
        token_url: of STS.
        token_type: what STS is told that the token is.
        impersonation_url: of the service account to become; empty for none.
        impersonation: options for that.
    """

    account: str
    token_audience: str
    audience: str
    token_url: str = _STS
    token_type: str = _JWT
    impersonation_url: str = ""
    impersonation: Mapping[str, int] = field(default_factory=dict)


async def read(settings: Mapping[str, Any], desk: Desk) -> Mapping[str, Any] | Federation | None:
    """A service account's key, a federation, or None for what the platform has.

    Raises:
        MintFailed: ``NotConfigured``, or what reading the Secret raises.
    """
    identity = reading.mapping(settings, "identity")
    if reading.mapping(settings, "secretRef") is None:
        return None if identity is None else _of_identity(identity)
    file = _parsed(await reading.secret_text(settings, desk, _KEY))
    match file.get("type"):
        case "service_account":
            if identity is not None:
                raise refuse("identity and a service account key exclude each other")
            return _service_account(file)
        case "external_account":
            if identity is None:
                raise refuse(
                    "an external_account configuration needs identity: its credential_source "
                    "would have the operator read files, ask addresses or run commands",
                    "identity.serviceAccount names whose token is exchanged",
                )
            return _external_account(file, identity)
    raise refuse(
        "what the Secret holds is neither a service account key nor an external_account "
        "configuration",
        NEW_KEY,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        file = json.loads(text)
    except (ValueError, RecursionError):
        file = None
    if not isinstance(file, dict):
        raise refuse("what the Secret holds is no complete JSON file of Google's", NEW_KEY)
    universe = file.get("universe_domain")
    if universe is not None and universe != _UNIVERSE:
        raise refuse(f"universe_domain is another than {_UNIVERSE}, and not supported")
    return file


def _service_account(file: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("client_email", "private_key", "token_uri"):
        if not isinstance(file.get(name), str) or not file[name]:
            raise refuse(f"the service account key has no {name}", NEW_KEY)
    require_google(file["token_uri"], "token_uri of the key")
    known = ("type", "client_email", "private_key", "private_key_id", "token_uri")
    return {name: file[name] for name in known if name in file}


def _of_identity(identity: Mapping[str, Any]) -> Federation:
    account = reading.text(identity, "serviceAccount")
    given = reading.text(identity, "audience", default="")
    found = _PROVIDER.fullmatch(given)
    if not found:
        raise refuse(
            "identity.audience is not the provider of a workload identity pool: projects/NUMBER/"
            "locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
            "gcloud iam workload-identity-pools providers describe shows it as name",
        )
    audience = f"//iam.googleapis.com/{found[1]}"
    # What a provider takes that has no list of audiences of its own.
    return Federation(account, f"https:{audience}", audience)


def _external_account(file: Mapping[str, Any], identity: Mapping[str, Any]) -> Federation:
    audience = _field(file, "audience")
    default = f"https:{audience}" if audience.startswith("//") else audience
    kind = _field(file, "subject_token_type")
    if kind not in _TOKEN_TYPES:
        raise refuse("subject_token_type of the configuration is not that of a JWT")
    token_url = _field(file, "token_url", _STS)
    require_google(token_url, "token_url of the configuration")
    become = _field(file, "service_account_impersonation_url", "")
    if become:
        require_google(become, "service_account_impersonation_url of the configuration")
        if not _IMPERSONATION.fullmatch("/" + become.partition("://")[2].partition("/")[2]):
            raise refuse("service_account_impersonation_url of the configuration is none")
    return Federation(
        account=reading.text(identity, "serviceAccount"),
        token_audience=reading.text(identity, "audience", default=default),
        audience=audience,
        token_url=token_url,
        token_type=kind,
        impersonation_url=become,
        impersonation=_options(file),
    )


def _field(file: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = file.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise refuse(f"the external_account configuration has no {name}")
    return value


def _options(file: Mapping[str, Any]) -> Mapping[str, int]:
    """How long the token of the service account is to last, if the file says."""
    said = reading.mapping(file, "service_account_impersonation") or {}
    if _LIFETIME not in said:
        return {}
    # Google's bounds; the upper one needs an organization policy.
    return {_LIFETIME: reading.number(said, _LIFETIME, default=0, least=600, most=43_200)}
