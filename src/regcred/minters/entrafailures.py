"""What it means that Microsoft Entra ID, or Azure's metadata service, gives no token.

Entra's error codes may change any day, it says: those that are known give better words, and the
status of HTTP decides on the others.

* https://learn.microsoft.com/entra/identity-platform/reference-error-codes
* https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core.errors import MintFailed
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.web import Answer, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

METADATA = "Azure's metadata service"
#: Who fails is asked again later, by whoever asks us: no pauses here.
_LIMITS = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 30}
_CODE = re.compile(r"AADSTS(\d{1,9})")

_BAD, _NOT_CONFIGURED = SourceReason.BAD_CREDENTIALS, SourceReason.NOT_CONFIGURED
_FEDERATED = (_NOT_CONFIGURED, "none of its federated credentials fits the ServiceAccount's token")
_NO_TENANT = (_NOT_CONFIGURED, "there is no such tenant")
_KNOWN = {
    "7000215": (_BAD, "the client secret is wrong"),
    "7000222": (_BAD, "the client secret has expired"),
    "700027": (_BAD, "the certificate is none of the application's, or has expired"),
    "700024": (_BAD, "what it shows is not valid at this time"),
    "700016": (_NOT_CONFIGURED, "the tenant has no such application"),
    "90002": _NO_TENANT,
    "900023": _NO_TENANT,
    "70021": _FEDERATED,
    "700211": _FEDERATED,
    "700212": _FEDERATED,
    "700213": _FEDERATED,
    "70025": _FEDERATED,
    "7000229": (_NOT_CONFIGURED, "the tenant has no service principal of the application"),
    "500011": (_NOT_CONFIGURED, "the tenant does not know Azure Container Registry"),
    "7000112": (SourceReason.NO_PERMISSION, "the application is disabled"),
    "53003": (SourceReason.NO_PERMISSION, "Conditional Access does not allow it"),
}
_HINTS = {
    "7000215": "az ad app credential reset --id {client} --append, and put it into the Secret",
    "7000222": "az ad app credential reset --id {client} --append, and put it into the Secret",
    "700027": "az ad app credential reset --id {client} --append --cert @CERTIFICATE.pem",
    "700024": "set the clock right",
    "700016": f"correct {setting('clientId')} or {setting('tenantId')}",
    "7000229": "az ad sp create --id {client}",
    "90002": f"correct {setting('tenantId')} or {setting('cloud')}",
    "900023": f"correct {setting('tenantId')} or {setting('cloud')}",
}


@dataclass(slots=True)
class Asked:
    """Who asks whom, for messages, and the last answer.

    Args:
        host: who is asked.
        who: asks.
        tenant: whose; empty where nobody says.
        client: the ID of the application or managed identity; empty where nobody says.
        now: the time of day, with a zone.
        federation: what a federated credential has to say; empty where there is none.
        answer: without its body; None while there is none.
        options: for the SDK.
    """

    host: str
    who: str
    tenant: str
    client: str
    now: Callable[[], datetime]
    federation: str = ""
    answer: Answer | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.options = {**_LIMITS, "raw_response_hook": self._saw}

    def _saw(self, response: Any) -> None:
        http = response.http_response
        headers = {str(name).lower(): str(value) for name, value in http.headers.items()}
        url = str(http.request.url).partition("?")[0]
        self.answer = Answer(http.status_code, headers, b"", url, self.now())


def failure(asked: Asked, message: str) -> MintFailed:
    """What a failure of the SDK means.

    Args:
        asked: by it.
        message: its own, of which the code is taken and nothing else.
    """
    answer = asked.answer
    if answer is None:
        outside = "outside of Azure give secretRef or identity"
        hint = outside if asked.host == METADATA else ""
        return MintFailed(SourceReason.UNREACHABLE, f"{asked.host} cannot be reached", hint=hint)
    what = f"token to {asked.who}"
    if asked.host == METADATA:
        hint = f"assign the identity to the nodes, and correct {setting('clientId')}"
        return refused(answer, what, hint=hint if answer.status == 400 else "")
    if answer.status == 200:
        return MintFailed(
            SourceReason.MINT_FAILED,
            f"{answer.host} answers what Entra ID does not (200)",
            hint="does something else answer at that address? see HTTPS_PROXY, and try again",
        )
    found = _CODE.search(message)
    code = found[1] if found else ""
    hint = _HINTS.get(code, "").format(client=asked.client)
    if code in _KNOWN and answer.status < 429:
        reason, said = _KNOWN[code]
        if _KNOWN[code] is _FEDERATED:
            hint = f"give it one with {asked.federation or 'the issuer and subject of this Pod'}"
        where = f"of tenant {asked.tenant} by {answer.host}"
        return MintFailed(reason, f"no {what} {where}: {said} (AADSTS{code})", hint=hint)
    see = f"https://{answer.host}/error?code={code}" if code else ""
    return refused(answer, what, said=f"AADSTS{code}" if code else "", hint=see)
