"""Names and globs of Kubernetes objects.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

from __future__ import annotations

import fnmatch
import re

from regcred.core.errors import UsageError

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX = 253
_MAX_LABEL = 63


def check_name(name: str, what: str) -> None:
    """Make sure that `name` is a DNS subdomain, as most objects' names must be.

    Raises:
        UsageError: it is not; `what` says whose name it is.
    """
    if is_name(name):
        return
    raise UsageError(
        f"{name!r} cannot be the name of a {what}: lower-case letters, digits, '-' and '.', "
        f"at most {_MAX}, starting and ending with a letter or digit",
        hint=f"kubectl get {what.lower()}s lists those that there are",
    )


def is_name(name: str) -> bool:
    """Whether an object can have the name: what refers to one is checked by nobody."""
    return len(name) <= _MAX and bool(_SUBDOMAIN.fullmatch(name))


def check_namespace(name: str) -> None:
    """Make sure that `name` is a DNS label, as the names of namespaces must be.

    Raises:
        UsageError: it is not.
    """
    if len(name) <= _MAX_LABEL and re.fullmatch(_LABEL, name):
        return
    raise UsageError(
        f"{name!r} cannot be the name of a namespace: lower-case letters, digits and '-', "
        f"at most {_MAX_LABEL}, starting and ending with a letter or digit",
        hint="kubectl get namespaces lists those that there are",
    )


def is_glob(pattern: str) -> bool:
    """Whether `pattern` stands for several names."""
    return any(c in pattern for c in "*?[")


def matches_any(name: str, patterns: list[str]) -> bool:
    """Whether one of `patterns` (names or globs with ``*``, ``?``, ``[…]``) matches `name`."""
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)
