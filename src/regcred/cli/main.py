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
from typing import TYPE_CHECKING, NoReturn

import click

import regcred
from regcred.cli import output
from regcred.cli.verb import CONTEXT, EXIT_CODES, Example
from regcred.core.errors import RegcredError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.shell_completion import CompletionItem

#: What shells ask at TAB: no verb, since nobody types it.
_COMPLETE = "__complete"

#: verb → (module:attribute, the line that ``--help`` shows). The line stands here so that
#: ``regcred --help`` loads no verb.
VERBS = {
    "login": ("regcred.cli.login:login", "Log a namespace in to a registry: the one-liner."),
    "logout": ("regcred.cli.logout:logout", "Undo a login exactly."),
    "check": ("regcred.cli.check:check", "Say whether images will be pulled, before the deploy."),
    "why": ("regcred.cli.why:why", "Say why Pods do not pull, and what mends it."),
    "status": ("regcred.cli.status:status", "Show which logins are where, and what fails."),
    "secret": ("regcred.cli.secret:secret", "Create or update a pull Secret, or print it."),
    "attach": ("regcred.cli.attach:attach", "Put a pull Secret on ServiceAccounts."),
    "detach": ("regcred.cli.attach:detach", "Take a pull Secret off ServiceAccounts again."),
    "inject": ("regcred.cli.inject:inject", "Write pull Secrets into manifests."),
    "operator": ("regcred.cli.operator:operator", "Keep a whole cluster logged in."),
    "credential-provider": (
        "regcred.cli.credentialprovider:credential_provider",
        "Mint a token at each pull: kubelet's plugin.",
    ),
    "completion": ("regcred.cli.completion:completion", "Print what completes regcred at TAB."),
}

#: title → verbs, by use: how ``regcred --help`` lists them, and the pages that are made of it.
SECTIONS = {
    "The first hour": ("login", "logout", "check", "why", "status"),
    "The pieces, one by one": ("secret", "attach", "detach", "inject"),
    "The whole cluster": ("operator", "credential-provider"),
    "This shell": ("completion",),
}

EXAMPLES = (
    Example("regcred login ghcr.io -u me -n team-a"),
    Example("regcred why -n team-a"),
)

#: What can only come from writing stdout: `manifests` has its own words for files.
_DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb, or what may have been meant in its place."""
        verb = args[0]
        if verb not in VERBS and not verb.startswith("-") and not ctx.resilient_parsing:
            meant, path = _nearest(verb, VERBS), ctx.command_path
            raise UsageError(
                f"there is no verb {verb!r}",
                hint=f"did you mean {path} {meant}?" if meant else f"{path} --help",
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs, of which none is imported, and the flags."""
        from click.shell_completion import CompletionItem

        flags = click.Command.shell_complete(self, ctx, incomplete)
        return flags + [
            CompletionItem(verb, help=line)
            for verb, (_, line) in VERBS.items()
            if verb.startswith(incomplete)
        ]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Usage, examples, what it is, the verbs by use (none is imported), exit codes."""
        from regcred.cli import helptext

        formatter.write_usage(ctx.command_path, "VERB [OPTIONS]")
        helptext.write_examples(EXAMPLES, formatter)
        formatter.write_paragraph()
        formatter.indent()
        formatter.write_text(
            "Private-registry image pulls on Kubernetes that just work. The first example asks the "
            "registry whether the login is right, writes it into a Secret, attaches that to the "
            "ServiceAccount, and names the Pods that still wait."
        )
        formatter.dedent()
        lists = {title: [(v, VERBS[v][1]) for v in verbs] for title, verbs in SECTIONS.items()}
        records = [option.get_help_record(ctx) for option in self.get_params(ctx)]
        lists["Help"] = [
            (f"{ctx.command_path} VERB --help", "Examples and flags of a verb."),
            *filter(None, records),
        ]
        helptext.write_lists(lists, formatter)
        helptext.write_exit_codes(EXIT_CODES, formatter)
        formatter.write_paragraph()
        formatter.indent()
        formatter.write_text(
            "Each flag is a variable too: --dry-run is REGCRED_DRY_RUN. NO_COLOR=1 has no colours."
        )
        formatter.dedent()


@click.group(cls=Verbs, context_settings=CONTEXT, invoke_without_command=True)
@click.version_option(
    regcred.__version__, "--version", message="regcred %(version)s", help="Show the version."
)
@click.help_option("-h", "--help", help="Show this.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Private-registry image pulls on Kubernetes that just work."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


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
    if command is cli and len(args) > 1 and args[0] == _COMPLETE:
        from regcred.cli import completing

        return completing.run(args[1], args[2:])
    try:
        code = command.main(args, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except RegcredError as error:
        output.error(error.message, error.hint)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _tell_usage(error, program)
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


def _tell_usage(error: click.UsageError, program: str) -> None:
    """Say what cannot be meant, and what may have been."""
    path = error.ctx.command_path if error.ctx else program
    if isinstance(error, click.NoSuchOption) and error.ctx:
        flags = [flag for each in error.ctx.command.get_params(error.ctx) for flag in each.opts]
        meant = _nearest(error.option_name, [flag for flag in flags if flag.startswith("--")])
        where = path.removeprefix(program).strip() or program
        output.error(
            f"{where} has no flag {error.option_name}",
            f"did you mean {meant}? {path} --help has them all" if meant else f"{path} --help",
        )
    else:
        output.error(_line(error), f"{path} --help")


def _nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that may have been meant by `word`; empty for none."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(words), 1)), "")


def _line(error: click.ClickException) -> str:
    """The message of `error` in one line, as ours are: click lists choices in several."""
    said = " ".join(error.format_message().split()).removesuffix(".")
    return said[:1].lower() + said[1:]


def _discard_stdout() -> None:
    """Drop what is still to be written; the interpreter would try once more, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _program() -> str:
    """``regcred``, or ``kubectl regcred`` when kubectl called us as its plugin."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib costs start-up time
    return "kubectl regcred" if name.startswith("kubectl-") else "regcred"
