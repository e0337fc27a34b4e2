"""After a login: name the Pods that still wait for the registry, or restart what makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regcred.cli import output
from regcred.cli.report import Report, Result
from regcred.core.errors import Forbidden, RegcredError
from regcred.core.pods.stuck import advise, find_stuck
from regcred.kube import logins
from regcred.kube.resources import PODS

if TYPE_CHECKING:
    from collections.abc import Collection

    from regcred.core.logins.registrykey import RegistryKey
    from regcred.core.pods.stuck import Waiting
    from regcred.kube.client import Client


async def report_waiting(
    client: Client,
    namespace: str,
    registries: Collection[RegistryKey],
    *,
    secret: str,
    attached: Collection[str],
    restart: bool,
    dry_run: str,
    report: Report,
) -> None:
    """Add a result for every owner of Pods that wait for an image of `registries`.

    Args:
        client: the API server.
        namespace: the namespace.
        registries: what was logged in to.
        secret: the name of the login's Secret.
        attached: the ServiceAccounts that carry it.
        restart: restart owners where that helps; one that fails is reported as ``Failed``, as is
            what may not be seen.
        dry_run: ``none``, ``client`` or ``server``.
        report: where results go.
    """
    try:
        pods = await client.list(PODS, namespace)
    except Forbidden as error:
        said = f"cannot see which Pods still wait: {error.message}"
        if restart:
            report.add(Result("Failed", "pods", namespace, f"none restarted, {said}", error.hint))
        else:
            output.warning(said)
        return
    stuck = find_stuck(pods, registries)
    for pod in stuck:
        if secret in pod.pull_secrets:
            said = f"has the Secret, and kubelet tries {pod.images[0]} again within 5 minutes"
            report.add(Result("Waiting", f"pod/{pod.name}", namespace, said))
    frozen = [pod for pod in stuck if secret not in pod.pull_secrets]
    for waiting in await logins.find_waiting(client, namespace, frozen):
        target = f"{waiting.kind.lower()}/{waiting.name}"
        advice = advise(waiting, secret=secret, attached=attached)
        if waiting.newer:
            report.add(Result("Waiting", target, namespace, advice.message, advice.hint))
        elif restart and advice.restart:
            report.add(await _restart(client, namespace, waiting, target, dry_run))
        elif restart and waiting.unread:
            unread = waiting.unread
            report.add(Result("Failed", target, namespace, unread.message, unread.hint))
        else:
            report.add(Result("Stuck", target, namespace, advice.message, advice.hint))


async def _restart(
    client: Client, namespace: str, waiting: Waiting, target: str, dry_run: str
) -> Result:
    if dry_run != "client":
        try:
            await logins.restart(
                client, namespace, waiting, datetime.now(UTC), dry_run=dry_run == "server"
            )
        except RegcredError as error:
            return Result("Failed", target, namespace, error.message, error.hint)
    return Result("Restarted", target, namespace)
