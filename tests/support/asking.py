"""``regcred why`` for many namespaces: those that wait for an answer are asked about together.

A process of its own for each would take most of the time that two cores have.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.cli import run_regcred

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stages import Stage


@dataclass(frozen=True)
class Answer:
    """What ``regcred why`` said.

    Args:
        pods: of the JSON, those of the namespace.
        text: what a person is shown, others' namespaces included.
        shown: all that was written, to stderr too.
    """

    pods: list[dict[str, Any]]
    text: str
    shown: str


@dataclass
class _Batch:
    namespaces: list[str] = field(default_factory=list)
    outputs: Future[tuple[list[dict[str, Any]], str, str]] = field(default_factory=Future)


class Asking:
    """Runs the command.

    Args:
        kubeconfig: whose.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._env = {"KUBECONFIG": str(kubeconfig)}
        self._lock = threading.Lock()
        self._open: dict[tuple[str, ...], _Batch] = {}

    def ask(self, stage: Stage, *flags: str) -> Answer:
        """Ask about the namespace of `stage`, and others that are asked about at this moment.

        Whoever comes first runs the command when it is its turn; until then others join in.
        """
        key = (*flags, "" if stage.is_urgent else "later")
        with self._lock:
            first = key not in self._open
            batch = self._open.setdefault(key, _Batch())
            batch.namespaces.append(stage.namespace)
        if first:
            with stage.turn():
                with self._lock:
                    del self._open[key]
                try:
                    batch.outputs.set_result(self._run(batch.namespaces, flags))
                except BaseException as error:
                    batch.outputs.set_exception(error)
                    raise
        pods, text, shown = batch.outputs.result()
        return Answer([pod for pod in pods if pod["namespace"] == stage.namespace], text, shown)

    def _run(
        self, namespaces: list[str], flags: tuple[str, ...]
    ) -> tuple[list[dict[str, Any]], str, str]:
        """Both forms; something is found, so the exit code is 1."""
        where = [f"--namespace={namespace}" for namespace in namespaces]
        found = run_regcred("why", *where, *flags, "-o", "json", env=self._env, check=1)
        text = run_regcred("why", *where, *flags, env=self._env, check=1)
        shown = found.stdout + found.stderr + text.stdout + text.stderr
        return json.loads(found.stdout)["pods"], text.stdout.decode(), shown.decode()
