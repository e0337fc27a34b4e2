"""Programs for a folder of the operator's: a credential helper, and a kubelet plugin.

As the Go libraries serve them: https://github.com/docker/docker-credential-helpers and
https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/. Each writes down how
it was called, in the file ``NAME.called`` beside it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CALLED = """\
#!{python} -S
import json, os, sys
stdin = sys.stdin.read()
called = {{"arguments": sys.argv[1:], "env": dict(os.environ), "stdin": stdin}}
with open({file!r}, "a") as file:
    print(json.dumps(called), file=file)
"""

_HELPER = """\
logins = json.loads({logins!r})
server = stdin.strip()
if sys.argv[-1] != "get":
    sys.exit("Usage: docker-credential-x <store|get|erase|list|version>")
elif server not in logins:
    print("credentials not found in native keychain")
    sys.exit(1)
name, secret = logins[server]
print(json.dumps({{"ServerURL": server, "Username": name, "Secret": secret}}))
"""

_PLUGIN = """\
answers = json.loads({answers!r})
request = json.loads(stdin)
if request["kind"] != "CredentialProviderRequest":
    sys.exit("unexpected request")
for beginning, answer in answers.items():
    if request["image"].startswith(beginning):
        head = {{"kind": "CredentialProviderResponse", "apiVersion": request["apiVersion"]}}
        print(json.dumps(head | {{"cacheKeyType": "Registry", "auth": {{}}}} | answer))
        break
else:
    sys.exit("no answer for " + request["image"])
"""


@dataclass(frozen=True)
class Call:
    """How a program was called."""

    arguments: list[str]
    env: dict[str, str]
    stdin: str


class Programs:
    """Those in one folder.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def helper(self, name: str, logins: Mapping[str, tuple[str, str]]) -> None:
        """Install a credential helper: server → username and secret."""
        self._python(name, _HELPER.format(logins=json.dumps(logins)))

    def plugin(self, name: str, answers: Mapping[str, Mapping[str, Any]]) -> None:
        """Install a plugin: how an image begins → fields of the CredentialProviderResponse."""
        self._python(name, _PLUGIN.format(answers=json.dumps(answers)))

    def script(self, name: str, text: str, mode: int = 0o700) -> Path:
        """Install a shell script."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    def calls(self, name: str) -> list[Call]:
        """How one was called, first to last."""
        called = self.folder / f"{name}.called"
        if not called.exists():
            return []
        return [Call(**json.loads(line)) for line in called.read_text().splitlines()]

    def _python(self, name: str, program: str) -> None:
        path = self.folder / name
        called = _CALLED.format(python=sys.executable, file=str(self.folder / f"{name}.called"))
        path.write_text(called + program)
        path.chmod(0o700)
