"""What the operator does to the objects of a namespace: each a value that says why.

Every write holds only for what was read: creating fails where something stands already, patches
test the resourceVersion, deletions carry it and the UID. So a decision made on an old view, by
an operator that was asleep while another one led, or on somebody else's Secret, comes to
nothing instead of undoing what it did not see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core import jsonpatch, marks
from regcred.core.errors import UnusableSecret
from regcred.core.logins.secret import DATA_KEY, DOCKERCONFIGJSON, MAX_BYTES
from regcred.core.operator.merging import secret_data
from regcred.core.operator.observed import logins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.credential import Credential
    from regcred.core.operator.observed import SeenSecret


@dataclass(frozen=True, slots=True)
class Written:
    """What the operator writes into a Secret.

    Args:
        data: its ``data``, of the logins that are known.
        hash: of that.
        owners: the annotation that says whose entries are whose.
        expires_at: the annotation of that name; empty for none.
        keep: registries whose entries stay as they are in the Secret.
        credentials: the logins that are known; those under `keep` come on top.
    """

    data: Mapping[str, str] = field(repr=False)
    hash: str
    owners: str
    expires_at: str = ""
    keep: frozenset[str] = frozenset()
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)

    def annotations(self) -> dict[str, str | None]:
        """Ours; None for one that must not be there."""
        return {
            marks.KEPT_BY: marks.OPERATOR,
            marks.PULLCREDENTIALS: self.owners or None,
            marks.EXPIRES_AT: self.expires_at or None,
            marks.LOGINS_EXPIRE_AT: None,
            marks.REGISTRIES: None,
            marks.ADOPTED: None,
        }

    def with_kept(self, secret: dict[str, Any]) -> Mapping[str, str]:
        """The ``data`` with the entries of `secret` that stay.

        Raises:
            UnusableSecret: it would be larger than a Secret can be.
        """
        kept = {key: each for key, each in logins(secret).items() if key in self.keep}
        data = secret_data({**self.credentials, **kept}.values())
        size = len(data[DATA_KEY]) // 4 * 3 - data[DATA_KEY].count("=")
        if size > MAX_BYTES:
            raise UnusableSecret(
                f"with the logins that stay until their source is back the Secret would hold "
                f"{size:,} bytes, and the API server takes {MAX_BYTES:,}",
                hint="kubectl get pullcredentials shows which sources fail",
            )
        return data


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Args:
        reason: a CamelCase word.
        message: why, for a person.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CreateSecret(Action):
    """Create it; where one stands by now, nothing may happen to that.

    Args:
        written: what is in it.
        replaces: delete this one before, if it is still what was seen: it can be put right
            neither in place nor by any patch.
    """

    written: Written
    replaces: SeenSecret | None = None

    @property
    def needs_secret(self) -> bool:
        """Whether the Secret has to be read for `body`, before it is deleted."""
        return self.replaces is not None and bool(self.written.keep)

    def body(
        self, name: str, namespace: str, secret: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The object to POST.

        Args:
            name: its name.
            namespace: its namespace.
            secret: the one that is replaced, as it is now; only where `needs_secret`.

        Raises:
            UnusableSecret: it would be larger than a Secret can be.
        """
        annotations = {k: v for k, v in self.written.annotations().items() if v is not None}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {marks.MANAGED_BY: marks.MANAGER},
                "annotations": annotations,
            },
            "type": DOCKERCONFIGJSON,
            "data": dict(self.written.with_kept(secret) if secret else self.written.data),
        }


@dataclass(frozen=True, slots=True)
class UpdateSecret(Action):
    """Change it in place, since kubelet's records of pulled images follow its UID.

    Args:
        seen: what it is decided on.
        written: what is to be in it.
        content: whether its data change; else only our marks do.
    """

    seen: SeenSecret
    written: Written
    content: bool = True

    @property
    def needs_secret(self) -> bool:
        """Whether the Secret has to be read for `patch`: entries that nobody else has stay."""
        return self.content and bool(self.written.keep)

    def patch(self, secret: dict[str, Any] | None = None) -> jsonpatch.Patch:
        """The JSON Patch, which holds only for the version that was seen.

        Args:
            secret: the Secret as it is now; only where `needs_secret`.

        Raises:
            UnusableSecret: it would be larger than a Secret can be.
        """
        obj = self.seen.as_object()
        data = self.written.with_kept(secret) if secret else self.written.data
        change = [{"op": "add", "path": "/data", "value": dict(data)}] if self.content else []
        return [
            *jsonpatch.guard(obj),
            *change,
            *jsonpatch.set_entries(obj, "labels", {marks.MANAGED_BY: marks.MANAGER}),
            *jsonpatch.set_entries(obj, "annotations", self.written.annotations()),
        ]


@dataclass(frozen=True, slots=True)
class DeleteSecret(Action):
    """Delete the very object that was seen.

    Args:
        uid: precondition.
        version: likewise, its resourceVersion.
    """

    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class PatchAccount(Action):
    """Attach the Secret to a ServiceAccount, or detach it.

    Args:
        name: the ServiceAccount's.
        patch: the JSON Patch, guarded by the resourceVersion that was seen.
    """

    name: str
    patch: jsonpatch.Patch
