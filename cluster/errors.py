"""The one error that a person who brings up a cluster may meet."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster, or something that it needs, is not to be had.

    Args:
        message: what happened, to which part, and why; one sentence, no full stop at its end.
        hint: what to do about it, preferably a command; empty when there is nothing to say.
        log: the last lines of the log that tells more; empty when there is none.
    """

    def __init__(self, message: str, *, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log

    def __str__(self) -> str:
        parts = [self.message, self.log.rstrip("\n"), f"hint: {self.hint}" if self.hint else ""]
        return "\n".join(part for part in parts if part)
