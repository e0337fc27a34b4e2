"""PullCredential: which registries, from which source, for which namespaces and ServiceAccounts.

The API server checks what comes in by the CRD's schema and rules (``charts/regcred``). All of it
is checked here again, with the same words: an object may be older than the rules, and nothing
that the operator builds a URL or a glob of may rest on another program's care. What is wrong is
kept beside what is known, since an object with a wrong spec still has a name and an age, and
still must be told so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from regcred.core import fields
from regcred.core.errors import InvalidPullCredential
from regcred.core.operator.pcspec import Reading
from regcred.core.operator.sourcekinds import MINTED_KINDS, STATIC_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "regcred.dev"
VERSION = "v1alpha1"
KIND = "PullCredential"
PLURAL = "pullcredentials"
FINALIZER = "regcred.dev/undo"

_YOUNGEST = datetime.max.replace(tzinfo=UTC)


class Attach(StrEnum):
    """How Pods come to use the Secret."""

    #: Its name is put on the ServiceAccounts.
    SERVICE_ACCOUNT = "ServiceAccount"
    #: Its name is put on Pods as they are created; ServiceAccounts stay as they are.
    POD = "Pod"
    #: Not at all: manifests name it.
    NONE = "None"


class Rescue(StrEnum):
    """What becomes of Pods that were created before the login, and wait for want of it."""

    #: Nothing.
    OFF = "Off"
    #: The status counts them.
    REPORT = "Report"
    #: Those whose controller makes another are evicted.
    EVICT = "Evict"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A Secret in the operator's own namespace.

    Args:
        name: its name.
        key: which of its keys; empty for the usual one.
    """

    name: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Where the credential comes from.

    Args:
        kind: the one key under ``source``.
        settings: what stands there, as it was read.
        secret: that it reads; a static kind always has one.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret: SecretRef | None = None


