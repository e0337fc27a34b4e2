"""Kubelet's own reading of images, keys, docker configs and pull Secrets, to hold ours against.

The program beside this file is linked with kubelet's packages, in the version that the cluster's
go.mod pins; it is built once, into the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import gomod
from cluster.golang import ensure_go
from cluster.locking import locked
from cluster.paths import cache_folder

if TYPE_CHECKING:
    from types import TracebackType

    from cluster.progress import Progress

_SOURCE = Path(__file__).with_name("main.go")


class Kubelet:
    """The program, running. A context manager.

    Args:
        program: its path.
    """

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """The answer to one question; the fields of both are in main.go."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Kubelet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # It ends with its input.
        self._process.communicate()


def build(progress: Progress) -> Path:
    """The path of the program, built if need be.

    Raises:
        ClusterError: there is no Go.
        CalledProcessError: it does not compile.
    """
    module = gomod.load("kubernetes", "k8s.io/kubernetes")
    content = _SOURCE.read_bytes() + (module.folder / "go.sum").read_bytes()
    program = cache_folder() / "kubelet-reads" / hashlib.sha256(content).hexdigest()[:16]
    waiting = "another process is building kubelet's lookup; waiting"
    with locked(program.with_name("build.lock"), progress, waiting):
        if program.exists():
            return program
        go = ensure_go(module.go, progress)
        new = program.with_suffix(".new")
        # The flags of the cluster's programs, so that what they share is compiled once.
        command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
        env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        with progress.task("kubelet's lookup: compiling (once, about a minute)"):
            subprocess.run([*command, "-o", new, _SOURCE], cwd=module.folder, env=env, check=True)
        new.rename(program)
    return program
