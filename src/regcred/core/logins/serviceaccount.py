"""Attach a pull Secret to a ServiceAccount, and detach it, as patches.

``imagePullSecrets`` of a ServiceAccount is an atomic list: merge patches and server-side apply
replace it whole and so lose other writers' entries. Hence a JSON Patch that names one place
in the list and holds only for the resourceVersion that was read. What attach adds it notes in
an annotation, and only what stands there does detach take away: ``regcred.dev/attached`` for
people, and another for the operator (`regcred.core.marks`).

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/service-account-v1/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regcred.core import jsonpatch, marks


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to one ServiceAccount.

    Args:
        reason: a CamelCase word: ``Attached``, ``AlreadyAttached``, ``Detached``,
            ``NotAttached``, ``NotOurs`` or ``Operators``.
        message: why, for a person; empty where the reason says it all.
        patch: the JSON Patch; empty when there is nothing to do.
    """

    reason: str
    message: str
    patch: jsonpatch.Patch


def attached_names(serviceaccount: dict[str, Any]) -> list[str]:
    """Names of the pull Secrets on the ServiceAccount, in order; entries may lack a name."""
    return [str(e.get("name") or "") for e in serviceaccount.get("imagePullSecrets") or []]


def attach(serviceaccount: dict[str, Any], secret: str, *, mark: str = marks.ATTACHED) -> Change:
    """Add `secret` at the end of the list, unless it stands there.

    Args:
        serviceaccount: the object as it was read, with its resourceVersion.
        secret: the name of a Secret in the same namespace; it need not exist yet.
        mark: the annotation that notes it.
    """
    change = adding(serviceaccount, secret, mark=mark)
    if not change:
        return Change("AlreadyAttached", "", [])
    return Change("Attached", "", [*jsonpatch.guard(serviceaccount), *change])


def adding(serviceaccount: dict[str, Any], secret: str, *, mark: str) -> jsonpatch.Patch:
    """What `attach` does, for an object that nobody else can change: on its way in.

    Args:
        serviceaccount: the object as it is.
        secret: the Secret's name.
        mark: the annotation that notes it.

    Returns:
        The patch, without a guard; empty where the name stands in the list.
    """
    names = attached_names(serviceaccount)
    if secret in names:
        return []
    entry = {"name": secret}
    add = (
        {"op": "add", "path": "/imagePullSecrets/-", "value": entry}
        if names
        else {"op": "add", "path": "/imagePullSecrets", "value": [entry]}
    )
    ours = marks.read_names(serviceaccount, mark)
    return [add, *_note(serviceaccount, mark, ours | {secret})]


def detach(
    serviceaccount: dict[str, Any],
    secret: str,
    *,
    force: bool = False,
    mark: str = marks.ATTACHED,
) -> Change:
    """Take `secret` out of the list if attach put it there.

    Args:
        serviceaccount: the object as it was read, with its resourceVersion.
        secret: the Secret's name.
        force: take it out even though somebody else added it.
        mark: the annotation that notes what attach added.
    """
    names = attached_names(serviceaccount)
    ours = marks.read_names(serviceaccount, mark)
    if secret not in names:
        note = _note(serviceaccount, mark, ours - {secret})
        patch = [*jsonpatch.guard(serviceaccount), *note] if note else []
        return Change("NotAttached", "", patch)
    if secret not in ours and not force:
        if mark == marks.ATTACHED and secret in marks.read_names(
            serviceaccount, marks.ATTACHED_BY_OPERATOR
        ):
            return Change("Operators", "the operator attached it, for a PullCredential", [])
        return Change("NotOurs", "somebody else attached it", [])
    # Ours is the last of that name; with force they all go. From the end, so that indices hold.
    places = [i for i, name in enumerate(names) if name == secret]
    places = places[::-1] if force else places[-1:]
    if len(places) == len(names):
        remove = [{"op": "remove", "path": "/imagePullSecrets"}]
    else:
        remove = [{"op": "remove", "path": f"/imagePullSecrets/{i}"} for i in places]
    note = _note(serviceaccount, mark, ours - {secret})
    return Change("Detached", "", [*jsonpatch.guard(serviceaccount), *remove, *note])


def _note(serviceaccount: dict[str, Any], mark: str, ours: frozenset[str]) -> jsonpatch.Patch:
    value = marks.write_names(ours) or None
    return jsonpatch.set_entries(serviceaccount, "annotations", {mark: value})
