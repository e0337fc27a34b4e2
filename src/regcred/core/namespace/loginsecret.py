"""The Secret that ``regcred login`` keeps: merge a registry into it, take one out again.

A namespace's logins share one Secret, so that a ServiceAccount carries one entry. The Secret
says who keeps it (`regcred.core.marks`): the operator's is refused, one that somebody else
made is refused until it is adopted, and an adopted one is never deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred.core import jsonpatch, marks
from regcred.core.diagnosis import remedies
from regcred.core.errors import (
    InvalidDockerConfig,
    InvalidInput,
    InvalidRegistry,
    NotOurs,
    UnusableSecret,
)
from regcred.core.logins import expiry, secret
from regcred.core.logins.dockerconfig import DockerConfig, parse_dockerconfigjson
from regcred.core.logins.registrykey import parse_registry
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from regcred.core.credential import Credential


#: PullCredentials that a hint names.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class SecretChange:
    """What is to be done to the Secret. At most one of `create`, `patch`, `delete` is set.

    Args:
        reason: ``Created``, ``Updated``, ``Unchanged``, ``Deleted``, ``NotLoggedIn``, or
            ``NotOurs``: not logged in either, and the Secret that is there is somebody else's.
        message: the registries it is about, for a person.
        create: the object to create.
        patch: the JSON Patch, guarded by the resourceVersion that was read.
        delete: delete the object.
        last: nothing that login wrote is left in it afterwards.
    """

    reason: str
    message: str
    create: dict[str, Any] | None = field(default=None, repr=False)
    patch: Sequence[dict[str, Any]] = field(default=(), repr=False)
    delete: bool = False
    last: bool = False


def merge(
    existing: dict[str, Any] | None,
    name: str,
    namespace: str,
    credentials: Sequence[Credential],
    *,
    adopt: bool = False,
    expires: datetime | None = None,
) -> SecretChange:
    """Put `credentials` into the Secret; the other registries in there stay.

    Args:
        existing: the Secret as it was read, or None.
        name: its name.
        namespace: its namespace.
        credentials: what to put in, one per registry key.
        adopt: take over a Secret that was not made by regcred; its entries stay.
        expires: when `credentials` do, as who gave them says; None where nobody says.

    Raises:
        NotOurs: the Secret is the operator's, somebody else's, or of another type.
        UnusableSecret: what it holds is broken already, and kubelet could not use it; or it would
            be larger than a Secret can be.
        InvalidInput: `credentials` alone would be.
    """
    registries = [c.registry for c in credentials]
    said = ", ".join(registries)
    if existing is None:
        config = DockerConfig()
        for credential in credentials:
            config = config.with_credential(credential)
        built = secret.build(name, {secret.DATA_KEY: config.to_json()}, namespace=namespace)
        noted = marks.write_ends(expiry.ends(credentials, expires))
        built["metadata"] |= {
            "labels": {marks.MANAGED_BY: marks.MANAGER},
            "annotations": {
                marks.KEPT_BY: marks.LOGIN,
                marks.REGISTRIES: marks.write_names(registries),
                **{name: value for name, value in noted.items() if value},
            },
        }
        return SecretChange("Created", said, create=built)

    check_keeper(existing, name, namespace, adopt=adopt)
    config = _read_or_start_anew(existing, name, namespace, registries[0])
    ends = _ends(existing, config)
    for credential in credentials:
        config = _without_other_spellings(config, credential.registry)
        entry = config.get(credential.registry)
        if entry is None or not entry.holds(credential):
            config = config.with_credential(credential)
            ends.pop(credential.registry, None)
    ends |= expiry.ends(credentials, expires)
    written = marks.read_names(existing, marks.REGISTRIES) | set(registries)
    annotations: dict[str, str | None] = {
        marks.KEPT_BY: marks.LOGIN,
        marks.REGISTRIES: marks.write_names(written),
        **marks.write_ends({key: moment for key, moment in ends.items() if key in config}),
    }
    if not marks.kept_by(existing):
        labels = existing["metadata"].get("labels") or {}
        annotations[marks.ADOPTED] = labels.get(marks.MANAGED_BY) or "true"
    changes = [
        *_rewrite(existing, name, config),
        *jsonpatch.set_entries(existing, "labels", {marks.MANAGED_BY: marks.MANAGER}),
        *jsonpatch.set_entries(existing, "annotations", annotations),
    ]
    if not changes:
        return SecretChange("Unchanged", said)
    return SecretChange("Updated", said, patch=jsonpatch.guard(existing) + changes)


def take_out(
    existing: dict[str, Any] | None,
    name: str,
    namespace: str,
    registries: Iterable[str] | None,
) -> SecretChange:
    """Undo `merge` for `registries`: other entries stay, an empty Secret goes.

    Args:
        existing: the Secret as it was read, or None.
        name: its name.
        namespace: its namespace.
        registries: registry keys, or None for all that login wrote; one that login did not
            write is left alone.

    Raises:
        NotOurs: the Secret is the operator's, it can no longer be changed, or somebody else has
            put his label on it.
        UnusableSecret: what it holds is broken, so no entry can be taken out of it.
    """
    if existing is not None and not marks.kept_by(existing):
        _check_no_marks_are_left(existing, name, namespace)
        # As an adopted one is after logout, which may be run again.
        return SecretChange("NotOurs", ", ".join(sorted(registries or ())))
    if existing is not None:
        check_keeper(
            existing, name, namespace, of_operator=_hint_to_let_go(existing, namespace, registries)
        )
    written = marks.read_names(existing, marks.REGISTRIES) if existing else frozenset()
    wanted = written if registries is None else frozenset(registries)
    said = ", ".join(sorted(wanted))
    if existing is None:
        return SecretChange("NotLoggedIn", said, last=True)
    if not written & wanted:
        return SecretChange("NotLoggedIn", said)
    config = read(existing, name, namespace)
    ends = _ends(existing, config)
    for registry in written & wanted:
        config = config.without(registry)
        ends.pop(registry, None)
    left = written - wanted
    adopted = bool(marks.adopted(existing))
    only_logins = not config.others.keys() - {"auths"} and not (
        existing["data"].keys() - {secret.DATA_KEY}
    )
    if not len(config) and not adopted and only_logins:
        return SecretChange("Deleted", said, delete=True, last=True)
    noted = marks.write_ends(ends)
    annotations = {marks.REGISTRIES: marks.write_names(left), **noted}
    labels: dict[str, str | None] = {}
    if not left:
        # It holds somebody else's data and is handed back without our marks.
        annotations = dict.fromkeys((marks.KEPT_BY, marks.REGISTRIES, marks.ADOPTED))
        # When it ends is no mark of ours alone: `regcred secret` says that of a Secret, too.
        annotations |= {**noted, marks.LOGINS_EXPIRE_AT: None}
        labels = {marks.MANAGED_BY: marks.kept_before(existing) or None}
    changes = [
        *_rewrite(existing, name, config),
        *jsonpatch.set_entries(existing, "labels", labels),
        *jsonpatch.set_entries(existing, "annotations", annotations),
    ]
    patch = jsonpatch.guard(existing) + changes
    return SecretChange("Updated", said, patch=patch, last=not left)


def check_keeper(
    existing: dict[str, Any],
    name: str,
    namespace: str,
    *,
    adopt: bool = False,
    of_operator: str = ("add the registry to a PullCredential, or choose another name with --name"),
) -> None:
    """Make sure that login may write into `existing`.

    Args:
        existing: the Secret.
        name: its name.
        namespace: its namespace.
        adopt: whether one that regcred did not make will do.
        of_operator: the hint where the operator keeps it.

    Raises:
        NotOurs: it may not; the hint names the way out.
    """
    where = f"Secret {namespace}/{name}"
    if existing.get("type") != secret.DOCKERCONFIGJSON:
        raise NotOurs(
            f"{where} is of type {existing.get('type')}, not {secret.DOCKERCONFIGJSON}, "
            "and a Secret's type cannot change",
            hint="choose another name with --name",
        )
    if existing.get("immutable"):
        raise NotOurs(
            f"{where} is immutable: its data can never change",
            hint=f"--name chooses another name; or kubectl delete secret {name} -n {namespace}",
        )
    keeper = marks.kept_by(existing)
    if keeper == marks.OPERATOR:
        raise NotOurs(
            f"{where} is kept by the regcred operator, which would put it back",
            hint=of_operator,
        )
    if keeper != marks.LOGIN and not adopt:
        raise NotOurs(
            f"{where} exists and was not made by regcred login",
            hint="--adopt merges into it (its entries stay); --name chooses another name",
        )


def _check_no_marks_are_left(existing: dict[str, Any], name: str, namespace: str) -> None:
    """Make sure that a Secret without our label has no login of ours in it.

    The label is one that many write: Helm, kustomize and what deploys by them.

    Raises:
        NotOurs: it has our annotations.
    """
    keeper = marks.annotation(existing, marks.KEPT_BY)
    if not keeper and not marks.read_names(existing, marks.REGISTRIES):
        return
    said = (existing["metadata"].get("labels") or {}).get(marks.MANAGED_BY)
    now = f"says {said}" if said else "is gone"
    raise NotOurs(
        f"Secret {namespace}/{name} was kept by regcred {keeper or marks.LOGIN}, whose annotations "
        f"are on it, and its label {marks.MANAGED_BY} {now}",
        hint=f"if it is regcred's: kubectl label secret {name} -n {namespace} --overwrite "
        f"{marks.MANAGED_BY}={marks.MANAGER}, and regcred logout once more",
    )


def _hint_to_let_go(
    existing: dict[str, Any], namespace: str, registries: Iterable[str] | None
) -> str:
    """How the operator is brought to take its logins out of a Secret, as a hint.

    Args:
        existing: the Secret.
        namespace: its namespace.
        registries: whose logins are meant; None for all.
    """
    owners = marks.read_owners(existing)
    meant = owners if registries is None else owners.keys() & frozenset(registries)
    givers = sorted({owners[registry] for registry in meant or owners})
    which = givers[0] if len(givers) == 1 else "NAME"
    among = ", ".join(givers[:_MOST_NAMED])
    if (more := len(givers) - _MOST_NAMED) > 0:
        among += f" and {more:,} more"
    among = f"NAME is one of {among}: " if len(givers) > 1 else ""
    return (
        f"kubectl edit pullcredential {which}: {among}exclude {namespace} in spec.namespaces, and "
        "the operator takes its logins out; --name names the Secret of a login by hand"
    )


def read(existing: dict[str, Any], name: str, namespace: str) -> DockerConfig:
    """The docker config in `existing`; an empty one where it has none.

    Raises:
        UnusableSecret: it cannot be parsed.
    """
    content = secret.content(existing)
    if content is None:
        return DockerConfig()
    try:
        return parse_dockerconfigjson(content, source=f"Secret {namespace}/{name}")
    except InvalidDockerConfig as error:
        raise UnusableSecret(error.message, hint=error.hint) from None


def _ends(existing: dict[str, Any], config: DockerConfig) -> dict[str, datetime]:
    """Registry → when its login in `existing` expires, as far as is noted there.

    A Secret that is not login's has one moment for all that is in it. A key with a user before its
    host is left out: a password may stand there, and whoever may not read it may read a mark.
    """
    first = None if marks.kept_by(existing) else marks.expires_at(existing)
    noted = marks.read_ends(existing) or (dict.fromkeys(config, first) if first else {})
    return {key: moment for key, moment in noted.items() if "@" not in key}


def _read_or_start_anew(
    existing: dict[str, Any], name: str, namespace: str, registry: str
) -> DockerConfig:
    """What `read` gives, or the error with the commands that write the Secret anew."""
    try:
        return read(existing, name, namespace)
    except UnusableSecret as error:
        mends, said = remedies.other_login(
            registry, namespace, "", Reason.SECRET_MALFORMED, name, ""
        )
        error.hint = remedies.in_one(mends, said)
        raise


def _without_other_spellings(config: DockerConfig, registry: str) -> DockerConfig:
    """`config` without entries that kubelet takes for the same registry as `registry`.

    ``https://ghcr.io/`` and ``ghcr.io`` are one to it, and it tries both in any order.
    """
    index = parse_registry(registry).index
    for other in config:
        try:
            same = other != registry and parse_registry(other).index == index
        except InvalidRegistry:
            continue  # kubelet drops such a key.
        if same:
            config = config.without(other)
    return config


def _rewrite(existing: dict[str, Any], name: str, config: DockerConfig) -> jsonpatch.Patch:
    """The patch that writes `config`; empty when the Secret says the same already."""
    content = config.to_json()
    old = secret.content(existing)
    if old is not None and parse_dockerconfigjson(old, source=name) == config:
        return []
    try:
        encoded = secret.build(name, {secret.DATA_KEY: content})["data"]
    except InvalidInput as error:
        raise UnusableSecret(
            f"there is no room for it: {error.message}",
            hint="--name chooses another Secret; regcred logout takes registries out of this one",
        ) from None
    if not existing.get("data"):
        return [{"op": "add", "path": "/data", "value": encoded}]
    path = jsonpatch.pointer("data", secret.DATA_KEY)
    return [{"op": "add", "path": path, "value": encoded[secret.DATA_KEY]}]
