"""What kubelet finds for an image, and why it finds no login where it finds none.

The keyring answers as kubelet does, which is a list and no reason. Here the reason is added, of
a closed list (`regcred.core.problem.Reason`), with what is odd although there is a login.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidImage
from regcred.core.logins.image import DOCKER_HUB, parse_image
from regcred.core.logins.nearmiss import nearest
from regcred.core.logins.registrykey import FALLBACK, display, without_user
from regcred.core.problem import Problem, Reason, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regcred.core.logins.image import ImageReference
    from regcred.core.logins.keyring import Candidate, Found, Keyring
    from regcred.core.logins.nearmiss import NearMiss

_PORT = re.compile(r":0*([0-9]+)$")
_LARGEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Lookup:
    """What kubelet finds for one image.

    Args:
        image: as it stands in the Pod.
        reference: the same, normalized; None where it is none that could be pulled.
        candidates: the credentials that kubelet tries, in its order.
        problems: why there is no login; empty exactly where a candidate has one. The first is
            the one to mend first.
        warnings: what is odd although there is a login.
        failed: whether the pull ends before the registry is asked. Else kubelet asks without a
            login where there is no candidate, or with what the node knows by itself.
    """

    image: str
    reference: ImageReference | None
    candidates: tuple[Candidate, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    failed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON: never a password; ``warnings`` only where there is one."""
        found: dict[str, Any] = {
            "image": self.image,
            "normalized": str(self.reference or ""),
            "candidates": [
                {
                    "registry": without_user(candidate.registry),
                    "username": candidate.credential.user,
                    "source": candidate.source,
                }
                for candidate in self.candidates
            ],
            "problems": [_to_dict(problem) for problem in self.problems],
        }
        if self.warnings:
            found["warnings"] = [_to_dict(warning) for warning in self.warnings]
        return found


def look_up(keyring: Keyring, image: str) -> Lookup:
    """What kubelet finds in `keyring` for `image`, as it stands in a Pod."""
    try:
        reference = parse_image(image)
    except InvalidImage as error:
        return _bad_reference(image, error.message, error.hint)
    if not _has_port(reference):
        port = reference.domain.rpartition(":")[2][:20]
        said = f"there is no port {port}: the largest is {_LARGEST_PORT}"
        return _bad_reference(image, said, "write the port that the registry listens on")
    found = keyring.find(reference)
    explain = _Explain(keyring, reference, found)
    usable = any(not candidate.useless for candidate in found.candidates)
    if keyring.broken:
        problems = [*explain.broken()]
        problems += keyring.passed_over if usable else explain.no_login()
        return Lookup(image, reference, problems=tuple(problems), failed=True)
    if not usable:
        return Lookup(image, reference, found.candidates, tuple(explain.no_login()))
    warnings = (*keyring.passed_over, *explain.oddities())
    return Lookup(image, reference, found.candidates, warnings=warnings)


def report(lookups: Iterable[Lookup]) -> dict[str, Any]:
    """Lookups as the JSON document of ``regcred check --offline``."""
    return {"images": [lookup.to_dict() for lookup in lookups]}


def _bad_reference(image: str, message: str, hint: str) -> Lookup:
    problem = Problem(Reason.BAD_REFERENCE, message, hint)
    return Lookup(image, None, problems=(problem,), failed=True)


def _has_port(reference: ImageReference) -> bool:
    """Whether its registry can be dialled: to the grammar of references any digits are a port."""
    port = _PORT.search(reference.domain)
    # Of very many digits Python makes no number.
    return port is None or (len(port[1]) <= 5 and int(port[1]) <= _LARGEST_PORT)


def _to_dict(problem: Problem) -> dict[str, Any]:
    return {
        "reason": problem.reason.value,
        "message": problem.message,
        "source": problem.source,
    }


