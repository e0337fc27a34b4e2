"""What the demo does where the whole cluster, and the registry, are its own."""

from __future__ import annotations

import os
import secrets
import shlex
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.demo.place import NEW_PASSWORD, write_password
from cluster.demo.shell import say
from cluster.errors import ClusterError
from cluster.paths import CHECKOUT, last_lines
from cluster.processes import ProcessId, await_end
from cluster.registries import HTPASSWD
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from cluster.cluster import Cluster
    from cluster.demo.shell import Shell

_OPERATOR = "operator"
_PATIENCE = 60.0


@dataclass
class Whole:
    """A cluster that the demo has brought up.

    Args:
        cluster: it.
        shell: whose environment the operator gets.
    """

    cluster: Cluster
    shell: Shell
    _operator: ProcessId | None = field(default=None, init=False)

    def start_operator(self, command: str) -> None:
        """Show a command that goes on in the background, and return when the operator acts.

        Args:
            command: as it is typed, without the ``&``; it ends with the cluster.

        Raises:
            ClusterError: it ends, or does not begin to act in time; with the end of its log.
        """
        say(f"$ {command} &")
        # From bash, so that it is just what is shown; in its place, so that it is that process.
        line = f"cd {shlex.quote(str(self.shell.folder))}; exec {command}"
        self._operator = self.cluster.start_process(
            _OPERATOR, ["/bin/bash", "-c", line], self.shell.env
        )
        log = self.cluster.folder.log(_OPERATOR)
        await_condition(
            "the operator acts",
            lambda: " Leading " in log.read_text(),
            timeout=_PATIENCE,
            meanwhile=self._check,
            log=lambda: last_lines(log),
        )

    def end_operator(self) -> None:
        """End it as Ctrl-C would; returns when it is gone.

        Raises:
            ClusterError: it does not end.
        """
        if self._operator is None:
            return
        os.kill(self._operator.pid, signal.SIGINT)
        if await_end([self._operator], _PATIENCE):
            log = last_lines(self.cluster.folder.log(_OPERATOR))
            raise ClusterError("the operator does not end on Ctrl-C", log=log)
        self._operator = None

    def change_password(self, username: str) -> None:
        """Give an account of the registry another password, which is in `NEW_PASSWORD` then."""
        password = secrets.token_urlsafe(18)
        self.cluster.registries[HTPASSWD].add_account(username, password)
        write_password(self.shell.folder, password, NEW_PASSWORD)

    def _check(self) -> None:
        if self._operator and not self._operator.runs():
            log = last_lines(self.cluster.folder.log(_OPERATOR))
            raise ClusterError("the operator has ended", log=log)


def bring_manifests(shell: Shell) -> None:
    """Have ``deploy`` in the shell's folder, as in a checkout."""
    (shell.folder / "deploy").symlink_to(CHECKOUT / "deploy")
