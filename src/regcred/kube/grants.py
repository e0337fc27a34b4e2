"""Rights that are refused or needed, how to check them, and the commands that grant them.

The API server's refusal names the one right that the request took
(https://kubernetes.io/docs/reference/access-authn-authz/authorization/). Nothing is asked here;
what else is missing `regcred.kube.rights` finds out.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from regcred.core.errors import Forbidden
from regcred.core.reach import SOMEBODY_ELSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regcred.core.errors import RegcredError
    from regcred.kube.resources import Resource

_DENIED = re.compile(
    r'(?:\S+ "(?P<name>[^"]+)" is forbidden: )?'
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?'
)
#: What RBAC can limit to an object of some name.
_NAMED_VERBS = ("get", "update", "patch", "delete")
#: Writes of which one object takes one.
_ALTERNATIVES = ({"create", "patch"}, {"patch", "delete"})
#: Objects that one message names.
_NAMED = 10
#: In each hint that has the commands that grant what is missing.
_GRANTS = "kubectl create"
#: Digits that tell roles apart.
_MARK = 8
_SERVICE_ACCOUNT = "system:serviceaccount:"


class Denied(NamedTuple):
    """What the API server refused.

    Args:
        user: whom.
        verb: as in RBAC's rules.
        plain: the resource and a subresource: ``deployments``, ``pods/log``.
        group: its API group; empty for the core.
        namespace: where; empty for everywhere.
        name: the object; empty where RBAC cannot limit the verb to one.
    """

    user: str
    verb: str
    plain: str
    group: str
    namespace: str
    name: str

    @property
    def resource(self) -> str:
        """As kubectl takes it: ``deployments.apps``, ``pods/log``."""
        plain, slash, subresource = self.plain.partition("/")
        return f"{plain}.{self.group}{slash}{subresource}" if self.group else self.plain


@dataclass(frozen=True, slots=True)
class Need:
    """A right that something takes.

    Args:
        verb: as in RBAC's rules.
        kind: of which objects.
        name: of which one; empty for all.
    """

    verb: str
    kind: Resource
    name: str = ""

    @property
    def only(self) -> str:
        """The name, where RBAC can limit the verb to it."""
        return self.name if self.verb in _NAMED_VERBS else ""

    @property
    def resource(self) -> str:
        """As kubectl takes it."""
        return f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural

    def __str__(self) -> str:
        return f"{self.verb} {self.kind.plural}{f'/{self.only}' if self.only else ''}"

    def is_what(self, denied: Denied) -> bool:
        """Whether that was refused."""
        same = (denied.verb, denied.resource) == (self.verb, self.resource)
        # The API server names the object, whoever asked for all of them.
        return same and ("" in (denied.name, self.name) or denied.name == self.name)

    def excludes(self, other: Need) -> bool:
        """Whether who takes this has no use for `other`: one is made or changed, or goes."""
        same = (self.kind, self.name) == (other.kind, other.name)
        return same and {self.verb, other.verb} in _ALTERNATIVES


def denied(said: str) -> Denied | None:
    """What a message of the API server says is refused for want of a right; None for nothing."""
    match = _DENIED.search(said)
    if match is None:
        return None
    found = match.groupdict(default="")
    name = found["name"] if found["verb"] in _NAMED_VERBS else ""
    rest = found["resource"], found["group"], found["namespace"]
    return Denied(found["user"], found["verb"], *rest, name)


def of_one(refused: Denied) -> str:
    """How to check a right, and how somebody who may can grant it: a hint."""
    return _of_names(refused, (refused.name,) if refused.name else ())


def _of_names(refused: Denied, names: Sequence[str]) -> str:
    resource = refused.resource.partition("/")[0]
    plain, _, subresource = refused.plain.partition("/")
    if refused.verb == "impersonate":
        return f"may you? kubectl auth can-i impersonate {shlex.quote(resource)}"
    within = f" -n {shlex.quote(refused.namespace)}" if refused.namespace else ""
    sub = f" --subresource={subresource}" if subresource else ""
    # No more than was asked for: a right to read one Secret is not one to read them all.
    which = f"/{shlex.quote(refused.name)}" if refused.name else ""
    check = f"kubectl auth can-i {refused.verb} {resource}{which}{sub}{within or ' -A'}"
    what = (refused.verb,), (refused.resource,), names
    return f"check with: {check}; {SOMEBODY_ELSE} it: {_grant(refused, *what, plain)}"


def together(errors: Mapping[str, Forbidden]) -> Forbidden:
    """One error for several objects of one kind and namespace that may not be had.

    Args:
        errors: by the objects' names.
    """
    (first, error), *others = sorted(errors.items())
    if not others:
        return error
    names = ", ".join(sorted(errors)[:_NAMED])
    more = f" and {len(errors) - _NAMED:,} more" if len(errors) > _NAMED else ""
    message = error.message.replace(f'"{first}" is forbidden: ', "is forbidden: ", 1)
    message = message.replace(f"/{first} ", f"/{names}{more} ", 1)
    refused, hint = denied(error.message), error.hint
    if refused and _GRANTS in hint:
        hint = _of_names(refused, sorted(errors))
    return _instead(error, message, hint)


def of_kinds(errors: Sequence[Forbidden], what: str = "workloads") -> Forbidden | None:
    """One error for several kinds of objects that may not be listed, each for the same person.

    Args:
        errors: one for each kind, in one namespace.
        what: all of them in one word.

    Returns:
        The error, whose message goes on after the names of the kinds; None where the answers do
        not tell that it is the same person, since then no one Role does.
    """
    refused = [found for error in errors if (found := denied(error.message))]
    common = {(each.user, each.verb, each.namespace) for each in refused}
    if len(refused) != len(errors) or len(common) != 1:
        return None
    first, hint = refused[0], errors[0].hint
    if _GRANTS in hint:
        kinds = tuple(dict.fromkeys(each.resource for each in refused))
        hint = _hint(first, _grant(first, (first.verb,), kinds, (), what), "it")
    return _instead(errors[0], f"user {first.user!r} has no right to {first.verb} them", hint)


def of_needs(
    errors: Sequence[Forbidden], refused: Denied, known: Sequence[Need], also: Sequence[Need]
) -> list[Forbidden]:
    """Refusals of one namespace, each with one hint for all that is missing there.

    Args:
        errors: them.
        refused: what the first one says.
        known: what they say is missing.
        also: what is missing besides, which only the first one tells.
    """
    missing = [*known, *also]
    if len(missing) == 1 and known[0].only == refused.name:
        return [*errors]
    commands = " && ".join(
        _grant(refused, verbs, (kind,), names, kind.partition(".")[0])
        for (kind, verbs), names in _roles(missing).items()
    )
    hint = _hint(refused, commands, "them" if len(missing) > 1 else "it")
    first, *rest = errors
    message = f"{first.message}; it may not {_either(also)} either" if also else first.message
    return [_instead(first, message, hint), *(_instead(each, each.message, hint) for each in rest)]


def of_error(error: RegcredError) -> Denied | None:
    """What was refused for want of a right that somebody can grant; None for other errors."""
    if type(error) is not Forbidden or _GRANTS not in error.hint:
        return None
    return denied(error.message)


def _either(needs: Sequence[Need]) -> str:
    said = [str(need) for need in needs]
    if (more := len(said) - _NAMED) > 0:
        said[_NAMED:] = [f"do {more:,} things more"]
    *others, last = said
    return f"{', '.join(others)} or {last}" if others else last


def _roles(missing: Sequence[Need]) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
    """(kind, verbs) → the names: a Role gives each of its verbs on each of its objects."""
    verbs: dict[tuple[str, str], tuple[str, ...]] = {}
    for need in missing:
        key = need.resource, need.only
        verbs[key] = (*verbs.get(key, ()), need.verb)
    roles: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
    for (resource, name), given in verbs.items():
        named = (name,) if name else ()
        roles[resource, given] = (*roles.get((resource, given), ()), *named)
    return roles


def _hint(refused: Denied, grants: str, what: str) -> str:
    check = (
        f"kubectl auth can-i --list -n {shlex.quote(refused.namespace)}"
        if refused.namespace
        # The list is always one namespace's, so of all one right stands for the others.
        else f"kubectl auth can-i {refused.verb} {refused.resource} -A"
    )
    return f"check with: {check}; {SOMEBODY_ELSE} {what}: {grants}"


def _grant(
    refused: Denied,
    verbs: Sequence[str],
    resources: Sequence[str],
    names: Sequence[str],
    what: str,
) -> str:
    """The command that grants rights to whom something was refused, where it was.

    Args:
        refused: it.
        verbs: to do what.
        resources: to which kinds of objects.
        names: of which ones; empty for all.
        what: all of them in one word, as a part of names.
    """
    user, namespace = refused.user, refused.namespace
    if user.startswith(_SERVICE_ACCOUNT):
        subject = f"--serviceaccount={user.removeprefix(_SERVICE_ACCOUNT)}"
    else:
        subject = f"--user={shlex.quote(user)}"
    within = f" -n {shlex.quote(namespace)}" if namespace else ""
    role = "role" if namespace else "clusterrole"
    rule = f"--verb={','.join(verbs)} --resource={','.join(resources)}" + "".join(
        f" --resource-name={shlex.quote(each)}" for each in names
    )
    # Of another rule, or for somebody else, it is another role, which kubectl does not refuse.
    marked = hashlib.sha256(f"{rule} {subject}".encode()).hexdigest()[:_MARK]
    name = f"regcred-{'-'.join(verbs)}-{what}-{marked}"
    return (
        f"kubectl create {role} {name} {rule}{within} && "
        f"kubectl create {role}binding {name} --{role}={name} {subject}{within}"
    )


def _instead(error: Forbidden, message: str, hint: str) -> Forbidden:
    return Forbidden(
        message, hint=hint, status=error.status, reason=error.reason, causes=error.causes
    )
