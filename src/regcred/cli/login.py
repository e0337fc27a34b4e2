"""``regcred login``: verify, write the Secret, attach it, and say who still waits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from regcred.cli import inputs, output
from regcred.cli.options import (
    cluster_options,
    dry_run_option,
    namespaces_option,
    output_option,
    secret_name_option,
    serviceaccounts_option,
    source_options,
    split_names,
    split_namespaces,
    split_serviceaccounts,
    timeout_option,
    trust_options,
)
from regcred.cli.report import Report, Result
from regcred.cli.verb import argument, option, verb
from regcred.core import names
from regcred.core.credential import Credential, Password
from regcred.core.errors import Forbidden, NotFound, UsageError
from regcred.core.logins import registrykey
from regcred.kube import config as kubeconfigs

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from regcred.cli.minted import Source
    from regcred.core.logins.registrykey import RegistryKey
    from regcred.kube.client import Client
    from regcred.kube.config import ClusterConfig
    from regcred.kube.selection import Selection


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done in every namespace.

    Args:
        credentials: what goes into the Secret.
        expires: when they do, as who minted them says; None where nobody says.
        name: the Secret's name.
        namespaces: where; empty for the context's own.
        serviceaccounts: names or globs of those to attach.
        adopt: take over a Secret that regcred did not make.
        restart: restart the owners of the Pods that wait.
        patience: seconds to wait for a ServiceAccount that is being made.
        dry_run: ``none``, ``client`` or ``server``.
    """

    credentials: Sequence[Credential]
    expires: datetime | None
    name: str
    namespaces: list[str]
    serviceaccounts: list[str]
    adopt: bool
    restart: bool
    patience: float
    dry_run: str


