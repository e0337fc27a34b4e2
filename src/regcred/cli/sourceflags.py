"""``--set`` and ``--secret-file``: what ``--from KIND`` has to know, as its flags say it.

Settings are those of a PullCredential's source (``--set appId=1``), and what stands in a Secret
there comes from files here (``--secret-file private-key.pem=app.pem``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from regcred.cli import inputs
from regcred.core.errors import InvalidInput, UsageError
from regcred.core.formats.redact import one_line
from regcred.core.operator.sourcekinds import SECRET_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What may be set. ``identity`` is the operator's alone, and files are in place of ``secretRef``.
SETTINGS = {
    "ecr": ("region", "roleArn", "externalId"),
    "googleArtifactRegistry": ("impersonate",),
    "acr": ("tenantId", "clientId", "cloud"),
    "githubApp": ("clientId", "appId", "installationId", "repositories", "url"),
    "gitlab": ("project", "group", "days", "url"),
    "harbor": ("url", "projects", "days"),
    "quay": ("robot", "url"),
    "dockerHub": ("username", "expiresAt"),
    "exec": (
        *("command", "protocol", "args", "env", "passEnv", "defaultCacheDuration"),
        *("apiVersion", "image", "timeoutSeconds"),
    ),
}
_NUMBERS = frozenset({"appId", "installationId", "days", "timeoutSeconds"})
_LISTS = frozenset({"repositories", "projects", "args", "passEnv"})
#: The other flag: in place of a Secret.
FILE_FLAG = "--secret-file"
#: As in the CRD: of a number the digits, of a text the characters.
_DIGITS, _LONGEST = 18, 4096


def read_settings(kind: str, given: Sequence[str]) -> dict[str, Any]:
    """The settings of a source, as they stand in a PullCredential.

    Args:
        kind: of the source.
        given: ``KEY=VALUE`` each.

    Raises:
        UsageError: one cannot be meant.
    """
    found: dict[str, Any] = {}
    known = SETTINGS[kind]
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(
                f"--set: {_name_of(key, known)} is not KEY=VALUE", hint="e.g. --set appId=12345"
            )
        if key not in known:
            raise UsageError(
                f"--set {one_line(key)} is no setting of {kind} here",
                hint=f"it has {', '.join(known)}",
            )
        if key in found:
            raise UsageError(f"--set {key} is given twice", hint="lists take commas: a,b")
        found[key] = _value(key, value)
    return found


def read_files(kind: str, given: Sequence[str]) -> dict[str, bytes]:
    """The data of the Secret that a source names.

    Args:
        kind: of the source.
        given: ``KEY=FILE`` each; ``-`` is standard input.

    Raises:
        UsageError: one cannot be meant.
        InvalidInput: a file cannot be read.
    """
    found: dict[str, bytes] = {}
    known = SECRET_KEYS[kind]
    takes = f"{kind} takes " + (" and ".join(f"{FILE_FLAG} {key}=FILE" for key in known) or "none")
    stdin = ""
    for text in given:
        key, equals, path = text.partition("=")
        if not key or not equals or not path:
            raise UsageError(f"{FILE_FLAG}: {_name_of(key, known)} is not KEY=FILE", hint=takes)
        if key not in known:
            raise UsageError(f"{FILE_FLAG}: {kind} has no use for {one_line(key)}", hint=takes)
        if key in found:
            raise UsageError(f"{FILE_FLAG} {key} is given twice", hint=takes)
        if path == "-":
            if stdin:
                raise UsageError(
                    f"{FILE_FLAG} {key}=-: standard input is that of {stdin} already", hint=takes
                )
            stdin = key
            found[key] = inputs.read_password_stdin().reveal().encode("utf-8", "surrogateescape")
        elif not os.path.lexists(os.path.expanduser(path)):  # noqa: PTH111 - as `read_file` does
            raise InvalidInput(
                f"{FILE_FLAG} {key}: there is no such file",
                hint=f"{FILE_FLAG} {key}=FILE takes the name of a file, and not what is in it",
            )
        else:
            found[key] = inputs.read_file(path, "secret")
    return found


def _name_of(key: str, known: Sequence[str]) -> str:
    """What a message calls a key: somebody may have put a secret there in place of one."""
    return repr(key) if key in known else "what is given"


def _value(key: str, value: str) -> Any:
    if key in _NUMBERS:
        if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS):
            raise UsageError(
                f"--set {key} takes a number, and not {one_line(value)!r}",
                hint=f"e.g. --set {key}=7",
            )
        return int(value)
    values = value.split(",") if key in _LISTS or key == "env" else [value]
    values = [each for each in values if each]
    if not values:
        raise UsageError(f"--set {key} has nothing behind its =", hint=f"e.g. --set {key}=VALUE")
    if any(len(each) > _LONGEST for each in values):
        raise UsageError(
            f"--set {key} is longer than any can be",
            hint=f"{_LONGEST:,} characters are the most",
        )
    if key in _LISTS:
        return values
    if key == "env":
        pairs = [each.partition("=") for each in values]
        if not all(name and equals for name, equals, _ in pairs):
            raise UsageError(
                "--set env takes NAME=VALUE, and a comma between several",
                hint="e.g. --set env=EXAMPLE_REGION=eu-1",
            )
        return [{"name": name, "value": content} for name, _, content in pairs]
    return value
