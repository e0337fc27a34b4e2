"""Asks minters, once for each PullCredential however many namespaces it has.

A leader that comes after another asks nobody while what that one minted is still good
(`regcred.operator.restoring`).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regcred import minters
from regcred.core import minting, nsfailure
from regcred.core.credential import Password
from regcred.core.errors import Forbidden, MintFailed, NotFound, RegcredError
from regcred.core.pullsecret import PullSecret
from regcred.core.source import Fragment, SourceFailure, SourceReason, fragment
from regcred.core.sourcekinds import MINTED_KINDS
from regcred.kube.resources import SECRETS, SERVICEACCOUNTS
from regcred.minters.desk import Desk
from regcred.operator.restoring import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from regcred.core.pullcredential import PullCredential
    from regcred.kube.client import Client
    from regcred.minters.web import Web
    from regcred.operator.sources import Read
    from regcred.operator.world import World

#: Seconds for all that one minting does.
_MOST_SECONDS = 120.0
#: How many moments are compared, so that no two refreshes come together.
_CHOICES = 16
#: Of tokens of ServiceAccounts: the least that Kubernetes gives.
_IDENTITY_SECONDS = 600


class Minting:
    """The minters, for as long as one operator leads.

    Args:
        client: to read Secrets with, and to have tokens made.
        world: what is watched.
        namespace: the operator's own.
        web: for the minters.
        refreshes: when others are refreshed.
        minted: told of each that succeeds: its kind, and how many seconds it took.
        env: the environment of the minters.
        now: the time of day, with a zone.
    """

    def __init__(
        self,
        client: Client,
        world: World,
        namespace: str,
        web: Web,
        *,
        refreshes: Callable[[], Iterable[datetime]],
        minted: Callable[[str, float], None] = lambda _kind, _seconds: None,
        env: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._world, self._namespace, self._web = client, world, namespace, web
        self._refreshes, self._minted, self._env, self._now = refreshes, minted, env, now
        self._asked: set[tuple[str, int]] = set()

    def reading(self, others: Read) -> Read:
        """Asks those that mint, and has `others` ask the rest."""

        async def read(pullcredential: PullCredential) -> Fragment | SourceFailure:
            spec = pullcredential.spec
            if spec is None or spec.source.kind not in MINTED_KINDS:
                return await others(pullcredential)
            first = (pullcredential.uid, pullcredential.generation) not in self._asked
            self._asked.add((pullcredential.uid, pullcredential.generation))
            if first and (
                found := await restore(self._client, self._world, pullcredential, self._now())
            ):
                return found
            return await self._mint(pullcredential)

        return read

    async def revoke(self, pullcredential: PullCredential, keep: str) -> None:
        """Take back what was minted for it, but for one, where its kind lets that be.

        Args:
            pullcredential: with a spec.
            keep: the handle of that one; empty for none.

        Raises:
            MintFailed: it cannot be done now.
        """
        if (spec := pullcredential.spec) is None or spec.source.kind not in MINTED_KINDS:
            return
        revoker = minters.revoker(minters.load(spec.source.kind))
        if revoker is not None:
            await revoker.revoke(spec.source.settings, self._desk(pullcredential), keep)

    async def _mint(self, pullcredential: PullCredential) -> Fragment | SourceFailure:
        spec = pullcredential.spec
        assert spec is not None  # noqa: S101 - see reading
        kind = spec.source.kind
        began = time.monotonic()
        try:
            minter = minters.load(kind)
            async with asyncio.timeout(_MOST_SECONDS):
                minted = await minter.mint(spec.source.settings, self._desk(pullcredential))
        except MintFailed as error:
            reason = SourceReason(error.reason)
            return SourceFailure(reason, error.message, error.hint, error.retry_after)
        except TimeoutError:
            said = f"{kind} has not given a credential within {_MOST_SECONDS:g} s"
            return SourceFailure(SourceReason.UNREACHABLE, said)
        self._minted(kind, time.monotonic() - began)
        now = self._now()
        if not minting.arrives(minted.expires, now):
            said = (
                f"what {kind} gives ends at {minted.expires:%Y-%m-%dT%H:%M:%SZ}, which is too soon"
            )
            return SourceFailure(
                SourceReason.MINT_FAILED, said, "compare the clocks of the node and the provider"
            )
        found = fragment(minted.credentials, f"what {kind} gives", expires=minted.expires)
        if isinstance(found, SourceFailure):
            return found
        refresh = None
        if found.expires is not None:
            chances = [random.random() for _ in range(_CHOICES)]  # noqa: S311 - jitter
            refresh = minting.refresh_apart(now, found.expires, self._refreshes(), chances)
        return replace(
            found, warnings=minted.warnings, minted=now, refresh=refresh, handle=minted.handle
        )

    def _desk(self, pullcredential: PullCredential) -> Desk:
        spec = pullcredential.spec
        assert spec is not None  # noqa: S101 - see reading
        return Desk(
            spec.registries,
            f"regcred-{pullcredential.uid}",
            self._web,
            self._secret,
            self._identity,
            self._now,
            self._env,
        )

    async def _secret(self, name: str) -> Mapping[str, bytes]:
        where = f"Secret {self._namespace}/{name}"
        try:
            found = await self._client.get(SECRETS, name, self._namespace)
        except NotFound:
            raise MintFailed(
                SourceReason.NOT_CONFIGURED,
                f"{where} does not exist",
                hint=f"make it: kubectl create secret generic {name} -n {self._namespace} …",
            ) from None
        except RegcredError as error:
            raise MintFailed(SourceReason.UNREACHABLE, nsfailure.told(error)) from None
        return PullSecret.from_object(found).data or {}

    async def _identity(self, account: str, audience: str) -> Password:
        where = f"ServiceAccount {self._namespace}/{account}"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": _IDENTITY_SECONDS},
        }
        try:
            answer = await self._client.request(
                "POST",
                SERVICEACCOUNTS.path(self._namespace, account, "token"),
                body=body,
                doing=f"make a token of {where}",
            )
        except NotFound:
            raise MintFailed(
                SourceReason.NOT_CONFIGURED,
                f"{where} does not exist",
                hint=f"kubectl create serviceaccount {account} -n {self._namespace}",
            ) from None
        except Forbidden:
            raise MintFailed(
                SourceReason.NO_PERMISSION,
                f"the operator may not make tokens of {where}",
                hint=f"the chart's value identities, with {account} in it, allows it",
            ) from None
        except RegcredError as error:
            raise MintFailed(SourceReason.UNREACHABLE, nsfailure.told(error)) from None
        return Password(str((answer.get("status") or {}).get("token") or ""))