@verb(
    "regcred login ghcr.io -u me -n team-a",
    ("regcred login asia.gcr.io --gcp-key key.json -n team-a -n team-b", "a Google key, twice"),
    ("regcred login registry.example.com --from-docker-config --restart", "docker's own login"),
    (
        "regcred login 1234.dkr.ecr.eu-west-1.amazonaws.com --from ecr -n team-a",
        "a short-lived one",
    ),
    exit_codes={
        1: "the answer is no: a wrong login, a missing right, a Secret of somebody else",
    },
)
@argument("registries", metavar="REGISTRY...", nargs=-1)
@secret_name_option
@option(
    "--adopt", group="What", is_flag=True, help="Merge into a Secret that regcred did not make."
)
@namespaces_option
@serviceaccounts_option
@option(
    "-u",
    "--username",
    group="Login",
    metavar="NAME",
    help="The user; it is asked for where it is not given.",
)
@option(
    "-p",
    "--password",
    group="Login",
    metavar="PASSWORD",
    help="Visible to others: see --password-stdin. It is asked for where it is not given.",
)
@source_options
@option("--skip-verify", group="Registry", is_flag=True, help="Do not ask the registry.")
@trust_options
@timeout_option(
    "How long to wait for the registry, for a credential helper, or for a ServiceAccount that is "
    "being made.",
    0.1,
)
@option(
    "--restart",
    group="How",
    is_flag=True,
    help="Restart the Deployments, StatefulSets and DaemonSets that wait.",
)
@dry_run_option
@output_option("table", "json", "yaml", default="table")
@cluster_options
def login(
    registries: tuple[str, ...],
    namespaces: tuple[str, ...],
    username: str | None,
    password: str | None,
    password_stdin: bool,
    gcp_key: str | None,
    from_docker_config: str | None,
    source: str | None,
    settings: tuple[str, ...],
    secret_files: tuple[str, ...],
    serviceaccounts: tuple[str, ...],
    name: str,
    adopt: bool,
    restart: bool,
    skip_verify: bool,
    plain_http: tuple[str, ...],
    ca_file: str | None,
    timeout: float,
    dry_run: str,
    form: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Log a namespace in to REGISTRY, so that its Pods can pull from there.

    Asks the registry whether the login is right, writes it into the Secret (beside the logins
    that are there already), attaches the Secret to the ServiceAccount, and names the Pods
    that still wait for a restart. Running it again changes nothing.
    """
    names.check_name(name, "Secret")
    if not registries:
        raise inputs.no_registry(from_docker_config)
    # What is wrong here is said before anybody is asked for a password.
    config = kubeconfigs.load(kubeconfig=kubeconfig, context=context, env=os.environ)
    keys = list({key.text: key for key in map(_key, registries)}.values())
    minted = inputs.minted_source(source, settings, secret_files)
    chosen = split_namespaces(namespaces)
    accounts = split_serviceaccounts(serviceaccounts) or ["default"]
    plain = frozenset(split_names(plain_http, '--plain-http "$REGISTRY"'))
    trusted = None
    if ca_file is not None:
        from regcred.registry import trust

        trusted = trust.context(ca_file)
    report = Report.of(form, dry_run)

    import asyncio

    with inputs.ending(minted) as keep:
        credentials = _credentials(
            keys,
            username=username,
            password=password,
            password_stdin=password_stdin,
            gcp_key=gcp_key,
            from_docker_config=from_docker_config,
            minted=minted,
            timeout=timeout,
        )
        plan = Plan(
            credentials=credentials,
            expires=minted.expires if minted else None,
            name=name,
            namespaces=chosen,
            serviceaccounts=accounts,
            adopt=adopt,
            restart=restart,
            patience=timeout,
            dry_run=dry_run,
        )

        async def run() -> None:
            if not skip_verify:
                await _verify(credentials, keys, plain, trusted, timeout, report)
            await _log_in(plan, keys, config, report, keep)

        with report:
            asyncio.run(run())


def _key(text: str) -> RegistryKey:
    key = registrykey.login_key(text)
    inputs.check_registry(key)
    return key


def _credentials(
    keys: list[RegistryKey],
    *,
    username: str | None,
    password: str | None,
    password_stdin: bool,
    gcp_key: str | None,
    from_docker_config: str | None,
    minted: Source | None,
    timeout: float,
) -> list[Credential]:
    registries = [key.text for key in keys]
    flags = any((username, password, password_stdin)) or None
    inputs.choose_source(
        username=flags, gcp_key=gcp_key, from_docker_config=from_docker_config, **{"from": minted}
    )
    if minted is not None:
        return inputs.from_minter(minted, registries)
    if gcp_key is not None:
        return inputs.from_gcp_key(gcp_key, registries)
    if from_docker_config is not None:
        return inputs.from_docker_config(from_docker_config, registries, timeout=timeout)
    if password and password_stdin:
        raise UsageError(
            "--password and --password-stdin exclude each other", hint="give one of them"
        )
    if password and inputs.on_command_line("password"):
        output.warning("--password is visible to others on this machine; use --password-stdin")
    user = username or inputs.ask("Username")
    inputs.check_username(user)
    if password_stdin:
        word = inputs.read_password_stdin()
    else:
        word = Password(inputs.as_utf8(password or inputs.ask("Password", hide=True)))
    return [Credential(registry, inputs.as_utf8(user), word) for registry in registries]


async def _verify(
    credentials: list[Credential],
    keys: list[RegistryKey],
    plain: frozenset[str],
    trusted: ssl.SSLContext | None,
    timeout: float,  # noqa: ASYNC109 - handed on
    report: Report,
) -> None:
    from regcred import registry

    for credential, key in zip(credentials, keys, strict=True):
        verified = await registry.verify(
            credential,
            plain_http=key.host in plain or registrykey.endpoint_host(key) in plain,
            trusted=trusted,
            timeout=timeout,
        )
        if verified.asked:
            said = f"accepts user {credential.user}"
            report.add(Result("Verified", key.text, message=said))
        else:
            said = "does not ask for a login, so nothing is known of this one"
            report.add(Result("NotAsked", key.text, message=said))


async def _log_in(
    plan: Plan,
    keys: list[RegistryKey],
    config: ClusterConfig,
    report: Report,
    keep: Callable[[], None],
) -> None:
    from regcred.cli import trial
    from regcred.cli.waiting import report_waiting
    from regcred.kube.client import Client

    namespaces = plan.namespaces or [config.namespace]
    async with Client(config) as client:
        if plan.dry_run == "none":
            silent = Report("silent")
            await trial.in_each(namespaces, lambda n: _write(client, plan, n, "server", silent))
            keep()
        attached = {n: await _write(client, plan, n, plan.dry_run, report) for n in namespaces}
        for namespace in namespaces:
            await report_waiting(
                client,
                namespace,
                keys,
                secret=plan.name,
                attached=attached[namespace],
                restart=plan.restart,
                dry_run=plan.dry_run,
                report=report,
            )
    if report.count("Failed"):
        raise click.exceptions.Exit(1)


async def _write(
    client: Client, plan: Plan, namespace: str, dry_run: str, report: Report
) -> set[str]:
    """Write Secret and ServiceAccounts of one namespace; the names of those attached."""
    from regcred.kube import needs, rights
    from regcred.kube.selection import Selection

    selection = Selection([namespace], False, "", plan.serviceaccounts, "", plan.patience)
    try:
        return await _write_selected(client, plan, selection, namespace, dry_run, report)
    except Forbidden as error:
        wanted = needs.tried(needs.log_in(plan.name, selection), dry_run)
        raise await rights.with_others(client, error, wanted) from None


async def _write_selected(
    client: Client,
    plan: Plan,
    selection: Selection,
    namespace: str,
    dry_run: str,
    report: Report,
) -> set[str]:
    from regcred.core.logins.serviceaccount import attach
    from regcred.core.namespace import loginsecret
    from regcred.kube import logins, serviceaccounts
    from regcred.kube.selection import find

    found, awaited = await find(client, selection, namespace)
    for place, name in awaited:
        found[place, name] = await serviceaccounts.wait_for(
            client, name, place, patience=plan.patience, tell=output.note
        )
    if not found:
        raise NotFound(
            f"no ServiceAccount in namespace {namespace} matches {', '.join(plan.serviceaccounts)}",
            hint=f"kubectl get serviceaccounts -n {namespace}",
        )
    change = await logins.write_secret(
        client,
        plan.name,
        namespace,
        partial(
            loginsecret.merge,
            name=plan.name,
            namespace=namespace,
            credentials=plan.credentials,
            adopt=plan.adopt,
            expires=plan.expires,
        ),
        dry_run=dry_run,
    )
    report.add(Result(change.reason, f"secret/{plan.name}", namespace, change.message))
    decide = partial(attach, secret=plan.name)
    for (_, name), obj in found.items():
        if dry_run == "client":
            attached = decide(obj)
        else:
            attached = await serviceaccounts.change(
                client, obj, decide, dry_run=dry_run == "server"
            )
        word = "Attached" if attached.reason == "Attached" else "Unchanged"
        report.add(Result(word, f"serviceaccount/{name}", namespace, attached.message))
    return {name for _, name in found}
