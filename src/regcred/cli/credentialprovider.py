"""``regcred credential-provider``: kubelet runs it at a pull, and gets a login minted for that.

kubelet writes a request to standard input and reads the answer from standard output. Where this
fails, what is said on standard error gets into kubelet's log, and the pull goes on without a login.

https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from regcred import minters
from regcred.cli.options import minter_options
from regcred.cli.verb import verb
from regcred.core.errors import InvalidInput, UsageError
from regcred.core.logins import credentialprovider
from regcred.core.logins.image import parse_image
from regcred.core.operator import minting
from regcred.core.operator.sourcekinds import IDENTITY_KINDS

if TYPE_CHECKING:
    from regcred.cli.minted import PodToken
    from regcred.core.credential import Password

#: More than any request is: an image, a token, some annotations.
_MOST = 1 << 20


@verb(
    ("regcred credential-provider --from ecr", "in args of kubelet's CredentialProviderConfig"),
    "regcred credential-provider --from acr --set tenantId=T --set clientId=C",
    name="credential-provider",
    exit_codes={1: "no login: kubelet's log has why", 3: "the provider is not reachable"},
)
@minter_options(required=True)
def credential_provider(
    source: str, settings: tuple[str, ...], secret_files: tuple[str, ...]
) -> None:
    """Mint a token at each pull, as kubelet's credential provider plugin.

    kubelet asks on standard input for one image, and keeps the answer for two thirds of the token's
    life. Where it sends a token of the Pod's ServiceAccount, that is what the provider is shown.
    """
    from regcred.cli import minted

    if minters.revoker(minters.load(source)) is not None:
        raise UsageError(
            f"--from {source} would leave a new account at the provider behind at each pull",
            hint="a PullCredential has the operator mint once for the cluster, and take it back",
        )
    if any(each.endswith("=-") for each in secret_files):
        raise UsageError(
            "--secret-file cannot be standard input, where kubelet's request is",
            hint="give the name of a file on the node",
        )
    asked = _request()
    registry = parse_image(asked.image).domain
    pod_token = _pod_token(asked.token, source) if asked.token is not None else None
    given = minted.Source(source, settings, secret_files, pod_token=pod_token)
    found = minted.mint(given, [registry])
    seconds = minting.kept_for(found.expires, datetime.now(UTC))
    click.echo(credentialprovider.answer(asked.api_version, found.credentials, seconds))


def _request() -> credentialprovider.Request:
    """What kubelet asks.

    Raises:
        InvalidInput: it is no request.
    """
    stdin = b"" if sys.stdin.isatty() else sys.stdin.buffer.read(_MOST)
    try:
        return credentialprovider.read_request(stdin)
    except credentialprovider.BadRequest as error:
        raise InvalidInput(
            f"standard input is no request of kubelet's: {error}",
            hint=f'by hand: echo \'{{"apiVersion": "{credentialprovider.API_VERSIONS[0]}", '
            '"kind": "CredentialProviderRequest", "image": "IMAGE"}\' | regcred '
            "credential-provider --from SOURCE",
        ) from None


def _pod_token(token: Password, source: str) -> PodToken:
    """The token of the Pod's ServiceAccount, for the provider.

    Raises:
        UsageError: the provider takes none: any Pod would get the node's own login.
        InvalidInput: it does not say whose it is, or for whom, or it is for the cluster itself.
    """
    from regcred.cli.minted import PodToken
    from regcred.minters import jsonwebtoken

    if source not in IDENTITY_KINDS:
        raise UsageError(
            f"--from {source} takes no token of a ServiceAccount, and kubelet sends one",
            hint="leave tokenAttributes out of kubelet's CredentialProviderConfig",
        )
    claims = jsonwebtoken.claims(token)
    subject, audience = claims.get("sub"), claims.get("aud")
    audience = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if not (isinstance(subject, str) and subject and isinstance(audience, str) and audience):
        raise InvalidInput(
            "the serviceAccountToken that kubelet sends is no token of a ServiceAccount",
            hint="see tokenAttributes.serviceAccountTokenAudience in kubelet's "
            "CredentialProviderConfig",
        )
    if jsonwebtoken.is_for_cluster(audience, claims):
        raise InvalidInput(
            "the serviceAccountToken that kubelet sends is for the cluster itself: whoever is shown"
            " it could act there",
            hint="set tokenAttributes.serviceAccountTokenAudience to what the provider wants",
        )
    return PodToken(subject.rpartition(":")[2], audience, token)
