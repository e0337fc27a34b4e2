"""The marks that regcred leaves on objects, and who they say keeps an object.

regcred takes away only what it added, so everything that it adds it marks, on the very object:

=========================================  =======================================================
label ``app.kubernetes.io/managed-by``     ``regcred`` on a Secret that regcred made or was handed
annotation ``regcred.dev/kept-by``         on such a Secret: ``login`` or ``operator``
annotation ``regcred.dev/registries``      on such a Secret: the ``auths`` keys that login wrote
annotation ``regcred.dev/adopted``         on such a Secret: somebody else made it, keep it;
                                           ``true``, or what the label above said before
annotation ``regcred.dev/expires-at``      on such a Secret: when the first of its logins expires,
                                           RFC 3339 in UTC
annotation                                 on such a Secret: ``TIME=REGISTRY`` for each login of
``regcred.dev/logins-expire-at``           which login knows when it expires
annotation                                 on the operator's Secret: ``PULLCREDENTIAL=REGISTRY``
``regcred.dev/pullcredentials``            for each entry
label ``regcred.dev/hand-over``            ``true`` on somebody else's Secret: the operator may
                                           have it
annotation ``regcred.dev/attached``        on a ServiceAccount: the entries that a person added
                                           with ``login`` or ``attach``
annotation                                 on a ServiceAccount: the entries that the operator
``regcred.dev/attached-by-operator``       added
=========================================  =======================================================

A person and the operator may attach a Secret of the same name, and neither may undo what the
other did: hence two annotations on ServiceAccounts.

Lists are sorted and joined by commas: neither a Secret's name nor a registry key that could
match an image holds one, people can read it, and so can an admission policy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "regcred"
KEPT_BY = "regcred.dev/kept-by"
REGISTRIES = "regcred.dev/registries"
ADOPTED = "regcred.dev/adopted"
EXPIRES_AT = "regcred.dev/expires-at"
LOGINS_EXPIRE_AT = "regcred.dev/logins-expire-at"
PULLCREDENTIALS = "regcred.dev/pullcredentials"
HAND_OVER = "regcred.dev/hand-over"
ATTACHED = "regcred.dev/attached"
ATTACHED_BY_OPERATOR = "regcred.dev/attached-by-operator"

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)

LOGIN = "login"
OPERATOR = "operator"


def annotation(obj: dict[str, Any], name: str) -> str:
    """The annotation's value; empty where there is none."""
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def expires_at(obj: dict[str, Any]) -> datetime | None:
    """When the logins in a Secret end, as far as its mark says; None without one that is a time."""
    return read_moment(annotation(obj, EXPIRES_AT))


def read_moment(noted: str) -> datetime | None:
    """The moment that `write_moment` wrote; None for what is none."""
    if not _UTC.fullmatch(noted):
        return None
    try:
        return datetime.fromisoformat(noted)
    except ValueError:  # the 30th of February
        return None


def write_moment(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second: of two of them the earlier is the smaller."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read_ends(obj: dict[str, Any]) -> dict[str, datetime]:
    """Registry → when its login expires, as annotation `LOGINS_EXPIRE_AT` says."""
    pairs = (entry.partition("=") for entry in annotation(obj, LOGINS_EXPIRE_AT).split(","))
    found = {registry: read_moment(noted) for noted, _, registry in pairs}
    return {registry: moment for registry, moment in found.items() if registry and moment}


def write_ends(ends: Mapping[str, datetime]) -> dict[str, str | None]:
    """The two annotations that say when logins expire; None for one that must not be there.

    Args:
        ends: registry → when.
    """
    noted = sorted(f"{write_moment(moment)}={registry}" for registry, moment in ends.items())
    first = noted[0].partition("=")[0] if noted else None
    return {EXPIRES_AT: first, LOGINS_EXPIRE_AT: ",".join(noted) or None}


def kept_by(obj: dict[str, Any]) -> str:
    """``login``, ``operator``, or empty for an object that regcred does not keep."""
    labels = obj["metadata"].get("labels") or {}
    return annotation(obj, KEPT_BY) if labels.get(MANAGED_BY) == MANAGER else ""


def adopted(obj: dict[str, Any]) -> str:
    """``true`` for a Secret that somebody else made, or who kept it before; else empty."""
    return annotation(obj, ADOPTED)


def kept_before(obj: dict[str, Any]) -> str:
    """What the label `MANAGED_BY` of an adopted Secret said before; empty for nothing."""
    said = adopted(obj)
    return "" if said == "true" else said


def handed_over(obj: dict[str, Any]) -> bool:
    """Whether somebody says that the operator may take this Secret for its own."""
    return (obj["metadata"].get("labels") or {}).get(HAND_OVER) == "true"


def read_names(obj: dict[str, Any], name: str) -> frozenset[str]:
    """The names that annotation `name` of `obj` lists."""
    return frozenset(annotation(obj, name).split(",")) - {""}


def write_names(names: Iterable[str]) -> str:
    """The value of an annotation that lists `names`."""
    return ",".join(sorted(set(names)))


def read_owners(obj: dict[str, Any]) -> dict[str, str]:
    """Registry → the PullCredential that it came from, as annotation `PULLCREDENTIALS` says."""
    pairs = (entry.partition("=") for entry in annotation(obj, PULLCREDENTIALS).split(","))
    return {registry: name for name, _, registry in pairs if name and registry}


def write_owners(owners: Mapping[str, str]) -> str:
    """The value of annotation `PULLCREDENTIALS`; the reverse of `read_owners`."""
    return ",".join(sorted(f"{name}={registry}" for registry, name in owners.items()))
