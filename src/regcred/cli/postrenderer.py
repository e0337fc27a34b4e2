"""``regcred-post-renderer``: ``regcred inject`` as a program that needs no arguments.

Helm runs a post-renderer with what it has rendered on stdin and takes stdout for it
(https://helm.sh/docs/topics/advanced/#post-rendering). Settings come from ``REGCRED_SECRET`` and
the other variables; the flags of ``inject`` are taken as well.
"""

from __future__ import annotations

from typing import NoReturn

import click

import regcred
from regcred.cli import main as entry
from regcred.cli.inject import inject
from regcred.cli.verb import Example, Verb

_PROGRAM = "regcred-post-renderer"

post_renderer = click.version_option(
    regcred.__version__, "--version", message=f"{_PROGRAM} %(version)s"
)(
    Verb(
        _PROGRAM,
        callback=inject.callback,
        params=list(inject.params),
        examples=(
            Example(
                "REGCRED_SECRET=regcred helm install web ./chart "
                "--post-renderer regcred-post-renderer"
            ),
            Example(
                "helm install web ./chart --post-renderer regcred-post-renderer "
                "--post-renderer-args --secret=regcred"
            ),
            Example("helm template web ./chart | regcred-post-renderer --secret regcred"),
        ),
        help="""Write pull Secrets into what Helm has rendered: a post-renderer. It reads manifests
        on standard input and writes them to standard output, as "regcred inject" does, and
        takes the same flags.""",
        exit_codes=inject.exit_codes,
    )
)


def main() -> NoReturn:
    """Run as a program of its own."""
    entry.main(post_renderer, _PROGRAM)


if __name__ == "__main__":
    main()
