"""The registries that a PullCredential claims: which are refused, and which two are one.

A claim is a key as it stands under ``auths``, with kubelet's meaning and nothing guessed: an
object in a repository should say what it does. What people write beside that (``docker login``'s
habits, `regcred.core.logins.registrykey.login_key`) is for the command line.

The CRD refuses the same with the same words (``charts/regcred``), as far as CEL can tell; this
is the judge of the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache

from regcred.core.logins.image import DOCKER_HUB
from regcred.core.logins.registrykey import FALLBACK, never_matches, parse_registry
from regcred.core.logins.urlmatch import place

#: A user before the host might come with a password, so it is not even shown.
USER = "a user does not belong here, its source knows it"
QUERY = "a ? or # has no place in a registry"

_USER = re.compile("(https?://)?[^/]*@")


def refusal(text: str) -> str:
    """Why `text` cannot be claimed, a clause; empty where it can."""
    if _USER.match(text):
        return USER
    if "?" in text or "#" in text:
        return QUERY
    return never_matches(text)


@lru_cache(maxsize=4096)  # it takes a while, and is asked for each entry of every Secret
def identity(text: str) -> str | None:
    """What two spellings of one registry have in common; None for what matches no image.

    That is what kubelet files the key under. Docker Hub has two of them, of which kubelet uses
    one only where the other is not there, so they are one here. It holds neither ``,`` nor
    ``=``: no image has one in its name.
    """
    if never_matches(text):
        return None
    index = parse_registry(text).index
    return DOCKER_HUB if index == FALLBACK else index


def covers(claimed: str, registry: str) -> bool:
    """Whether the claim `claimed` stands for `registry` too: itself, or one within its pattern.

    Args:
        claimed: a registry key that can be claimed.
        registry: another's identity.
    """
    mine, theirs = place(identity(claimed) or ""), place(registry)
    return mine is not None and theirs is not None and mine.covers(theirs)
