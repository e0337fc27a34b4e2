"""``regcred status``: which logins are where, when they expire, what fails."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from regcred.cli import output
from regcred.cli.options import (
    all_namespaces_option,
    cluster_options,
    namespaces_option,
    output_option,
    split_names,
    split_namespaces,
)
from regcred.cli.verb import option, verb
from regcred.core.errors import UsageError
from regcred.core.names import check_name

if TYPE_CHECKING:
    from regcred.core.namespace.statusreport import Row, Summary
    from regcred.kube.statusread import Listing, Reading

_UNREACHABLE = 3


_NOTES = (
    "Columns",
    (
        (
            "ATTACHED",
            "2/3: of the ServiceAccounts meant, those that name the Secret. Meant are default and "
            'each that a Pod runs as. "0/1, 2 Pods": it is on none, and Pods name it. '
            '"admission": Pods get it as they are created (attach: Pod).',
        ),
        (
            "MANAGED BY",
            "login or operator: regcred keeps it; else the tool that says so, or that wrote the "
            "data.",
        ),
        ("EXPIRES", "as the password, or regcred's mark, says; -: nothing says so."),
        (
            "FAILING",
            "Pods that fail to pull an image that the registry matches, and that name the Secret; "
            "with -, that name none for it.",
        ),
        ("?", "may not be read."),
    ),
)


@verb(
    ("regcred status", "the context's namespace"),
    ("regcred status -A", "the whole cluster"),
    "regcred status -n team-a -n team-b -o json",
    exit_codes={
        0: "whatever there is: check and why judge",
        1: "there is no such namespace",
        3: "cluster not reachable, or nothing of it may be read",
    },
    notes=_NOTES,
)
@namespaces_option
@all_namespaces_option
@option(
    "--pullcredential",
    "givers",
    group="What",
    metavar="NAME",
    multiple=True,
    completes="pullcredential",
    help="Only the logins that this PullCredential gives.",
)
@output_option("table", "json", "yaml", default="table")
@cluster_options
def status(
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    givers: tuple[str, ...],
    form: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show which registry logins are where, when they expire, and what fails.

    A row for each registry in each pull Secret of a namespace, for Secrets that are named and are
    not there, and for registries that Pods fail to pull from and name no Secret for.
    """
    names = split_namespaces(namespaces)
    if names and all_namespaces:
        raise UsageError(
            "--namespace and --all-namespaces exclude each other", hint="give one of them"
        )
    wanted = frozenset(split_names(givers, '--pullcredential "$NAME"'))
    for giver in wanted:
        check_name(giver, "PullCredential")
    reading = _read(names, all_namespaces, kubeconfig, context)
    code = _show(reading, form, wanted, everywhere=all_namespaces)
    if code:
        raise click.exceptions.Exit(code)


def _read(
    names: list[str], everywhere: bool, kubeconfig: str | None, context: str | None
) -> Reading:
    import asyncio

    from regcred.cli.progress import Progress
    from regcred.kube import config as kubeconfigs
    from regcred.kube import statusread
    from regcred.kube.client import Client

    config = kubeconfigs.load(kubeconfig=kubeconfig, context=context, env=os.environ)

    async def run() -> Reading:
        async with Client(config) as client:
            with Progress("reading", None, "pages") as progress:
                scope = None if everywhere else names or [config.namespace]
                return await statusread.read(client, scope, progress.step)

    return asyncio.run(run())


def _show(reading: Reading, form: str, givers: frozenset[str], *, everywhere: bool) -> int:
    """Print what was read; the exit code."""
    from regcred.core.namespace.statusreport import Summary
    from regcred.core.namespace.statusrows import rows

    now = datetime.now(UTC)
    found = [
        row
        for _, facts in sorted(reading.namespaces.items())
        for row in rows(facts, now, always=not everywhere and not givers)
        if not givers or row.giver in givers
    ]
    summary = Summary.of(reading.namespaces.values(), complete=reading.complete)
    unread = _unread(reading)
    if form != "table":
        output.print_object(_document(found, summary, unread), form)
    elif reading.answered:
        _print_table(found, now)
        if givers and not found:
            output.note(f"no login here comes from PullCredential {', '.join(sorted(givers))}")
    for name in reading.absent:
        output.error(f"namespace {name} does not exist", "kubectl get namespaces")
    if form == "table":
        for what, right, why, _ in unread:
            said = f"may not {right}" if right else why
            output.warning(f"not read, so unknown: {what}: {said}")
        for hint in dict.fromkeys(filter(None, _hints(reading))):
            output.tell_hint(hint)
        if reading.answered and (everywhere or len(reading.namespaces) > 1):
            output.note(str(summary))
    if reading.absent:
        return 1
    if not reading.answered:
        output.error("nothing may be read", "-n NAMESPACE asks for less" if everywhere else "")
        return _UNREACHABLE
    return 0


def _print_table(found: list[Row], now: datetime) -> None:
    from regcred.cli import statustable

    made = statustable.table if sys.stdout.isatty() else statustable.lines
    stream = output.data()
    stream.write(made(found, now))
    stream.flush()


def _document(
    found: list[Row], summary: Summary, unread: list[tuple[str, str, str, str]]
) -> dict[str, Any]:
    return {
        "rows": [row.to_dict() for row in found],
        "unread": [
            {k: v for k, v in zip(("what", "right", "why", "hint"), each, strict=True) if v}
            for each in unread
        ],
        "summary": summary.to_dict(),
    }


def _hints(reading: Reading) -> list[str]:
    """What would have each of `reading.unread` read: all that is missing in a namespace in one."""
    from regcred.core.errors import Forbidden
    from regcred.kube import grants

    denied: dict[str | None, dict[str, Forbidden]] = {}
    for listing, error in reading.unread:
        if isinstance(error, Forbidden):
            denied.setdefault(listing.namespace, {})[listing.resource.plural] = error
    common: dict[str | None, str] = {}
    for namespace, found in denied.items():
        errors = [error for _, error in sorted(found.items())]
        if len(errors) > 1 and (together := grants.of_kinds(errors, "status")):
            common[namespace] = together.hint
    return [
        common.get(listing.namespace, error.hint) if isinstance(error, Forbidden) else error.hint
        for listing, error in reading.unread
    ]


def _unread(reading: Reading) -> list[tuple[str, str, str, str]]:
    """What could not be listed, each kind once: what, the right that it takes, or why, a hint."""
    from regcred.core.errors import Forbidden
    from regcred.core.problem import listed

    kinds: dict[tuple[str, bool], list[tuple[Listing, Any, str]]] = {}
    for (listing, error), hint in zip(reading.unread, _hints(reading), strict=True):
        kinds.setdefault((listing.resource.plural, isinstance(error, Forbidden)), []).append(
            (listing, error, hint)
        )
    said = []
    for (plural, forbidden), each in kinds.items():
        places = sorted({listing.namespace for listing, *_ in each if listing.namespace})
        where = f" in {listed(places)}" if places else ""
        if not where and each[0][0].resource.namespaced:
            where = " in all namespaces"
        _, error, hint = each[0]
        right = f"list {plural}{where}" if forbidden else ""
        why = "" if forbidden else error.message
        said.append((f"{plural}{where}", right, why, output.typed(hint)))
    return sorted(said)