@dataclass(frozen=True, slots=True)
class LabelRule:
    """One of ``matchExpressions``.

    Args:
        key: of a label.
        operator: ``In``, ``NotIn``, ``Exists`` or ``DoesNotExist``.
        values: for the first two.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NamespaceSelector:
    """Which namespaces; all of it must hold (`regcred.core.operator.select`).

    Args:
        include: globs, one of which must match the name.
        exclude: globs, none of which may match it.
        labels: labels that it must have.
        rules: what else holds for its labels.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    rules: tuple[LabelRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """What a PullCredential asks for.

    Args:
        registries: the keys that it claims; empty for all that its docker config has.
        source: where their credential comes from.
        namespaces: where it goes.
        service_accounts: globs of the ServiceAccounts that get it.
        attach: how.
        rescue: what becomes of Pods from before.
    """

    registries: tuple[str, ...]
    source: SourceSpec
    namespaces: NamespaceSelector
    service_accounts: tuple[str, ...] = ("default",)
    attach: Attach = Attach.SERVICE_ACCOUNT
    rescue: Rescue = Rescue.OFF


@dataclass(frozen=True, slots=True)
class PullCredential:
    """One object, as far as it can be understood.

    Args:
        name: its name.
        uid: tells it from a later one of the same name.
        generation: of its spec, counted by the API server.
        created: when; with the name it says who is older.
        deleting: it is on its way out, and selects nothing any more.
        finalizers: what holds its deletion up.
        spec: what it asks for; None where that cannot be meant.
        problem: why it cannot; None where it can.
    """

    name: str
    uid: str = ""
    generation: int = 0
    created: datetime = _YOUNGEST
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    spec: Spec | None = None
    problem: InvalidPullCredential | None = None

    @property
    def rank(self) -> tuple[datetime, str]:
        """The lower one, which is the older, wins where two claim a registry."""
        return self.created, self.name


def parse(obj: Mapping[str, Any]) -> PullCredential:
    """The object as it was read from the API server; never fails."""
    metadata = fields.mapping(obj.get("metadata"))
    name = fields.text(metadata.get("name"))
    spec, problem = None, None
    try:
        spec = parse_spec(obj.get("spec"), name)
    except InvalidPullCredential as error:
        problem = error
    return PullCredential(
        name,
        fields.text(metadata.get("uid")),
        fields.number(metadata.get("generation")),
        fields.instant(metadata.get("creationTimestamp")) or _YOUNGEST,
        deleting=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(fields.texts(metadata.get("finalizers"))),
        spec=spec,
        problem=problem,
    )


def parse_spec(value: Any, name: str) -> Spec:
    """What stands under ``spec``, with the defaults of what does not.

    Args:
        value: as it was read.
        name: the object's, for messages.

    Raises:
        InvalidPullCredential: it cannot be meant; all that is wrong with it is in there.
    """
    reading = Reading()
    spec = _spec(reading, reading.mapping(value, "spec"))
    if reading.problems:
        (where, why), *more = reading.problems
        others = f", and {len(more)} more" if more else ""
        raise InvalidPullCredential(
            f"PullCredential {name}: {where}: {why}{others}",
            hint=f"kubectl edit {PLURAL}.{GROUP} {name}",
            problems=tuple(reading.problems),
        )
    return spec


def _spec(reading: Reading, spec: Mapping[str, Any]) -> Spec:
    registries = reading.registries(spec.get("registries"), "spec.registries")
    source = _source(reading, reading.mapping(spec.get("source"), "spec.source"))
    if not spec.get("registries") and source.kind not in ("", "dockerConfig"):
        reading.refuse("spec", "registries is required, unless the source is dockerConfig")
    if spec.get("namespaces") is None:
        reading.refuse("spec.namespaces", "Required value")
    attach = reading.choice(
        spec.get("attach", Attach.SERVICE_ACCOUNT), "spec.attach", [each.value for each in Attach]
    )
    rescue = reading.choice(
        spec.get("rescue", Rescue.OFF), "spec.rescue", [each.value for each in Rescue]
    )
    accounts = reading.mapping(spec.get("serviceAccounts"), "spec.serviceAccounts")
    where = "spec.serviceAccounts.include"
    return Spec(
        registries,
        source,
        _namespaces(reading, reading.mapping(spec.get("namespaces"), "spec.namespaces")),
        reading.account_globs(accounts.get("include", ["default"]), where),
        Attach(attach),
        Rescue(rescue),
    )


def _source(reading: Reading, source: Mapping[str, Any]) -> SourceSpec:
    kinds = [kind for kind, settings in source.items() if settings is not None]
    if len(kinds) != 1:
        said = ", ".join((*STATIC_KINDS, *MINTED_KINDS))
        reading.refuse("spec.source", f"source must have exactly one of {said}")
        return SourceSpec("")
    kind = kinds[0]
    where = f"spec.source.{kind}"
    settings = reading.mapping(source[kind], where)
    mints = kind in MINTED_KINDS
    if mints and settings.get("identity") is not None:
        identity = reading.mapping(settings["identity"], f"{where}.identity")
        account = identity.get("serviceAccount")
        reading.account_name(account, f"{where}.identity.serviceAccount")
    if kind not in STATIC_KINDS and not (mints and settings.get("secretRef") is not None):
        return SourceSpec(kind, settings)
    ref = reading.mapping(settings.get("secretRef"), f"{where}.secretRef")
    name = reading.secret_name(ref.get("name"), f"{where}.secretRef.name")
    key = reading.secret_key(ref.get("key", ""), f"{where}.secretRef.key")
    return SourceSpec(kind, settings, SecretRef(name, key))


def _namespaces(reading: Reading, selector: Mapping[str, Any]) -> NamespaceSelector:
    where = "spec.namespaces"
    labels = reading.mapping(selector.get("matchLabels"), f"{where}.matchLabels")
    rules = reading.entries(selector.get("matchExpressions"), f"{where}.matchExpressions")
    return NamespaceSelector(
        reading.namespace_globs(selector.get("include", ["*"]), f"{where}.include"),
        reading.namespace_globs(selector.get("exclude"), f"{where}.exclude"),
        tuple(
            (key, reading.text(value, f"{where}.matchLabels.{key}"))
            for key, value in labels.items()
        ),
        tuple(LabelRule(*reading.label_rule(rule, place)) for rule, place in rules),
    )
