"""A program that a PullCredential names, run without a shell and with nothing that it is not given.

Whoever may write a PullCredential must not for that be able to run just anything in the operator's
Pod. So a program is one of those in the folders of ``REGCRED_EXEC_PATH``, and the variables that it
can be given are those that ``REGCRED_EXEC_ENV`` names (with ``*``, and a comma between them): a
``BASH_ENV`` or ``LD_PRELOAD`` would make another program of it. Both are for who installs regcred.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regcred import child
from regcred.core.errors import MintFailed
from regcred.core.formats.redact import one_line
from regcred.core.glob import any_matches
from regcred.core.operator.source import SourceReason
from regcred.core.setting import setting
from regcred.minters.settings import number, refuse, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = "REGCRED_EXEC_PATH"
VARIABLES = "REGCRED_EXEC_ENV"
#: What every program needs to find its way: no logins, and nothing that makes another of it.
_ALWAYS = (
    *("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_COMMAND = re.compile(r"[\w.-]+", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
#: No login is larger.
_MOST_BYTES = 1024 * 1024
#: Shorter values are no secrets, and stand in many words.
_LEAST_HIDDEN = 4
#: Not the loop's own threads, which look names up and must not wait for programs.
_THREADS = ThreadPoolExecutor(16, "regcred-exec")


@dataclass(frozen=True, slots=True)
class Program:
    """A program that may be run; make one with `find`.

    Args:
        name: without its folder, for messages.
        path: with it.
        arguments: that it is called with first.
        env: all that it gets of an environment.
        seconds: for one call.
        hidden: what its complaints must not show.
    """

    name: str
    path: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    seconds: int
    hidden: tuple[str, ...] = field(repr=False)

    async def ask(self, *arguments: str, stdin: bytes) -> child.Answer:
        """Run it, and have it ended when that is cancelled.

        Raises:
            MintFailed: it does not start, does not end, or prints without end.
        """
        try:
            return await self._run((self.path, *self.arguments, *arguments), stdin)
        except subprocess.TimeoutExpired:
            raise MintFailed(
                SourceReason.UNREACHABLE,
                f"{self.name} did not answer within {self.seconds} s, and was ended",
                hint=f"{setting('timeoutSeconds')} gives it longer",
            ) from None
        except child.TooMuchOutput:
            raise self.failed("printed more than 1 MiB, and was ended") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "a value holds a NUL character"
            raise refuse(f"{self.name} does not start: {why}") from None

    def failed(self, how: str) -> MintFailed:
        """It gives nothing that could be used, and why."""
        return MintFailed(
            SourceReason.MINT_FAILED,
            f"{self.name} {how}",
            hint="run it by hand in the operator's Pod to see more",
        )

    def ended_badly(self, answer: child.Answer) -> MintFailed:
        """It ended, and not well."""
        said = one_line(answer.stderr.decode("utf-8", "replace"), hide=self.hidden).rstrip(".")
        how = f"exit code {answer.code}" if answer.code > 0 else f"signal {-answer.code}"
        return self.failed(f"failed with {how}: {said or 'it said nothing on stderr'}")

    async def _run(self, command: tuple[str, ...], stdin: bytes) -> child.Answer:
        stop, over = os.pipe()
        running = _THREADS.submit(
            child.ask,
            command,
            stdin,
            env=self.env,
            timeout=self.seconds,
            most=_MOST_BYTES,
            stop=stop,
        )
        running.add_done_callback(lambda _: os.close(stop))
        try:
            return await asyncio.wrap_future(running)
        finally:
            os.close(over)
            if not running.done():
                ended = asyncio.wrap_future(running)
                ended.add_done_callback(lambda done: done.cancelled() or done.exception())
                await asyncio.wait([ended])


def find(settings: Mapping[str, Any], env: Mapping[str, str]) -> Program:
    """The program that `settings` name.

    Args:
        settings: ``command``, ``args``, ``env``, ``passEnv``, ``timeoutSeconds``.
        env: the operator's.

    Raises:
        MintFailed: ``NotConfigured``: there is none, or it may not be run like this.
    """
    name = text(settings, "command")
    if not _COMMAND.fullmatch(name) or name in (".", ".."):
        raise refuse("command has to be the name of a program, without a folder")
    # An empty one would be the folder that the operator happens to be in.
    folders = [each for each in env.get(FOLDERS, "").split(os.pathsep) if each.startswith("/")]
    if not folders:
        raise refuse(
            "the operator has no programs that a PullCredential could run",
            f"{FOLDERS} of the operator names the folders that they are in",
        )
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise _not_there(name, os.pathsep.join(folders))
    given = _given(settings, env)
    own = {each: env[each] for each in _ALWAYS if each in env}
    secrets = [*given.values(), *(own[each] for each in own if each.lower().endswith("_proxy"))]
    own["PATH"] = os.pathsep.join([*folders, env.get("PATH") or os.defpath])
    return Program(
        name,
        path,
        texts(settings, "args"),
        own | given,
        number(settings, "timeoutSeconds", default=30, least=1, most=300),
        tuple(each for each in secrets if len(each) >= _LEAST_HIDDEN),
    )


def _not_there(name: str, folders: str) -> MintFailed:
    unfit = shutil.which(name, mode=os.F_OK, path=folders)
    if unfit is not None:
        return refuse(f"{unfit} is not executable", f"chmod +x {shlex.quote(unfit)}")
    return refuse(
        f"there is no program {name} in {folders}",
        "put it there: the operator's image or a volume brings it",
    )


def _given(settings: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """The variables that a PullCredential gives, its own and the operator's."""
    found = {name: env.get(name) for name in texts(settings, "passEnv")}
    own = settings.get("env") or []
    if not isinstance(own, list) or not all(isinstance(each, dict) for each in own):
        raise refuse("env has to be a list of objects with name and value")
    for each in own:
        name, value = text(each, "name"), each.get("value")
        if not isinstance(value, str):
            raise refuse(f"env: the value of {one_line(name)} has to be a text")
        found[name] = value
    allowed = tuple(each.strip() for each in env.get(VARIABLES, "").split(",") if each.strip())
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise refuse(f"{one_line(name)} cannot be the name of a variable")
        if not any_matches(allowed, name):
            raise refuse(
                f"{name} is no variable that a PullCredential may give to a program",
                f"{VARIABLES} of the operator names those that it may",
            )
    return {name: value for name, value in found.items() if value is not None}
