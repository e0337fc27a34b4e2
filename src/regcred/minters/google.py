"""Google Artifact Registry and gcr.io: access tokens, by google-auth.

A token is for reading alone (`SCOPE`), whatever its account may: it goes into many namespaces. That
of a metadata server may be for more. Who asks is, in this order:

- a service account's key in a Secret (its JWT is exchanged at ``token_uri``);
- a ServiceAccount of the operator's namespace: workload identity federation, with the pool's
  provider as ``identity.audience``, or with an ``external_account`` configuration in the Secret;
- else what the metadata server has for the operator's Pod (GKE, Compute Engine).

``impersonate`` is the service account to become on top of that.

https://cloud.google.com/artifact-registry/docs/docker/authentication#token
https://cloud.google.com/iam/docs/workload-identity-federation-with-kubernetes
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
https://cloud.google.com/run/docs/securing/service-identity#access_tokens (``scopes``)
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.minters import googlefailures, googlekey, threads
from regcred.minters import settings as reading
from regcred.minters.googletransport import Transport
from regcred.minters.web import clock_warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.googlekey import Federation

USERNAME = "oauth2accesstoken"
#: What a pull needs: https://cloud.google.com/artifact-registry/docs/integrate-compute
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_METADATA = "metadata.google.internal"
_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105
_EMAIL = re.compile(r"[\w.-]+@[\w.-]+\.gserviceaccount\.com", re.ASCII)
_SDK = "pip install 'regcred[google]'"
_ELSEWHERE = "outside of Google Cloud give secretRef, or identity with the pool's provider"


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """See `regcred.minters.Minter`."""
    email = reading.text(settings, "impersonate", default="")
    if email and not _EMAIL.fullmatch(email):
        raise reading.refuse("impersonate is not the e-mail address of a service account")
    held = await googlekey.read(settings, desk)
    transport = Transport(desk.web, asyncio.get_running_loop())
    if held is None:
        # Who is to become another needs more than to read.
        token, expires = await _from_metadata(desk, transport, "" if email else SCOPE)
        if email:
            token, expires = await _ask(_impersonating(_bearer(token), email), transport)
    else:
        source = await _source(held, desk)
        asked = _impersonating(source, email) if email else source
        token, expires = await _ask(asked, transport)
    if expires <= desk.now():
        raise MintFailed(
            SourceReason.MINT_FAILED,
            f"{transport.host} gives a token that has ended already",
            hint="see whether the clock here is right",
        )
    credentials = tuple(Credential(each, USERNAME, token) for each in desk.registries)
    return Minted(credentials, expires, warnings=_warnings(transport))


async def _from_metadata(desk: Desk, transport: Transport, scope: str) -> tuple[Password, datetime]:
    """What the metadata server has, for less than all that its account may where it can do that.

    It is asked without the SDK, which decides where that server is when it is imported. That of
    Compute Engine does not look at `scope`.
    """
    host = desk.env.get("GCE_METADATA_HOST") or desk.env.get("GCE_METADATA_ROOT") or _METADATA
    query = f"?scopes={quote(scope, safe='')}" if scope else ""
    try:
        answer = await desk.web.ask(
            "GET",
            f"http://{host}{_TOKEN}{query}",
            headers={"Metadata-Flavor": "Google"},
            seconds=10,
            direct=True,
        )
    except MintFailed as error:
        error.hint = error.hint or _ELSEWHERE
        raise
    transport.answers.append(answer)
    if answer.status != 200:
        raise googlefailures.of_metadata(answer)
    found = answer.json
    lasts = found.get("expires_in") if isinstance(found, dict) else None
    token = answer.text("access_token")
    if not token or isinstance(lasts, bool) or not isinstance(lasts, int | float):
        raise googlefailures.unknown(answer.host)
    try:
        return Password(token), desk.now() + timedelta(seconds=lasts)
    except (OverflowError, ValueError):
        raise googlefailures.unknown(answer.host) from None


async def _source(held: Mapping[str, Any] | Federation, desk: Desk) -> Any:
    """Credentials of the SDK for what is held."""
    if isinstance(held, googlekey.Federation):
        token = await desk.identity(held.account, held.token_audience)
        return _federated(held, token)
    return _of_key(held)


def _of_key(key: Mapping[str, Any]) -> Any:
    _require_sdk()
    from google.oauth2 import service_account

    try:
        return service_account.Credentials.from_service_account_info(key, scopes=[SCOPE])
    except (AttributeError, TypeError, ValueError):
        raise reading.refuse(
            "the service account key has no private_key that can be read", googlekey.NEW_KEY
        ) from None


def _federated(held: Federation, token: Password) -> Any:
    _require_sdk()
    from google.auth import identity_pool

    class Supplier(identity_pool.SubjectTokenSupplier):
        """Hands out the one token, in place of what a ``credential_source`` says."""

        def get_subject_token(self, context: Any, request: Any) -> str:
            return token.reveal()

    return identity_pool.Credentials(
        audience=held.audience,
        subject_token_type=held.token_type,
        token_url=held.token_url,
        subject_token_supplier=Supplier(),
        service_account_impersonation_url=held.impersonation_url or None,
        service_account_impersonation_options=dict(held.impersonation),
        scopes=[SCOPE],
    )


def _bearer(token: Password) -> Any:
    """Credentials of the SDK for a token that is there already.

    When that ends the SDK is not told: it would rather renew than use one of a few minutes.
    """
    _require_sdk()
    from google.oauth2 import credentials

    return credentials.Credentials(token.reveal())


def _impersonating(source: Any, email: str) -> Any:
    from google.auth import impersonated_credentials

    return impersonated_credentials.Credentials(source, email, [SCOPE])


async def _ask(credentials: Any, transport: Transport) -> tuple[Password, datetime]:
    """Have the SDK obtain a token."""
    from google.auth.exceptions import GoogleAuthError

    stumbled = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
    try:
        await threads.run(credentials.refresh, transport)
    except (GoogleAuthError, *stumbled):
        raise googlefailures.unknown(transport.host) from None
    token, expires = credentials.token, credentials.expiry
    if not isinstance(token, str) or not token or not isinstance(expires, datetime):
        raise googlefailures.unknown(transport.host)
    expires, answer = expires.replace(tzinfo=UTC), transport.answers[-1]
    # Elsewhere it is so many seconds from now, and by the clock here already.
    return Password(token), answer.here(expires) if answer.text("expireTime") else expires


def _require_sdk() -> None:
    try:
        import google.auth  # noqa: F401
    except ImportError:
        raise reading.lacking(
            "google-auth is not installed, which asks Google for tokens", _SDK
        ) from None


def _warnings(transport: Transport) -> tuple[str, ...]:
    said = [each for answer in transport.answers for each in clock_warning(answer)]
    return tuple(dict.fromkeys(said))
