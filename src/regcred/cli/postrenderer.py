"""``regcred-post-renderer``: ``regcred inject`` as a program that needs no arguments.

Helm runs a post-renderer with what it has rendered on stdin and takes stdout for it
(https://helm.sh/docs/topics/advanced/#post-rendering). Settings come from ``REGCRED_SECRET`` and
the other variables; the flags of ``inject`` are taken as well.
"""

from __future__ import annotations

from typing import NoReturn

from regcred.cli import main as entry
from regcred.cli.inject import inject


def main() -> NoReturn:
    """Run as a program of its own."""
    entry.main(inject, "regcred-post-renderer")


if __name__ == "__main__":
    main()
