"""``regcred attach`` and ``detach``: a pull Secret's name on ServiceAccounts, and off again."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from regcred.cli import output
from regcred.cli.options import (
    all_namespaces_option,
    cluster_options,
    dry_run_option,
    namespaces_option,
    output_option,
    serviceaccounts_option,
    split_namespaces,
    split_serviceaccounts,
    timeout_option,
)
from regcred.cli.report import Report, Result, left
from regcred.cli.verb import argument, option, verb
from regcred.core import names
from regcred.core.errors import Forbidden, NotFound, RegcredError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from regcred.core.logins.serviceaccount import Change
    from regcred.kube.attachable import Unfit
    from regcred.kube.selection import Selection


#: Namespaces that a warning names; of the others it says how many they are.
_MOST_WARNED = 3


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in reversed(
        (
            argument("secret", metavar="SECRET", completes="secret"),
            namespaces_option,
            all_namespaces_option,
            option(
                "--namespace-selector",
                group="Where",
                metavar="LABELS",
                default="",
                help="In the namespaces with these labels, e.g. team=a.",
            ),
            serviceaccounts_option,
            option("--all", "everyone", group="Where", is_flag=True, help="Every ServiceAccount."),
            option(
                "-l",
                "--selector",
                group="Where",
                metavar="LABELS",
                default="",
                help="The ServiceAccounts with these labels.",
            ),
            dry_run_option,
            output_option("table", "json", "yaml", default="table"),
            cluster_options,
        )
    ):
        command = decorate(command)
    return command


@verb(
    "regcred attach regcred -n team-a",
    "regcred attach regcred -n team-a --serviceaccount 'build-*',default",
    ("regcred attach regcred -A --dry-run=server", "what would be done in all namespaces"),
    exit_codes={1: "at least one failed: a missing right, or it is not there"},
)
@timeout_option("How long to wait for a ServiceAccount that is being made.")
@_options
def attach(secret: str, **given: Any) -> None:
    """Put the pull Secret SECRET on ServiceAccounts, so that new Pods get it.

    Other entries stay as they are, in their order. What is added is noted on the
    ServiceAccount, so that detach takes away only that.
    """
    from regcred.core.logins.serviceaccount import attach as decide

    _run("attaching", secret, partial(decide, secret=secret), given)


@verb(
    "regcred detach regcred -n team-a",
    ("regcred detach regcred -A --all", "everywhere"),
    exit_codes={1: "at least one failed: a missing right, or it is not there"},
)
@_options
@option(
    "--force",
    group="How",
    is_flag=True,
    help="Take it off even where somebody else put it on.",
)
def detach(secret: str, *, force: bool, **given: Any) -> None:
    """Take the pull Secret SECRET off ServiceAccounts again.

    Off "default", or off those that you choose, and only where attach put it on.
    """
    from regcred.core.logins.serviceaccount import detach as decide

    _run("detaching", secret, partial(decide, secret=secret, force=force), given)


def _run(
    doing: str,
    secret: str,
    decide: Callable[[dict[str, Any]], Change],
    given: dict[str, Any],
) -> None:
    import asyncio

    names.check_name(secret, "Secret")
    selection = _selection(given, patience=given.get("timeout", 0.0))
    report = Report.of(given["form"], given["dry_run"])
    if selection.looked_up:
        report.counted = ("Unchanged",)  # Nobody asked about each of them.
    with report:
        asyncio.run(_work(doing, secret, decide, selection, given, report))
    failed = report.count("Failed")
    if (found := len(report.results)) > 1 or selection.looked_up:
        words = sorted({r.result for r in report.results})
        counts = ", ".join(f"{report.count(w):,} {w.lower()}" for w in words)
        output.note(f"{found:,} ServiceAccount{'' if found == 1 else 's'}: {counts}")
    if failed:
        raise click.exceptions.Exit(1)


def _selection(given: dict[str, Any], *, patience: float) -> Selection:
    from regcred.kube.selection import Selection

    namespaces = split_namespaces(given["namespaces"])
    ways = [bool(namespaces), given["all_namespaces"], bool(given["namespace_selector"])]
    if sum(ways) > 1:
        raise UsageError(
            "--namespace, --all-namespaces and --namespace-selector exclude each other",
            hint="give one of them",
        )
    patterns = split_serviceaccounts(given["serviceaccounts"])
    if given["everyone"] and patterns:
        raise UsageError("--all and --serviceaccount exclude each other", hint="give one of them")
    # A label selector alone means everything with these labels, not only `default`.
    fallback = "*" if given["everyone"] or given["selector"] else "default"
    return Selection(
        namespaces=namespaces,
        all_namespaces=given["all_namespaces"],
        namespace_selector=given["namespace_selector"],
        patterns=patterns or [fallback],
        selector=given["selector"],
        patience=patience,
    )


async def _work(
    doing: str,
    secret: str,
    decide: Callable[[dict[str, Any]], Change],
    selection: Selection,
    given: dict[str, Any],
    report: Report,
) -> None:
    from regcred.cli.progress import Progress
    from regcred.kube import attachable, grants, needs, rights, serviceaccounts
    from regcred.kube import config as kubeconfig
    from regcred.kube.client import Client
    from regcred.kube.fanout import each
    from regcred.kube.selection import find

    config = kubeconfig.load(
        kubeconfig=given["kubeconfig"], context=given["context"], env=os.environ
    )
    dry_run = given["dry_run"]
    async with Client(config) as client:
        wanted = needs.tried(needs.attach(selection), dry_run)
        try:
            found, awaited = await find(client, selection, config.namespace)
        except Forbidden as error:
            raise await rights.with_others(client, error, wanted) from None

        async def one(item: tuple[str, str]) -> Change:
            namespace, name = item
            obj = found.get(item) or await serviceaccounts.wait_for(
                client,
                name,
                namespace,
                patience=selection.patience,
                tell=output.note,
                takes_away=doing == "detaching",
            )
            if dry_run == "client":
                return decide(obj)
            return await serviceaccounts.change(client, obj, decide, dry_run=dry_run == "server")

        targets = [*found, *awaited]
        if not targets:
            raise NotFound(
                f"no ServiceAccount matches {', '.join(selection.patterns)}"
                + (f" with the labels {selection.selector}" if selection.selector else ""),
                hint=f"kubectl get serviceaccounts {selection.scope(config.namespace)}",
            )
        # Told at the end, since one command grants all that is missing in a namespace.
        refused: dict[str, dict[str, Forbidden]] = {}
        with Progress(doing, len(targets)) as progress:
            # Closed at once when a line cannot be written: nothing is changed unseen.
            async with aclosing(each(targets, one)) as results:
                async for (namespace, name), change in results:
                    if isinstance(change, Forbidden) and grants.of_error(change):
                        refused.setdefault(namespace, {})[name] = change
                    else:
                        report.add(_result(namespace, name, secret, change))
                    progress.step()
        for namespace, errors in sorted(refused.items()):
            accounts = sorted(errors)
            told = await rights.all_with_others(client, [errors[n] for n in accounts], wanted)
            for name, failure in zip(accounts, told, strict=True):
                report.add(_result(namespace, name, secret, failure))
        if doing == "attaching":
            on = {r.namespace for r in report.results if r.result == "Attached"}
            if on:
                unfit = await attachable.problems(
                    client, secret, sorted(on), everywhere=selection.everywhere
                )
                _warn(secret, unfit)


def _warn(secret: str, unfit: dict[str, Unfit]) -> None:
    """Say where there is no such pull Secret; it may come yet, so that is no failure."""
    from regcred.core.problem import Reason

    if not unfit:
        return
    for each in [*unfit.values()][:_MOST_WARNED]:
        output.warning(each.message)
    rest = Counter(each.reason for each in [*unfit.values()][_MOST_WARNED:])
    missing, wrong = rest[Reason.SECRET_MISSING], rest[Reason.WRONG_SECRET_TYPE]
    for number, what in (
        (missing, "does not exist"),
        (wrong, "is of a type that kubelet passes over"),
        (rest.total() - missing - wrong, "holds no login that kubelet can use"),
    ):
        if number:
            more = f"{number:,} more namespace{'' if number == 1 else 's'}"
            output.warning(f"in {more}, Secret {secret} {what}")
    told: set[Reason] = set()
    for namespace, each in unfit.items():
        if each.reason not in told:  # The first of a kind shows how it is mended.
            told.add(each.reason)
            output.tell_hint(_mend(secret, namespace, each))


def _mend(secret: str, namespace: str, unfit: Unfit) -> str:
    from regcred.core.diagnosis import remedies
    from regcred.core.problem import Reason

    if unfit.reason is Reason.WRONG_SECRET_TYPE:
        return (
            "a Secret of that type holds no logins, and its type never changes: "
            f"regcred login REGISTRY -n {namespace} --name OTHER makes one of another name"
        )
    return remedies.in_one(
        *remedies.other_login("REGISTRY", namespace, "", unfit.reason, secret, unfit.kept_by)
    )


def _result(namespace: str, name: str, secret: str, change: Change | RegcredError) -> Result:
    what = f"serviceaccount/{name}"
    if isinstance(change, RegcredError):
        return Result("Failed", what, namespace, change.message, change.hint)
    if change.reason in ("NotOurs", "Operators"):
        return left(namespace, name, secret, change)
    word = change.reason if change.reason in ("Attached", "Detached") else "Unchanged"
    return Result(word, what, namespace, change.message)
