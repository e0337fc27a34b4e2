"""The ``regcred`` command: its verbs, loaded when called, and what a person sees of an error.

Start-up time is part of the interface: ``regcred secret --dry-run=client`` races kubectl, so
this module imports click and nothing heavier, and each verb imports what it needs.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import io
import os
import sys
from typing import NoReturn

import click

import regcred
from regcred.cli import output
from regcred.core.errors import RegcredError

#: verb → (module:attribute, the line that ``--help`` shows). The line stands here so that
#: ``regcred --help`` loads no verb.
VERBS = {
    "login": ("regcred.cli.login:login", "Log a namespace in to a registry: the one-liner."),
    "logout": ("regcred.cli.logout:logout", "Undo a login exactly."),
    "secret": ("regcred.cli.secret:secret", "Create or update a pull Secret, or print it."),
    "attach": ("regcred.cli.attach:attach", "Put a pull Secret on ServiceAccounts."),
    "detach": ("regcred.cli.attach:detach", "Take a pull Secret off ServiceAccounts again."),
    "check": ("regcred.cli.check:check", "Say whether images will be pulled, before the deploy."),
    "why": ("regcred.cli.why:why", "Say why Pods do not pull, and what mends it."),
    "status": ("regcred.cli.status:status", "Show which logins are where, and what fails."),
    "inject": ("regcred.cli.inject:inject", "Write pull Secrets into manifests."),
    "operator": ("regcred.cli.operator:operator", "Keep a whole cluster logged in."),
}

#: What can only come from writing stdout: `manifests` has its own words for files.
_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

EPILOG = """\b
Every flag is also an environment variable: --username is REGCRED_USERNAME.
Exit codes: 0 done, 1 the answer is no, 2 wrong usage,
            3 cluster or registry not reachable.
"""


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb `cmd_name`; None for one that does not exist."""
        if cmd_name not in VERBS:
            return None
        module, attribute = VERBS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - VERBS is ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs from the table, without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])


@click.group(
    cls=Verbs,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(regcred.__version__, "--version", message="regcred %(version)s")
def cli() -> None:
    """Private-registry image pulls on Kubernetes that just work.

    \b
    regcred login REGISTRY -n NAMESPACE   verifies the credential, writes it into
                                          the Secret, attaches that, and names
                                          the Pods that still wait
    """


def main(command: click.Command = cli, program: str = "") -> NoReturn:
    """Run the command line and exit: no traceback reaches a person.

    Args:
        command: what is run.
        program: its name, where it is another one than regcred.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller: `regcred … >&-`
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character is no reason to fail. And a line is said
        # when the thing is done, into a pipe too: what an interrupted run did is seen there.
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    # Work makes far more objects than cycles, so looking for these seldom is enough.
    gc.set_threshold(50_000)
    code = run(sys.argv[1:], command, program)
    # As it ends, the interpreter takes itself apart object by object: a tenth of a short run.
    # Nothing waits for that: whatever must be closed has been by its owner, and said by `run`.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(args: list[str], command: click.Command = cli, program: str = "") -> int:
    """Run the command line with `args` and return the exit code."""
    program = program or _program()
    try:
        code = command.main(args, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except RegcredError as error:
        output.error(error.message, error.hint)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else program
        output.error(_line(error), f"{path} --help")
        return 2
    except click.ClickException as error:
        output.error(_line(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # Not behind a question or a ^C.
        output.error("interrupted: only what is reported is done; the same command does the rest")
        return 130
    except (BrokenPipeError, SystemExit):
        # The reader has gone (`regcred … | head`), which click ends with SystemExit: there is
        # nobody left to tell.
        _discard_stdout()
        return 141
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_TROUBLE:
            _discard_stdout()
            output.error(
                f"cannot write to standard output: {error.strerror}",
                "what was to be said here may be done all the same; run it again to see",
            )
            return 1
        if os.environ.get("REGCRED_DEBUG"):
            raise
        output.error(
            f"this is a bug in regcred: {type(error).__name__}",
            "run it again with REGCRED_DEBUG=1 and report the traceback (read it first)",
        )
        return 1
    return code if isinstance(code, int) else 0


def _line(error: click.ClickException) -> str:
    """The message of `error` in one line: click lists choices in several."""
    return " ".join(error.format_message().split())


def _discard_stdout() -> None:
    """Drop what is still to be written; the interpreter would try once more, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _program() -> str:
    """``regcred``, or ``kubectl regcred`` when kubectl called us as its plugin."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib costs start-up time
    return "kubectl regcred" if name.startswith("kubectl-") else "regcred"
