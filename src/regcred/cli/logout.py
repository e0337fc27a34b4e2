"""``regcred logout``: take away what login put there, and nothing else."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from regcred.cli.options import (
    cluster_options,
    dry_run_option,
    namespaces_option,
    output_option,
    secret_name_option,
    split_namespaces,
)
from regcred.cli.report import Report, Result, left
from regcred.cli.verb import argument, option, verb
from regcred.core import names
from regcred.core.errors import Forbidden, UsageError
from regcred.core.logins import registrykey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from regcred.kube.client import Client


@verb(
    "regcred logout ghcr.io -n team-a",
    ("regcred logout --all -n team-a -n team-b", "every registry that login put there"),
    exit_codes={1: "the answer is no: a missing right, a Secret that the operator keeps"},
)
@argument("registries", metavar="[REGISTRY]...", nargs=-1, completes="login")
@option(
    "--all",
    "everything",
    group="What",
    is_flag=True,
    help="Every registry that login put there.",
)
@secret_name_option
@namespaces_option
@dry_run_option
@output_option("table", "json", "yaml", default="table")
@cluster_options
def logout(
    registries: tuple[str, ...],
    namespaces: tuple[str, ...],
    everything: bool,
    name: str,
    dry_run: str,
    form: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Undo regcred login for REGISTRY.

    Takes the registry out of the Secret. When it was the last one, the Secret goes, and it is
    detached from the ServiceAccounts that login attached it to. Running Pods are not touched.
    """
    names.check_name(name, "Secret")
    if bool(registries) == everything:
        raise UsageError(
            "REGISTRY and --all exclude each other"
            if everything
            else "neither REGISTRY nor --all is given",
            hint="regcred logout REGISTRY, or regcred logout --all",
        )
    keys = None if everything else [registrykey.login_key(text).text for text in registries]
    report = Report.of(form, dry_run)

    import asyncio

    with report:
        asyncio.run(
            _log_out(keys, name, split_namespaces(namespaces), dry_run, kubeconfig, context, report)
        )


async def _log_out(
    keys: list[str] | None,
    name: str,
    namespaces: list[str],
    dry_run: str,
    kubeconfig_path: str | None,
    context: str | None,
    report: Report,
) -> None:
    from regcred.cli import trial
    from regcred.kube import config as kubeconfig
    from regcred.kube import needs, rights
    from regcred.kube.client import Client

    config = kubeconfig.load(kubeconfig=kubeconfig_path, context=context, env=os.environ)
    async with Client(config) as client:
        where = namespaces or [config.namespace]

        async def attempt(namespace: str) -> None:
            try:
                async for _ in _undo(client, keys, name, namespace, "server"):
                    pass
            except Forbidden as error:
                raise await rights.with_others(client, error, needs.log_out(name)) from None

        if dry_run == "none":
            await trial.in_each(where, attempt)
        for namespace in where:
            async for result in _undo(client, keys, name, namespace, dry_run):
                report.add(result)


async def _undo(
    client: Client, keys: list[str] | None, name: str, namespace: str, dry_run: str
) -> AsyncIterator[Result]:
    from regcred.core.logins.serviceaccount import attach, detach
    from regcred.core.namespace import loginsecret
    from regcred.kube import logins, serviceaccounts
    from regcred.kube.resources import SERVICEACCOUNTS

    take_out = partial(loginsecret.take_out, name=name, namespace=namespace, registries=keys)
    # What would be done; one that the operator keeps ends it here, with nothing done.
    change = await logins.write_secret(client, name, namespace, take_out, dry_run="client")
    if change.reason == "NotLoggedIn":
        await serviceaccounts.check_namespace(client, namespace, takes_away=True)
    detached, foreign = [], []
    if change.last:
        # Detached first: a ServiceAccount never names a Secret that is gone, and a logout
        # that was interrupted in between can be finished.
        decide = partial(detach, secret=name)
        for obj in await client.list(SERVICEACCOUNTS, namespace):
            decided = decide(obj)
            if decided.reason in ("NotOurs", "Operators"):
                foreign.append((obj["metadata"]["name"], decided))
            if not decided.patch:
                continue
            if dry_run != "client":
                await serviceaccounts.change(client, obj, decide, dry_run=dry_run == "server")
            detached.append(obj)
            yield Result("Detached", f"serviceaccount/{obj['metadata']['name']}", namespace)
    change = await logins.write_secret(client, name, namespace, take_out, dry_run=dry_run)
    if not change.last:
        # Somebody logged in to another registry meanwhile, and that login is to stay whole.
        for obj in detached:
            name_of = obj["metadata"]["name"]
            fresh = await client.get(SERVICEACCOUNTS, name_of, namespace)
            await serviceaccounts.change(client, fresh, partial(attach, secret=name))
            yield Result("Attached", f"serviceaccount/{name_of}", namespace, "again: a new login")
    if change.reason in ("NotLoggedIn", "NotOurs"):
        message = f"not logged in to {change.message or 'any registry'}"
        if change.reason == "NotOurs":
            message += "; this Secret is not regcred login's, and --name says another"
        yield Result("Unchanged", f"secret/{name}", namespace, message)
    else:
        message = f"logged out of {change.message}"
        yield Result(change.reason, f"secret/{name}", namespace, message)
    if change.delete:
        # Entries of others name a Secret that is gone now, which they may want to know.
        for account, decided in foreign:
            yield left(namespace, account, name, decided)
