"""``regcred completion``: the code by which a shell completes regcred.

The shells ask ``regcred __complete`` (`regcred.cli.completing`) at each TAB; what they are given
here only calls that.
"""

from __future__ import annotations

from pathlib import Path

import click

from regcred.cli import output
from regcred.cli.verb import argument, verb

SHELLS = ("bash", "zsh", "fish")

_NOTES = (
    "To have it in every shell",
    (
        ("bash", "source <(regcred completion bash), in ~/.bashrc"),
        ("zsh", "source <(regcred completion zsh), in ~/.zshrc and behind compinit"),
        ("fish", "regcred completion fish | source, in ~/.config/fish/config.fish"),
        ("kubectl", "needs nothing: kubectl asks kubectl_complete-regcred, which is installed"),
    ),
)


@verb(
    "source <(regcred completion bash)",
    "regcred completion fish | source",
    exit_codes={0: "done", 1: "standard output is closed", 3: ""},
    notes=_NOTES,
)
@argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes regcred in SHELL: bash, zsh or fish.

    Verbs, flags and files, and what the cluster has: namespaces, ServiceAccounts, pull Secrets,
    Pods and PullCredentials. The cluster has REGCRED_COMPLETE_SECONDS to name them, or two; those
    that have come by then are offered.
    """
    path = Path(__file__).with_name("shell") / f"completion.{shell}"
    output.data()
    output.write_bytes(path.read_bytes())
