"""Sources that mint: one small module a provider, loaded when its kind is asked for.

Each module has::

    async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted
    async def revoke(settings, desk, keep: str, *, newer: bool = False) -> None   # where it can

and raises `regcred.core.errors.MintFailed` with one of the reasons there. ``settings`` is what
stands under the kind in a PullCredential; the CRD has seen it, but a module relies on no other
program's care and reads it with `regcred.minters.settings`. What a module needs of the world (HTTP,
Secrets, ServiceAccount tokens, the time) it asks the `regcred.minters.desk.Desk` for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.operator.minting import Minted
    from regcred.minters.desk import Desk

#: Kind of source → its module here. To add a provider is to write one, and to name it.
MODULES = {
    "ecr": "ecr",
    "googleArtifactRegistry": "google",
    "acr": "acr",
    "githubApp": "github",
    "gitlab": "gitlab",
    "harbor": "harbor",
    "quay": "quay",
    "dockerHub": "dockerhub",
    "exec": "execplugin",
}


class Minter(Protocol):
    """What a module of this package has."""

    async def mint(self, settings: Mapping[str, Any], desk: Desk) -> Minted:
        """Obtain logins for the registries that `desk` names.

        Raises:
            MintFailed: the provider gives none, or cannot be asked.
        """
        ...


class Revoker(Minter, Protocol):
    """One whose provider lets a credential be taken back."""

    async def revoke(
        self, settings: Mapping[str, Any], desk: Desk, keep: str, *, newer: bool = False
    ) -> None:
        """Take back all that was minted for this owner before the one with the handle `keep`.

        Called when the last namespace has that one, and at the end with an empty `keep` for all. It
        goes by what the provider has and not by what somebody remembers, so it can be called again.
        What was minted after `keep` stays: it may be by somebody else, at the same time, and on its
        way into the namespaces.

        Raises:
            MintFailed: it cannot be taken back now.
        """
        ...


def load(kind: str) -> Minter:
    """The minter of a kind that `MODULES` has."""
    return cast("Minter", importlib.import_module(f"regcred.minters.{MODULES[kind]}"))


def revoker(minter: Minter) -> Revoker | None:
    """The same, if it can revoke."""
    return cast("Revoker", minter) if hasattr(minter, "revoke") else None
