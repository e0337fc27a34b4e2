"""``regcred why``: why do Pods not pull, and what mends it?"""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from regcred.cli import inputs, output
from regcred.cli.options import (
    all_namespaces_option,
    cluster_options,
    dry_run_option,
    namespaces_option,
    output_option,
    probe_options,
    split_namespaces,
)
from regcred.cli.probing import Probing
from regcred.cli.verb import argument, option, verb
from regcred.core.errors import RegcredError, UsageError

if TYPE_CHECKING:
    from regcred.cli.whyfacts import Entry
    from regcred.core.diagnosis.facts import Unread
    from regcred.kube.client import Client
    from regcred.kube.config import ClusterConfig
    from regcred.kube.podsearch import Found
    from regcred.kube.podtargets import Target

_COULD_NOT_LOOK = 3


@verb(
    ("regcred why -n team-a", "all Pods of the namespace that fail"),
    "regcred why web-7d4f9c-x2x1l -n team-a",
    ("regcred why deploy/web sts/db", "the newest Pod of each that fails"),
    ("regcred why -n team-a --fix", "and mend it, after a question"),
    exit_codes={
        0: "no Pod fails to pull, or --fix has mended it",
        1: "one fails: its cause is said; or there is no such Pod",
        3: "cluster not reachable, or nothing of it may be read",
    },
)
@argument("targets", metavar="[POD|KIND/NAME]...", nargs=-1, completes="target")
@namespaces_option
@all_namespaces_option
@option("--no-probe", group="Registry", is_flag=True, help="Ask no registry, only the API server.")
@probe_options()
@option(
    "--fix",
    group="How",
    is_flag=True,
    help="Run the commands that need no password, after a question.",
)
@dry_run_option
# `table` is what other verbs call it.
@output_option("text", "json", "yaml", "table", default="text", metavar="[text|json|yaml]")
@option("--yes", group="How", is_flag=True, help="With --fix: do not ask.")
@cluster_options
def why(
    targets: tuple[str, ...],
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    no_probe: bool,
    concurrency: int,
    timeout: float,
    ca_file: str | None,
    certs_dir: str | None,
    plain_http: tuple[str, ...],
    fix: bool,
    yes: bool,
    dry_run: str,
    form: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Say why Pods do not pull, and what mends it.

    Names the cause of each image that does not come, on what evidence, and the command that
    mends it. Without a name all Pods of the namespace are looked at. Registries are asked as a
    pull would ask them, for the images of failing Pods alone.
    """
    from regcred.kube import podtargets

    if not all(targets):
        raise UsageError("a name is empty", hint='is a variable not set? regcred why "$POD"')
    wanted = podtargets.parse_all(targets)
    spaces = split_namespaces(namespaces)
    if all_namespaces and (targets or spaces):
        raise UsageError(
            "-A is every namespace, and excludes names and -n", hint="leave out -A, or the others"
        )
    if targets and len(spaces) > 1:
        raise UsageError(
            "give one namespace: it is that of the names",
            hint="for several, run it once for each -n NS",
        )
    if not fix and any(map(inputs.on_command_line, ("yes", "dry_run"))):
        raise UsageError("--yes and --dry-run are for --fix", hint="regcred why --fix --yes")
    if fix and not yes and dry_run == "none" and not sys.stdin.isatty():
        raise UsageError(
            "--fix asks before it runs anything, and there is no terminal", hint="--yes"
        )

    from regcred.kube import config as kubeconfigs

    config = kubeconfigs.load(kubeconfig=kubeconfig, context=context, env=os.environ)
    scope: list[str] | None = spaces or [config.namespace]
    probing = Probing.of_options(ca_file, certs_dir, plain_http, timeout, concurrency)
    run = _Run(
        config,
        wanted,
        None if all_namespaces else scope,
        None if no_probe else probing,
        "text" if form == "table" else form,
        (dry_run, yes) if fix else None,
    )
    code = run()
    if code:
        raise click.exceptions.Exit(code)


class _Run:
    """One run of the verb.

    Args:
        config: the cluster.
        targets: what is asked about; empty for all Pods.
        namespaces: where; None for everywhere.
        probing: how registries are asked; None to ask none.
        form: ``text``, ``json`` or ``yaml``.
        fix: ``--dry-run`` and ``--yes``; None to mend nothing.
    """

    def __init__(
        self,
        config: ClusterConfig,
        targets: list[Target],
        namespaces: list[str] | None,
        probing: Probing | None,
        form: str,
        fix: tuple[str, bool] | None,
    ) -> None:
        self._config, self._targets, self._namespaces = config, targets, namespaces
        self._probing, self._form, self._fix = probing, form, fix

    def __call__(self) -> int:
        """Look, show, mend; the exit code."""
        import asyncio

        return asyncio.run(self._work())

    async def _work(self) -> int:
        from regcred.cli.progress import Progress
        from regcred.kube import podnamed, podsearch
        from regcred.kube.client import Client

        now = datetime.now(UTC)
        async with Client(self._config) as client:
            with Progress("reading", None) as progress:
                if self._targets:
                    place = (self._namespaces or [""])[0]
                    found = await podnamed.named(client, self._targets, place, now, progress.step)
                else:
                    found = await podsearch.everything(client, self._namespaces, now, progress.step)
            entries, unread = await self._entries(client, found, now)
            return await self._show(client, found, entries, unread)

    async def _entries(
        self, client: Client, found: Found, now: datetime
    ) -> tuple[list[Entry], list[Unread]]:
        from regcred.cli.checking import Checker
        from regcred.cli.progress import Progress
        from regcred.cli.whyfacts import Gathering

        async with AsyncExitStack() as stack:
            checker = None
            if self._probing is not None and found.failing:
                prober = await stack.enter_async_context(self._probing.prober())
                checker = Checker(prober, now, secrets=True)
            with Progress("looking into it", None) as progress:
                gathering = Gathering(client, found, now, checker, progress.step)
                return await gathering.entries(), gathering.unread

    async def _show(
        self, client: Client, found: Found, entries: list[Entry], unread: list[Unread]
    ) -> int:
        from regcred.cli import whyshown

        groups = whyshown.grouped(entries)
        document = whyshown.to_dict(entries, unread)
        if self._form == "text":
            if groups or found.fine:
                whyshown.show(groups, found.fine)
            sys.stdout.flush()
            _tell_unread(entries, unread)
            if len(groups) > 1:
                output.note(whyshown.summary(groups))
        else:
            for said in found.fine:
                output.note(output.typed(said))
        for error in found.wrong:
            output.error(error.message, error.hint)
        mended = False
        try:
            if self._fix and entries:
                from regcred.cli.fixing import Fixing

                fixing = Fixing(client, groups, self._form, *self._fix)
                try:
                    mended = await fixing.run()
                finally:
                    document["results"] = fixing.document()
        finally:
            if self._form != "text":
                output.print_object(document, self._form)
        return _exit_code(found.wrong, found.looked, bool(entries) and not mended)


def _tell_unread(entries: list[Entry], unread: list[Unread]) -> None:
    """Say what could not be read, as far as no entry does."""
    said = {one.right or one.why for entry in entries if entry.facts for one in entry.facts.unread}
    for one in unread:
        if (one.right or one.why) not in said:
            why = f"it takes the right to {one.right}" if one.right else one.why
            output.warning(f"{one.what} could not be read: {why}")


def _exit_code(wrong: list[RegcredError], looked: bool, found: bool) -> int:
    if found:
        return 1
    if wrong:
        return 1 if looked else _COULD_NOT_LOOK
    return 0
