"""What the operator keeps of the objects of a namespace: enough to decide, and no login.

Of a Secret only hashes are kept. Of both, the few facts that a JSON Patch needs: the
resourceVersion that it is guarded by, and whether there is a map that it can add to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Any

from regcred.core import marks
from regcred.core.errors import InvalidDockerConfig
from regcred.core.logins import claim
from regcred.core.logins.dockerconfig import DockerConfig, parse_dockerconfigjson
from regcred.core.logins.secret import DATA_KEY, content
from regcred.core.logins.serviceaccount import attached_names
from regcred.core.operator.merging import content_hash, entry_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.core.credential import Credential

#: Notes of ``regcred login`` on a Secret that say nothing once it is the operator's.
_LOGIN_MARKS = (marks.ADOPTED, marks.LOGINS_EXPIRE_AT, marks.REGISTRIES)
_ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a Secret, as hashes; the same for equal Secrets, so worth remembering.

    Args:
        hash: of all its data (`merging.content_hash`).
        entries: registry → `merging.entry_digest` of its login, where kubelet can use it.
        plain: there is nothing else in it.
    """

    hash: str
    entries: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    plain: bool = True


@dataclass(frozen=True, slots=True)
class SeenSecret:
    """The Secret of the operator's name.

    Args:
        uid: tells it from a later one of the same name.
        version: its resourceVersion.
        type: its type.
        content: what is in it.
        kept_by: who keeps it (`marks.kept_by`).
        managed: it has our label.
        handed_over: somebody says that the operator may have it.
        owners: the annotation that says whose entries are whose, as it stands.
        expires_at: the annotation of that name.
        login_marks: those of `_LOGIN_MARKS` that it has.
        immutable: its data can never change.
        labelled: it has labels.
        annotated: it has annotations.
    """

    uid: str
    version: str
    type: str
    content: Content
    kept_by: str = ""
    managed: bool = False
    handed_over: bool = False
    owners: str = ""
    expires_at: str = ""
    login_marks: tuple[str, ...] = ()
    immutable: bool = False
    labelled: bool = False
    annotated: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether the operator keeps it."""
        return self.kept_by == marks.OPERATOR

    def owner_names(self) -> dict[str, str]:
        """Registry → the PullCredential that it came from."""
        return marks.read_owners(self.as_object())

    def as_object(self) -> dict[str, Any]:
        """As much of the object as a patch of its marks has to know."""
        labels = {
            marks.MANAGED_BY: marks.MANAGER if self.managed else "",
            _ANYTHING: _ANYTHING if self.labelled else "",
        }
        annotations = {
            marks.KEPT_BY: self.kept_by,
            marks.PULLCREDENTIALS: self.owners,
            marks.EXPIRES_AT: self.expires_at,
            **dict.fromkeys(self.login_marks, _ANYTHING),
            _ANYTHING: _ANYTHING if self.annotated else "",
        }
        return {
            "metadata": {
                "resourceVersion": self.version,
                "labels": {k: v for k, v in labels.items() if v},
                "annotations": {k: v for k, v in annotations.items() if v},
            }
        }


@dataclass(frozen=True, slots=True)
class SeenAccount:
    """A ServiceAccount.

    Args:
        name: its name.
        version: its resourceVersion.
        names: in its list, in order.
        attached: what the operator added to that, as the annotation says.
        annotated: it has annotations.
    """

    name: str
    version: str
    names: tuple[str, ...] = ()
    attached: str = ""
    annotated: bool = False

    def as_object(self) -> dict[str, Any]:
        """As much of the object as a patch of its list has to know."""
        annotations = {marks.ATTACHED_BY_OPERATOR: self.attached} if self.attached else {}
        if self.annotated:
            annotations[_ANYTHING] = _ANYTHING
        return {
            "metadata": {"resourceVersion": self.version, "annotations": annotations},
            "imagePullSecrets": [{"name": name} for name in self.names],
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """One namespace as it is.

    Args:
        namespace: its name.
        secret: the Secret of the operator's name; None for none.
        accounts: its ServiceAccounts.
        terminating: it is on its way out.
    """

    namespace: str
    secret: SeenSecret | None = None
    accounts: tuple[SeenAccount, ...] = ()
    terminating: bool = False


def see_secret(obj: dict[str, Any], seen: Content | None = None) -> SeenSecret:
    """What is kept of a Secret.

    Args:
        obj: as it was read.
        seen: its content, where another with the same data was read before.
    """
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    labels = metadata.get("labels") or {}
    return SeenSecret(
        metadata["uid"],
        metadata["resourceVersion"],
        # What is the same in every namespace is in memory once.
        intern(str(obj.get("type") or "")),
        seen or see_content(obj),
        intern(marks.kept_by(obj)),
        labels.get(marks.MANAGED_BY) == marks.MANAGER,
        marks.handed_over(obj),
        intern(marks.annotation(obj, marks.PULLCREDENTIALS)),
        intern(marks.annotation(obj, marks.EXPIRES_AT)),
        tuple(name for name in _LOGIN_MARKS if name in annotations),
        bool(obj.get("immutable")),
        bool(labels),
        bool(annotations),
    )


def see_content(obj: dict[str, Any]) -> Content:
    """What is in a Secret, as hashes."""
    logins, plain = _logins(obj)
    data = obj.get("data") or {}
    return Content(
        content_hash(data),
        {key: entry_digest(each.registry, raw) for key, (each, raw) in logins.items()},
        plain and data.keys() == {DATA_KEY},
    )


def logins(obj: dict[str, Any]) -> dict[str, Credential]:
    """Registry → its login, of those in a Secret that kubelet can use."""
    return {key: credential for key, (credential, _) in _logins(obj)[0].items()}


def see_account(obj: dict[str, Any]) -> SeenAccount:
    """What is kept of a ServiceAccount."""
    metadata = obj["metadata"]
    return SeenAccount(
        intern(metadata["name"]),
        metadata["resourceVersion"],
        tuple(map(intern, attached_names(obj))),
        intern(marks.annotation(obj, marks.ATTACHED_BY_OPERATOR)),
        bool(metadata.get("annotations")),
    )


def _logins(obj: dict[str, Any]) -> tuple[dict[str, tuple[Credential, str]], bool]:
    try:
        config = parse_dockerconfigjson(content(obj) or b"{}", source="")
    except InvalidDockerConfig:
        return {}, False
    found: dict[str, tuple[Credential, str]] = {}
    for entry in config.values():
        identity = claim.identity(entry.registry)
        if identity and not entry.useless:
            found.setdefault(identity, (entry.credential, entry.raw))
    return found, len(found) == len(config) and config.others.keys() == DockerConfig().others.keys()
