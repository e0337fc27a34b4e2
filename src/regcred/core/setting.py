"""A setting of a source that a hint names: a field to the operator, a flag to ``regcred login``.

Who writes the hint says which of its words is one. Looking for the words afterwards would also find
them in what the hint is about: a project may be called ``acme/project``, a robot ``acme+robot``.
"""

from __future__ import annotations

import re

#: Noncharacters of Unicode, which no name can have.
_BEGIN, _END = "\ufdd0", "\ufdd1"
_NAMED = re.compile(f"{_BEGIN}([^{_END}]*){_END}")


def setting(name: str) -> str:
    """`name`, marked as a setting, for the hint of a `regcred.core.errors.MintFailed`."""
    return f"{_BEGIN}{name}{_END}"


def as_fields(hint: str) -> str:
    """As it is in a PullCredential: ``set region``."""
    return _NAMED.sub(r"\1", hint)


def as_flags(hint: str) -> str:
    """As it is typed: ``give --set region=…``."""
    return _NAMED.sub(r"--set \1=…", re.sub(rf"\bset (?={_BEGIN})", "give ", hint))
