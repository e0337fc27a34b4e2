"""Which service of AWS, in which region, has the token for a registry key.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html (``on.aws``)
https://docs.aws.amazon.com/AmazonECR/latest/public/public-registries.html
https://docs.aws.amazon.com/general/latest/gr/ecr.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from regcred.core.errors import InvalidRegistry
from regcred.core.logins.registrykey import display, parse_registry
from regcred.core.logins.urlmatch import split_port
from regcred.core.setting import setting
from regcred.minters.settings import refuse

#: What follows the region is not looked at: it is another one in each partition of AWS.
_PRIVATE = re.compile(r"[0-9*]+\.dkr[.-]ecr(?:-fips)?\.([a-z0-9*-]+)\.[a-z0-9.*-]+")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+-[0-9]+")
_PUBLIC = frozenset({"public.ecr.aws", "ecr-public.aws.com"})
#: https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
_PUBLIC_REGION = "us-east-1"
_HINT = f"set {setting('region')}, or write the registry as ACCOUNT.dkr.ecr.REGION.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Place:
    """Where there is a token.

    Args:
        service: ``ecr`` or ``ecr-public``, as the SDK calls it.
        region: such as eu-west-1.
    """

    service: str
    region: str


def place(registry: str, region: str) -> Place:
    """Where the token for a registry key is.

    Args:
        registry: the key; ``*`` may stand for the account.
        region: for keys that name none: patterns, and names of one's own.

    Raises:
        MintFailed: ``NotConfigured``: nobody says which region, or it is none.
    """
    if region and not _REGION.fullmatch(region):
        raise refuse("region is not the name of one, such as eu-west-1")
    try:
        name = split_port(parse_registry(registry).host)[0].lower()
    except InvalidRegistry as error:
        raise refuse(error.message, error.hint) from None
    if name in _PUBLIC:
        return Place("ecr-public", _PUBLIC_REGION)
    found = _PRIVATE.fullmatch(name)
    named = found[1] if found and "*" not in found[1] else region
    if not named:
        raise refuse(f"{display(registry)} does not say in which region of AWS it is", _HINT)
    if not _REGION.fullmatch(named):
        raise refuse(f"{display(registry)} names a region that AWS cannot have", _HINT)
    return Place("ecr", named)
