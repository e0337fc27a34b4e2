"""A PullCredential as ``regcred why`` looks at it: what it is to give a namespace, and if it can.

What its status says is the operator's word, and taken as it is: nobody else asks providers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.logins import claim
from regcred.core.logins.image import DOCKER_HUB
from regcred.core.logins.keyring import falls_back
from regcred.core.logins.registrykey import matches
from regcred.core.operator import pcstatus, select
from regcred.core.operator.sourcekinds import MINTED_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from regcred.core.logins.image import ImageReference
    from regcred.core.operator.pullcredential import PullCredential


@dataclass(frozen=True, slots=True)
class Says:
    """What a condition says.

    Args:
        status: ``True``, ``False`` or ``Unknown``; empty where there is no such condition.
        reason: the word for it.
        message: the same in words, without what is said of the last credential.
        since: when it came about.
    """

    status: str = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


@dataclass(frozen=True, slots=True)
class Giver:
    """A PullCredential, as far as it concerns one namespace.

    Args:
        name: its name.
        kind: of its source; empty where its spec cannot be understood.
        registries: that it claims; empty for all that its docker config has.
        selects: whether it selects the namespace; None where only labels could tell.
        minted: whether its source gave a login at the last try.
        ready: whether all namespaces have it.
        expires: when the login ends that it gave last.
        failure: why the namespace cannot be given it; empty for no such thing.
    """

    name: str
    kind: str = ""
    registries: tuple[str, ...] = ()
    selects: bool | None = True
    minted: Says = Says()
    ready: Says = Says()
    expires: datetime | None = None
    failure: str = ""

    @property
    def fails(self) -> bool:
        """Whether its source gives nothing."""
        return self.minted.status == "False"

    @property
    def failing(self) -> str:
        """What fails where its source does, with what the operator says of it."""
        what = "minting fails" if self.kind in MINTED_KINDS else "its source fails"
        return f"{what}: {self.minted}"

    def is_for(self, image: ImageReference) -> bool:
        """Whether an image is of a registry that it claims; of no list only its source knows."""
        if not self.registries:
            return self.fails
        hub = falls_back(image) and DOCKER_HUB in map(claim.identity, self.registries)
        return hub or any(matches(registry, image.name) for registry in self.registries)


def read(
    obj: Mapping[str, Any],
    found: PullCredential,
    namespace: str,
    labels: Mapping[str, str] | None,
) -> Giver:
    """The PullCredential as it was read from the API server.

    Args:
        obj: the object.
        found: the same, parsed.
        namespace: which matters.
        labels: of that; None where they could not be read.
    """
    status = fields.mapping(obj.get("status"))
    said = {
        fields.text(each.get("type")): _says(each)
        for each in fields.entries(status.get("conditions"))
    }
    selects = (
        select.namespace_by_name(found, namespace)
        if labels is None
        else select.namespace(found, namespace, labels)
    )
    failures = (
        fields.text(each.get("message"))
        for each in fields.entries(status.get("failures"))
        if each.get("namespace") == namespace
    )
    return Giver(
        found.name,
        found.spec.source.kind if found.spec else "",
        found.spec.registries if found.spec else (),
        selects,
        said.get("Minted", Says()),
        said.get("Ready", Says()),
        fields.instant(status.get("expiresAt")),
        next(failures, ""),
    )


def _says(condition: Mapping[str, Any]) -> Says:
    message = fields.text(condition.get("message"))
    for of_the_last in (pcstatus.STAYS, pcstatus.ENDED):
        message = message.removesuffix(of_the_last)
    return Says(
        fields.text(condition.get("status")),
        fields.text(condition.get("reason")),
        message,
        fields.instant(condition.get("lastTransitionTime")),
    )
