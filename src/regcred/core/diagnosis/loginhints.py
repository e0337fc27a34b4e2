"""What to do about a login that is missing or wrong, before there is a Pod and for those there are.

`regcred.core.diagnosis.remedies` knows the commands. Here it is decided which Secret they are
about: a Pod with a list of its own gets no other, one without takes what its ServiceAccount has by
then. What stands in manifests is mended there, since the next deploy would undo all else.
"""

from __future__ import annotations

from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING, TypeGuard

from regcred.core import marks
from regcred.core.diagnosis import remedies
from regcred.core.pods import mend
from regcred.core.pods.effective import Given
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from regcred.core.logins.lookup import Lookup
    from regcred.core.logins.pullsecret import PullSecret
    from regcred.core.pods.effective import Effective
    from regcred.core.problem import Problem

#: The fault is one Secret's, and another beside it does not help.
_OF_SECRET = (Reason.SECRET_MALFORMED, Reason.SECRET_MISSING)
#: The Secret has a login for the image, which does not do.
_OF_LOGIN = (Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.EXPIRED)
_BY_LOGIN = frozenset(
    {
        *_OF_SECRET,
        *_OF_LOGIN,
        Reason.WRONG_SECRET_TYPE,
        Reason.NO_CREDENTIAL,
        Reason.NO_MATCHING_REGISTRY,
        Reason.EMPTY_CREDENTIAL,
        Reason.SHADOWED,
    }
)
#: How alike two names are of which the one may be meant by the other, and how many others are told.
_NEAR, _NAMED = 0.75, 3
#: `regcred login` keeps its logins in the Secret of this name.
_USUAL = "regcred"

_FIND_OUT = (
    "ask a cluster that has it (--context), put it into the manifests, or give the Secret that the "
    "deploy will bring: --assume-secret FILE"
)
_NOBODY = (
    "--docker-config takes the logins of this machine, --secret-file FILE those of a Secret; "
    "without them, and without a cluster, nobody logs in"
)
_ASSUME = ", or --assume-secret FILE where the deploy brings it"