class _Explain:
    """The problems of one image with one keyring."""

    def __init__(self, keyring: Keyring, image: ImageReference, found: Found) -> None:
        self._keyring = keyring
        self._image = image
        self._found = found
        namespace = f" -n {keyring.namespace}" if keyring.namespace else ""
        self._login = f"regcred login {image.domain}{namespace}"

    def broken(self) -> Iterator[Problem]:
        """Why kubelet gives up, where a Secret does not decode: the image's own entry first."""
        usable = next((c for c in self._found.candidates if not c.useless), None)
        lost = f"not {_named(usable)}" if usable else f"none for {self._image.name}"
        in_order = sorted(self._keyring.broken, key=lambda b: not b.may_concern(self._image))
        for at, broken in enumerate(in_order):
            message, hint = broken.error.message, broken.error.hint
            reason = Reason.SECRET_MALFORMED
            if not broken.may_concern(self._image):
                message = f"{message}, and {lost} either"
                # Where there is no login to keep kubelet from, it casts no shadow.
                reason = Reason.SHADOWED if usable or at else reason
            yield Problem(reason, message, hint, broken.source)

    def no_login(self) -> Iterator[Problem]:
        """Why no candidate is usable."""
        keyring = self._keyring
        sources = {c.registry: c.source for filed in keyring.filed.values() for c in filed}
        sources |= keyring.dropped
        near = None if self._found.candidates else nearest(sources, self._image)
        # A key that was meant for the image says more than a Secret of which nothing is known.
        later = [p for p in keyring.passed_over if near and p.reason is Reason.SECRET_MISSING]
        yield from (p for p in keyring.passed_over if p not in later)
        if self._found.candidates:
            yield self._useless()
        elif near:
            yield self._near(near, sources[near.registry])
            yield from later
        elif sources:
            yield Problem(
                Reason.NO_MATCHING_REGISTRY,
                f"no entry is for {self._image.domain}; there are "
                f"{listed([display(registry) for registry in sources])}",
                self._login,
            )
        elif not keyring.passed_over and not keyring.broken:
            said = "no pull Secret is named"
            if keyring.sources:
                said = f"there is no entry under auths in {listed(keyring.sources)}"
            yield Problem(Reason.NO_CREDENTIAL, said, self._login, "".join(keyring.sources[:1]))

    def oddities(self) -> Iterator[Problem]:
        """What is odd although a candidate is usable."""
        candidates = self._found.candidates
        for _, group in groupby(candidates, lambda c: (c.index, c.position)):
            first, *others = group
            other = next((c for c in others if not _same_login(c, first)), None)
            if other:
                yield Problem(
                    Reason.AMBIGUOUS_ORDER,
                    f"{_named(first)} and {display(other.registry)} beside it are one registry "
                    "to kubelet, which tries their logins in any order",
                    "keep one of the two",
                    first.source,
                )
        for candidate in candidates:
            if candidate.useless:
                yield Problem(
                    Reason.EMPTY_CREDENTIAL,
                    f"{_named(candidate)} matches too, and {candidate.useless}: "
                    "kubelet asks without a login on its turn",
                    self._login,
                    candidate.source,
                )
        for hidden in self._found.hidden:
            if not any(_same_login(hidden, candidate) for candidate in candidates):
                yield _hidden(hidden, candidates[0])
        if candidates[0].index == FALLBACK and self._image.domain != DOCKER_HUB:
            yield Problem(
                Reason.SENT_ELSEWHERE,
                f"{_named(candidates[0])} is Docker Hub's, and kubelet sends its login to "
                f"{self._image.domain}, since that has no dot and no port",
                f"write the image's host with its port, {self._image.domain}:PORT",
                candidates[0].source,
            )

    def _useless(self) -> Problem:
        """The candidates, none of which is usable."""
        candidate = self._found.candidates[0]
        for hidden in self._found.hidden:
            if not hidden.useless:
                return _hidden(hidden, candidate)
        return Problem(
            Reason.NO_CREDENTIAL,
            f"{_named(candidate)} matches, but {candidate.useless}: kubelet asks without a login",
            self._login,
            candidate.source,
        )

    def _near(self, near: NearMiss, source: str) -> Problem:
        shown = display(near.registry)
        return Problem(
            Reason.NO_MATCHING_REGISTRY,
            f"no entry matches {self._image.name}; the nearest is {shown} of {source}: {near.why}",
            f"{self._login}, or write {near.instead} in place of {shown}",
            source,
        )


def _hidden(hidden: Candidate, by: Candidate) -> Problem:
    why = f", and {by.useless}" if by.useless else ""
    return Problem(
        Reason.SHADOWED,
        f"{_named(hidden)} is never tried: kubelet comes to it only where nothing else matches, "
        f"and {_named(by)} does{why}",
        f"take {display(by.registry)} out of {by.source}",
        by.source,
    )


def _same_login(one: Candidate, other: Candidate) -> bool:
    mine, theirs = one.credential, other.credential
    return (mine.username, mine.password) == (theirs.username, theirs.password)


def _named(candidate: Candidate) -> str:
    return f"{display(candidate.registry)} of {candidate.source}"
