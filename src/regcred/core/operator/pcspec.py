"""Read the spec of a PullCredential, and note what is wrong in the words of the CRD's rules.

What the schema alone refuses (types, required fields) is named in the API server's words too,
as far as it has some. Limits on lengths are the schema's affair: they keep its own rules cheap,
and nothing here depends on them.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regcred.core.logins import claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from re import Pattern

NAMESPACE_GLOB = (
    "no namespace has such a name: lower-case letters, digits and '-', and * for any of them"
)
ACCOUNT_GLOB = (
    "no ServiceAccount has such a name: lower-case letters, digits, '-' and '.', "
    "and * for any of them"
)
SECRET_NAME = (
    "no Secret has such a name: lower-case letters, digits, '-' and '.', "  # noqa: S105
    "with a letter or digit at both ends"
)
ACCOUNT_NAME = (
    "no ServiceAccount has such a name: lower-case letters, digits, '-' and '.', "
    "with a letter or digit at both ends"
)
SECRET_KEY = "no Secret has such a key: letters, digits, '-', '_' and '.'"  # noqa: S105
VALUES_MISSING = "values is required where operator is In or NotIn"
VALUES_THERE = "values must be empty where operator is Exists or DoesNotExist"

_NAMESPACE_GLOB = re.compile(r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?")
_ACCOUNT_GLOB = re.compile(r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?(\.[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?)*")
_SECRET_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SECRET_KEY = re.compile("[-._a-zA-Z0-9]*")
_DOTS = (".", "..")

_WITH_VALUES = ("In", "NotIn")
_OPERATORS = (*_WITH_VALUES, "Exists", "DoesNotExist")


class Reading:
    """One pass over a spec.

    Attributes:
        problems: (field, why) of all that was refused so far, in the order of reading.
    """

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []

    def refuse(self, where: str, why: str) -> None:
        """Note what is wrong with a field."""
        self.problems.append((where, why))

    def mapping(self, value: Any, where: str) -> Mapping[str, Any]:
        """`value` as an object; an empty one for none."""
        return self._of_type(value, where, dict, "object") or {}

    def text(self, value: Any, where: str) -> str:
        """`value` as a string; an empty one for none."""
        return self._of_type(value, where, str, "string") or ""

    def entries(self, value: Any, where: str) -> list[tuple[Mapping[str, Any], str]]:
        """The objects in a list, each with its place."""
        return [(self.mapping(each, place), place) for each, place in self._list(value, where)]

    def choice(self, value: Any, where: str, choices: Sequence[str]) -> str:
        """`value` if it is one of `choices`, else the first of them."""
        if value in choices:
            return str(value)
        said = ", ".join(f'"{each}"' for each in choices)
        self.refuse(where, f"supported values: {said}")
        return choices[0]

    def registries(self, value: Any, where: str) -> tuple[str, ...]:
        """Registry keys, each of which some image could match; the same one only once."""
        found: dict[str, str] = {}
        for text, place in self._texts(value, where):
            if why := claim.refusal(text):
                self.refuse(place, why)
            else:
                found.setdefault(claim.identity(text) or "", text)
        return tuple(found.values())

    def namespace_globs(self, value: Any, where: str) -> tuple[str, ...]:
        """Globs of names of namespaces."""
        return self._globs(value, where, _NAMESPACE_GLOB, NAMESPACE_GLOB)

    def account_globs(self, value: Any, where: str) -> tuple[str, ...]:
        """Globs of names of ServiceAccounts."""
        return self._globs(value, where, _ACCOUNT_GLOB, ACCOUNT_GLOB)

    def secret_name(self, value: Any, where: str) -> str:
        """The name of a Secret, which becomes a part of a URL."""
        name = self.text(value, where)
        if value is None:
            self.refuse(where, "Required value")
        elif not _SECRET_NAME.fullmatch(name):
            self.refuse(where, SECRET_NAME)
        return name

    def account_name(self, value: Any, where: str) -> str:
        """The name of a ServiceAccount, which becomes a part of a URL."""
        name = self.text(value, where)
        if value is None:
            self.refuse(where, "Required value")
        elif not _SECRET_NAME.fullmatch(name):
            self.refuse(where, ACCOUNT_NAME)
        return name

    def secret_key(self, value: Any, where: str) -> str:
        """A key of a Secret; empty for none."""
        key = self.text(value, where)
        if not _SECRET_KEY.fullmatch(key) or key in _DOTS:
            self.refuse(where, SECRET_KEY)
        return key

    def label_rule(self, rule: Mapping[str, Any], where: str) -> tuple[str, str, tuple[str, ...]]:
        """Key, operator and values of one of ``matchExpressions``."""
        key = self.text(rule.get("key"), f"{where}.key")
        operator = self.choice(rule.get("operator"), f"{where}.operator", _OPERATORS)
        values = tuple(text for text, _ in self._texts(rule.get("values"), f"{where}.values"))
        if operator in _WITH_VALUES and not values:
            self.refuse(where, VALUES_MISSING)
        if operator not in _WITH_VALUES and values:
            self.refuse(where, VALUES_THERE)
        return key, operator, values

    def _globs(self, value: Any, where: str, form: Pattern[str], why: str) -> tuple[str, ...]:
        globs = []
        for glob, place in self._texts(value, where):
            if form.fullmatch(glob):
                globs.append(glob)
            else:
                self.refuse(place, why)
        return tuple(globs)

    def _texts(self, value: Any, where: str) -> Iterator[tuple[str, str]]:
        """The strings in a list, each with its place."""
        for each, place in self._list(value, where):
            if isinstance(each, str):
                yield each, place
            else:
                self.refuse(place, "must be of type string")

    def _list(self, value: Any, where: str) -> list[tuple[Any, str]]:
        found = self._of_type(value, where, list, "array") or []
        return [(each, f"{where}[{i}]") for i, each in enumerate(found)]

    def _of_type(self, value: Any, where: str, kind: type, name: str) -> Any:
        if value is None or isinstance(value, kind):
            return value
        self.refuse(where, f"must be of type {name}")
        return None
