"""``regcred operator``: the controller that keeps a whole cluster logged in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from regcred.cli import output
from regcred.cli.options import cluster_options
from regcred.cli.verb import option, verb
from regcred.core import names
from regcred.core.errors import InvalidInput, RegcredError, UsageError
from regcred.core.formats import duration

if TYPE_CHECKING:
    from regcred.operator.loop import Operator, Settings
    from regcred.operator.uninstall import Undone
    from regcred.operator.webhook import WebhookSettings

#: Where the chart's own instructions put it.
_NAMESPACE = "regcred-system"
_SHORTEST_RESYNC = 1.0


@verb(
    ("regcred operator", "what the chart runs"),
    ("regcred operator --context prod -n regcred-system", "outside of the cluster"),
    ("regcred operator --uninstall", "without its admission policies, and scaled to 0"),
    exit_codes={
        0: "ended in order",
        1: "it cannot go on; --uninstall: something is left",
        2: "wrong usage",
    },
)
@option(
    "-n",
    "--namespace",
    group="Where",
    completes="namespace",
    metavar="NS",
    default="",
    show_default=f"the Pod's, else {_NAMESPACE}",
    help="The operator's own namespace, where the Secrets of sources are.",
)
@option(
    "--secret-name",
    group="What",
    metavar="NAME",
    default="regcred",
    show_default=True,
    help="The name of the Secret that it keeps in every namespace.",
)
@option(
    "--leader-elect/--no-leader-elect",
    group="How",
    default=True,
    show_default=True,
    help="Act only while holding the Lease; other replicas stand by.",
)
@option(
    "--lease-name",
    group="How",
    metavar="NAME",
    default="regcred-operator",
    show_default=True,
    help="The Lease, in the operator's namespace.",
)
@option(
    "--metrics-address",
    group="How",
    metavar="[HOST]:PORT|none",
    default="127.0.0.1:8080",
    may_be_empty=True,
    show_default=True,
    help="Where /metrics, /healthz and /readyz are served; none for nowhere.",
)
@option(
    "--webhook/--no-webhook",
    group="Webhook",
    default=False,
    show_default=True,
    help="Answer the API server's admission webhook: where it has no admission policies.",
)
@option(
    "--webhook-address",
    group="Webhook",
    metavar="[HOST]:PORT",
    default=":9443",
    show_default=True,
    help="Where the webhook is served.",
)
@option(
    "--webhook-service",
    group="Webhook",
    metavar="NAME",
    default="regcred-webhook",
    show_default=True,
    help="The Service, in the operator's namespace, that the webhook is called by.",
)
@option(
    "--webhook-name",
    group="Webhook",
    metavar="NAME",
    default="regcred",
    show_default=True,
    help="The MutatingWebhookConfiguration that is told which certificate to trust.",
)
@option(
    "--webhook-cert-dir",
    group="Webhook",
    metavar="DIR",
    default="",
    may_be_empty=True,
    completes="dir",
    show_default="it makes its own, and tells --webhook-name",
    help="Where tls.crt and tls.key are, for example cert-manager's.",
)
@option(
    "--admission-policies/--no-admission-policies",
    group="Webhook",
    default=False,
    show_default=True,
    help="The chart's admission policies are there: Pods get the Secret as they are created.",
)
@option(
    "--concurrency",
    group="How",
    type=click.IntRange(min=1, max=1000),
    metavar="N",
    default=64,
    show_default=True,
    help="Namespaces that are worked at together; fewer when the API server is busy.",
)
@option(
    "--resync",
    group="How",
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="How often everything is listed anew, beside the watches, e.g. 30m.",
)
@option(
    "--revoke-after",
    group="How",
    metavar="DURATION",
    default="10m",
    show_default=True,
    help="When an old minted login is taken back, from when the last namespace has the new one.",
)
@option(
    "--log-format",
    group="How",
    type=click.Choice(["json", "console"]),
    default=None,
    show_default="console on a terminal, else json",
    help="What a line of the log looks like.",
)
@option(
    "--log-level",
    group="How",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is less important is not said.",
)
@option(
    "--uninstall",
    group="How",
    # No setting, and so no variable: a start must not become the end by one.
    allow_from_autoenv=False,
    is_flag=True,
    help="Take away everything that the operator gave, in every namespace, and end.",
)
@cluster_options
def operator(**given: Any) -> None:
    """Keep every selected namespace logged in, by PullCredential objects.

    Merges them into one pull Secret in each namespace, attaches it to the
    ServiceAccounts, and keeps it so. It runs in the cluster by the Helm chart,
    or anywhere with a kubeconfig; Ctrl-C or SIGTERM ends it in order.
    """
    from regcred.kube import config as configs
    from regcred.operator import web
    from regcred.operator.loop import Settings

    names.check_name(given["secret_name"], "Secret")
    names.check_name(given["lease_name"], "Lease")
    metrics_address = "" if given["metrics_address"] == "none" else given["metrics_address"]
    if metrics_address:
        web.parsed(metrics_address, "--metrics-address")
    web.parsed(given["webhook_address"], "--webhook-address")
    config = configs.load(kubeconfig=given["kubeconfig"], context=given["context"], env=os.environ)
    settings = Settings(
        _namespace(given["namespace"], config.namespace if config.in_cluster else ""),
        given["secret_name"],
        given["lease_name"] if given["leader_elect"] else "",
        metrics_address,
        given["concurrency"],
        _resync(given["resync"]),
        _webhook(given) if given["webhook"] else None,
        given["admission_policies"],
        _seconds("--revoke-after", given["revoke_after"]),
    )
    if given["uninstall"]:
        _uninstall(config, settings)
    else:
        _run(config, settings, given["log_format"], given["log_level"])


def _webhook(given: dict[str, Any]) -> WebhookSettings:
    from pathlib import Path

    from regcred.operator.webhook import WebhookSettings

    names.check_name(given["webhook_service"], "Service")
    names.check_name(given["webhook_name"], "MutatingWebhookConfiguration")
    folder = given["webhook_cert_dir"]
    return WebhookSettings(
        given["webhook_address"],
        given["webhook_service"],
        "" if folder else given["webhook_name"],
        Path(folder) if folder else None,
    )


def _run(config: Any, settings: Settings, form: str | None, level: Any) -> None:
    import asyncio
    import signal
    import sys

    from regcred.operator import loop, oplog

    chosen = form or ("console" if sys.stderr.isatty() else "json")
    oplog.setup("json" if chosen == "json" else "console", level)

    def arrange(running: Operator) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.stop)

    try:
        loop.run(config, settings, arrange=arrange)
    except RegcredError as error:
        said = f"{error.message}; {output.typed(error.hint)}" if error.hint else error.message
        oplog.say("error", "CannotStart", said)
        raise click.exceptions.Exit(error.exit_code) from None


def _uninstall(config: Any, settings: Settings) -> None:
    import asyncio

    from regcred.operator.uninstall import uninstall

    def waits_for(leader: str) -> None:
        if leader:
            output.note(
                f"waiting for {leader} to give up the Lease {settings.lease} in namespace "
                f"{settings.namespace}"
            )
            output.tell_hint(
                f"kubectl scale deployment -l app.kubernetes.io/name=regcred "
                f"-n {settings.namespace} --replicas=0, or end it where it runs outside of a Pod"
            )

    undone = asyncio.run(uninstall(config, settings, waits_for=waits_for))
    _report(undone, settings)


def _report(undone: Undone, settings: Settings) -> None:
    secrets, accounts = undone.actions["SecretDeleted"], undone.actions["Detached"]
    if undone.actions:
        output.say(
            f"took the Secret {settings.secret} out of {_count(secrets, 'namespace')}, and its "
            f"name off {_count(accounts, 'ServiceAccount')}"
        )
    for name in undone.released:
        output.say(f"pullcredential/{name} stays, and nothing acts on it")
    for name, why in undone.not_revoked.items():
        said = f"pullcredential/{name}: what was minted for it ends by itself: {why.message}"
        output.warning(said)
    if not any((undone.actions, undone.released, undone.others, undone.failures)):
        output.say("there is nothing of the operator's to take away")
    for failure in undone.failures:
        output.error(f"{failure.namespace}: {failure.message}")
    for name in undone.others:
        output.error(f"an operator with another --secret-name gave ServiceAccounts {name}")
        output.tell_hint(
            f"regcred operator --uninstall --secret-name {name} -n {settings.namespace}"
        )
    if undone.failures or undone.others:
        raise click.exceptions.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _namespace(given: str, pods: str) -> str:
    namespace = given or pods or _NAMESPACE
    names.check_namespace(namespace)
    return namespace


def _resync(text: str) -> float:
    seconds = _seconds("--resync", text)
    if seconds < _SHORTEST_RESYNC:
        raise UsageError(f"--resync: {text} is too short", hint="at least 1s")
    return seconds


def _seconds(flag: str, text: str) -> float:
    try:
        return duration.seconds(text)
    except InvalidInput as error:
        raise UsageError(f"{flag}: {error.message}", hint=error.hint) from None
