"""What the pull Secrets of ServiceAccounts are in the cluster, for ``regcred inject --live``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regcred.cli import output
from regcred.core import names
from regcred.core.errors import Forbidden, NotFound, RegcredError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.core.manifests.inject import Account
    from regcred.kube.config import ClusterConfig
    from regcred.manifests.injecting import Attached


def lookup(config: ClusterConfig, accounts: Sequence[Account]) -> Attached:
    """The lists that the cluster has; a ServiceAccount that is not there has none.

    Args:
        config: the cluster.
        accounts: namespaces and names; those that no cluster can have count as not there.

    Raises:
        Forbidden: some may not be read; of several namespaces the others' errors are said.
        RegcredError: another request failed.
    """
    import asyncio

    from regcred.core.logins.serviceaccount import attached_names
    from regcred.kube import grants
    from regcred.kube.client import Client
    from regcred.kube.fanout import each
    from regcred.kube.resources import SERVICEACCOUNTS

    forbidden: dict[str, dict[str, Forbidden]] = {}

    async def run() -> dict[Account, tuple[str, ...]]:
        found: dict[Account, tuple[str, ...]] = {}
        async with Client(config) as client:

            async def one(account: Account) -> dict[str, Any]:
                return await client.get(SERVICEACCOUNTS, account[1], account[0])

            async for account, answer in each(filter(_possible, accounts), one):
                if isinstance(answer, NotFound):
                    continue
                if type(answer) is Forbidden:
                    forbidden.setdefault(account[0], {})[account[1]] = answer
                    continue
                if isinstance(answer, RegcredError):
                    raise answer
                found[account] = tuple(name for name in attached_names(answer) if name)
        return found

    found = asyncio.run(run()) if accounts else {}
    if forbidden:
        *others, last = (grants.together(forbidden[namespace]) for namespace in sorted(forbidden))
        for error in others:
            output.error(error.message, error.hint)
        raise last
    return found


def _possible(account: Account) -> bool:
    """Whether a cluster can have this ServiceAccount: manifests may say anything."""
    try:
        names.check_namespace(account[0])
        names.check_name(account[1], "ServiceAccount")
    except UsageError:
        return False
    return True