class Hints:
    """The hints for one image of one Pod template.

    Args:
        lookup: of the image.
        own: the pull Secrets.
        secrets: whether the logins are theirs, and not of this machine.
    """

    def __init__(self, lookup: Lookup, own: Effective, secrets: bool = True) -> None:
        self._own = own
        self._secrets = secrets
        self._lookup = lookup
        self._failed = lookup.failed
        self._registry = lookup.reference.domain if lookup.reference else ""
        self._namespace, self._account = own.account
        template = own.template
        self._listed = bool(template and (template.has_list or template.exists))
        self._live = bool(template and template.object and not template.file)

    def all_put_right(self) -> Lookup:
        """The lookup with `put_right` done to all that is said."""
        found = self._lookup
        if not found.problems and not found.warnings:
            return found
        problems, warnings = (
            tuple(map(self.put_right, said)) for said in (found.problems, found.warnings)
        )
        return replace(found, problems=problems, warnings=warnings)

    def put_right(self, problem: Problem) -> Problem:
        """A problem of the lookup, which by itself knows nothing of where the Pod is."""
        message = problem.message
        if self._own.given is Given.NOBODY and problem.reason is Reason.NO_CREDENTIAL:
            message = "no login is given"
        return replace(problem, message=message, hint=self.of(problem))

    def of(self, problem: Problem) -> str:
        """The hint of a problem."""
        reason, source = problem.reason, problem.source
        if not self._registry or reason not in _BY_LOGIN:
            return problem.hint
        if self._secrets and self._own.given is Given.NOBODY:
            return _NOBODY
        secret = self._named(source)
        if reason is Reason.SHADOWED and self._failed and self._is_there(secret):
            return self._without(secret)
        is_content = reason in (Reason.SECRET_MALFORMED, Reason.SHADOWED)
        if is_content and (reason is Reason.SHADOWED or not self._is_there(secret)):
            return problem.hint
        if not self._secrets and reason is Reason.WRONG_SECRET_TYPE:
            return problem.hint
        # A key may be mended too, where a login would make another.
        rest = "".join(problem.hint.partition(", or write ")[1:])
        return self.login(reason, source) + rest

    def login(self, reason: Reason, source: str) -> str:
        """The command for another login.

        Args:
            reason: why the one at hand does not do.
            source: the Secret that it is in, as messages call it; empty for none.
        """
        own = self._own
        if not self._secrets:
            return f"docker login {self._registry}"
        secret = self._to_change(reason, self._named(source))
        if secret and (secret.brought or own.given is Given.FILES):
            return self._written_anew(secret)
        if secret is None:
            whose = self._registry, self._namespace, self._account
            mends = remedies.new_login(*whose, own.waiting, self._own_name())
            return remedies.in_one(mends)
        mends, said = remedies.other_login(
            self._registry,
            self._namespace,
            self._account,
            reason,
            secret.name,
            secret.kept_by,
            is_fixed=secret.fixed or secret.legacy,
        )
        hint = remedies.in_one(mends, said)
        if reason is not Reason.SECRET_MISSING:
            return hint
        return self._other_than(secret, hint + _ASSUME * (not self._live))

    def _other_than(self, missing: PullSecret, hint: str) -> str:
        """`hint`, and which Secret may have been meant by one that there is not."""
        others = [name for name in self._own.others if name != missing.name]
        if missing.name == _USUAL or not others:
            return hint  # what `regcred login` and an operator call theirs was hardly mistyped
        from difflib import get_close_matches

        near = get_close_matches(missing.name, others, 1, _NEAR)
        if near:
            return f"secret/{near[0]} is there: name that in place of {missing.name}; or {hint}"
        there = ", ".join(f"secret/{name}" for name in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        return f"{hint}; {there}{more} {'are' if len(others) > 1 else 'is'} there, to name instead"

    def unknown(self) -> str:
        """What makes known what could not be read."""
        if self._own.given is Given.LISTS and self._own.hints:
            return "; ".join(self._own.hints)
        template = self._own.template
        if template and not template.object:
            return f"ask a cluster that has it (--context), or say what counts: {_NOBODY}"
        return _FIND_OUT

    def cut_off(self) -> str:
        """How the Pod gets what its own list keeps from it."""
        template, names = self._own.template, self._own.cut_off
        flags = " ".join(f"--secret {quote(name)}" for name in names)
        if template is None:
            return f"regcred inject {flags} adds them to the list"
        if template.file.startswith("<"):
            return f"regcred inject {flags} adds them: put it before what takes the manifests"
        if template.file:
            return f"regcred inject {flags} -f {quote(template.file)} --in-place"
        kind, _, name = template.object.partition("/")
        if kind in ("deployment", "statefulset", "daemonset"):
            return mend.patch_template(kind, name, self._namespace, names)
        return f"regcred inject {flags} adds them to the manifest of {template.object}; apply that"

    def _named(self, source: str) -> PullSecret | None:
        """The Secret that messages call `source`."""
        return next((each for each in self._own.secrets if each.source == source), None)

    def _is_there(self, secret: PullSecret | None) -> TypeGuard[PullSecret]:
        """Whether it is one of the cluster, so that a command could change it."""
        listed = self._secrets and self._own.given is Given.LISTS
        return listed and secret is not None and not secret.brought

    def _without(self, secret: PullSecret) -> str:
        """Out of the way with what spoils the other Secrets."""
        mends, said = remedies.without(self._namespace, secret.name, secret.kept_by)
        return remedies.in_one(mends, said)

    def _to_change(self, reason: Reason, secret: PullSecret | None) -> PullSecret | None:
        """The Secret that the login has to go into; None for one of regcred's own."""
        there = [each for each in self._own.secrets if each.data is not None]
        if self._listed or self._own.given is Given.FILES:
            return secret or next(iter((*there, *self._own.secrets)), None)
        if secret is None or secret.brought or reason in _OF_SECRET or secret.name == _USUAL:
            return secret
        kept = secret.kept_by in (marks.LOGIN, marks.OPERATOR)
        return secret if reason in _OF_LOGIN and kept else None

    def _own_name(self) -> str:
        """What a person's Secret has to be called; empty for as it always is."""
        names = {s.name for s in self._own.secrets if s.kept_by == marks.OPERATOR}
        return remedies.BESIDE if _USUAL in names else ""

    def _written_anew(self, secret: PullSecret) -> str:
        where = f" -n {secret.namespace}" if secret.namespace else ""
        return (
            f"regcred secret {secret.name}{where} --docker-server={self._registry} "
            "--docker-username=USER --password-stdin --dry-run=client -o yaml prints one to take "
            "its place"
        )
