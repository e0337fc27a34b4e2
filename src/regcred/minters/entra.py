"""Tokens of Microsoft Entra ID that Azure Container Registry takes, by azure-identity.

An application shows a client secret, a certificate or the token of a ServiceAccount; without any of
these the operator shows what Azure has given it: workload identity, else a managed identity.

* https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
* https://learn.microsoft.com/python/api/azure-identity/azure.identity.aio
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regcred.core.credential import Password
from regcred.core.setting import setting
from regcred.minters.entrafailures import METADATA, Asked, failure
from regcred.minters.jsonwebtoken import claims, is_token
from regcred.minters.settings import lacking, mapping, refuse, secret_text, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials_async import AsyncTokenCredential

    from regcred.minters.desk import Desk

#: The same in all clouds.
_SCOPE = "https://containerregistry.azure.net/.default"
_LOGINS = {
    "AzurePublic": "login.microsoftonline.com",
    "AzureUSGovernment": "login.microsoftonline.us",
    "AzureChina": "login.chinacloudapi.cn",
}
_AUDIENCE = "api://AzureADTokenExchange"
_SECRET, _CERTIFICATE = "client-secret", "client.pem"


@dataclass(frozen=True, slots=True)
class Token:
    """A token for registries.

    Args:
        password: itself.
        tenant: whose; empty where nobody says.
        client: the ID of the application or managed identity; empty where nobody says.
    """

    password: Password
    tenant: str
    client: str


async def obtain(settings: Mapping[str, Any], desk: Desk) -> Token:
    """A token by what the settings say, else by what Azure gives.

    Raises:
        MintFailed: there is none.
    """
    try:
        from azure.core.exceptions import AzureError
    except ImportError:
        raise lacking("azure-identity is not installed", "pip install 'regcred[azure]'") from None
    # At its own level it logs whole answers where it does not understand them.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    credential, asked = await _credential(settings, desk)
    try:
        async with credential:
            found = (await credential.get_token(_SCOPE)).token
    except OSError as error:
        raise refuse(f"the token of workload identity cannot be read: {error.strerror}") from None
    except AzureError as error:
        raise failure(asked, error.message) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise failure(asked, "") from None
    if not isinstance(found, str) or not is_token(token := Password(found)):
        raise failure(asked, "")
    return Token(token, asked.tenant, asked.client)


async def _credential(
    settings: Mapping[str, Any], desk: Desk
) -> tuple[AsyncTokenCredential, Asked]:
    """How to sign in."""
    identity = mapping(settings, "identity")
    stored = mapping(settings, "secretRef") is not None
    if identity is not None and stored:
        raise refuse("secretRef and identity exclude each other")
    is_app = identity is not None or stored
    tenant = text(settings, "tenantId", default=None if is_app else "")
    client = text(settings, "clientId", default=None if is_app else "")
    for name, given in {"tenantId": tenant, "clientId": client}.items():
        if not re.fullmatch(r"[A-Za-z0-9.-]*", given):
            raise refuse(f"{name} has to be an ID: letters, digits, dots and dashes")
    if identity is not None:
        return await _by_identity(identity, tenant, client, _login(settings, desk), desk)
    if stored:
        return await _by_secret(settings, tenant, client, desk)
    return _by_azure(tenant, client, _login(settings, desk), desk)


def _login(settings: Mapping[str, Any], desk: Desk) -> str:
    """The host of Entra."""
    cloud = text(settings, "cloud", default="")
    if cloud and cloud not in _LOGINS:
        raise refuse(f"cloud has to be one of {', '.join(_LOGINS)}")
    given = _LOGINS.get(cloud) or desk.env.get("AZURE_AUTHORITY_HOST") or _LOGINS["AzurePublic"]
    return urlsplit(given if "//" in given else f"https://{given}").netloc


async def _by_identity(
    identity: Mapping[str, Any], tenant: str, client: str, login: str, desk: Desk
) -> tuple[AsyncTokenCredential, Asked]:
    """With the token of a ServiceAccount."""
    from azure.identity.aio import ClientAssertionCredential

    account = text(identity, "serviceAccount")
    audience = text(identity, "audience", default=_AUDIENCE)
    shown = await desk.identity(account, audience)
    said = claims(shown)
    asked = Asked(login, f"application {client}", tenant, client, desk.now)
    asked.federation = (
        f"issuer {said.get('iss')}, subject {said.get('sub')} and audience {audience}"
    )
    credential = ClientAssertionCredential(
        tenant, client, shown.reveal, authority=login, **asked.options
    )
    return credential, asked


async def _by_secret(
    settings: Mapping[str, Any], tenant: str, client: str, desk: Desk
) -> tuple[AsyncTokenCredential, Asked]:
    """With a client secret, or a certificate and its key."""
    from azure.identity.aio import CertificateCredential, ClientSecretCredential

    login = _login(settings, desk)
    name = text(mapping(settings, "secretRef") or {}, "name")
    data = await desk.secret(name)
    key = _CERTIFICATE if _CERTIFICATE in data and _SECRET not in data else _SECRET
    found = await secret_text(settings, desk, key)
    asked = Asked(login, f"application {client}", tenant, client, desk.now)
    if "-----BEGIN" not in found:
        secret = ClientSecretCredential(tenant, client, found, authority=login, **asked.options)
        return secret, asked
    try:
        certificate = CertificateCredential(
            tenant, client, certificate_data=found.encode(), authority=login, **asked.options
        )
    except (ValueError, TypeError):
        raise refuse(
            f"Secret {name} has no certificate with an RSA key without a passphrase, in PEM form",
            f"kubectl create secret generic {name} --from-file={_CERTIFICATE}",
        ) from None
    return certificate, asked


def _by_azure(
    tenant: str, client: str, login: str, desk: Desk
) -> tuple[AsyncTokenCredential, Asked]:
    """With what Azure gives to a Pod, else to a node."""
    from azure.identity.aio import ManagedIdentityCredential, WorkloadIdentityCredential

    file = desk.env.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if not file:
        who = f"managed identity {client}" if client else "a managed identity"
        asked = Asked(METADATA, who, tenant, client, desk.now)
        # Past all proxies: one would say what its own machine is.
        asked.options["use_env_settings"] = False
        return ManagedIdentityCredential(client_id=client or None, **asked.options), asked
    tenant = tenant or desk.env.get("AZURE_TENANT_ID", "")
    client = client or desk.env.get("AZURE_CLIENT_ID", "")
    if not tenant or not client:
        raise refuse(
            "workload identity lacks a tenant or a client",
            f"set {setting('tenantId')} and {setting('clientId')}",
        )
    asked = Asked(login, f"application {client}", tenant, client, desk.now)
    credential = WorkloadIdentityCredential(
        tenant_id=tenant, client_id=client, token_file_path=file, authority=login, **asked.options
    )
    return credential, asked
