"""Asks minters, once for each PullCredential however many namespaces it has.

A leader that comes after another asks nobody while what that one minted is still good
(`regcred.operator.restoring`).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from regcred import minters
from regcred.core import fields
from regcred.core.credential import Password
from regcred.core.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    MintFailed,
    NotFound,
    RegcredError,
)
from regcred.core.formats.redact import one_line
from regcred.core.logins.pullsecret import PullSecret
from regcred.core.operator import minting, nsfailure
from regcred.core.operator.source import Fragment, SourceFailure, SourceReason, fragment
from regcred.core.operator.sourcekinds import MINTED_KINDS, SECRET_KEYS
from regcred.kube.resources import SECRETS, SERVICEACCOUNTS
from regcred.minters import jsonwebtoken
from regcred.minters.desk import Desk
from regcred.operator.restoring import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from regcred.core.operator.pullcredential import PullCredential
    from regcred.kube.client import Client
    from regcred.minters.web import Web
    from regcred.operator.sources import Read
    from regcred.operator.world import World

#: Seconds for all that one minting does.
_MOST_SECONDS = 120.0
#: How many moments are compared, so that no two refreshes come together.
_CHOICES = 16
#: How many of one kind are asked at the same time; one that is away holds up no other kind.
_TOGETHER = 8
#: Types of Secrets that somebody else has in the operator's namespace.
_NO_SOURCES = frozenset(
    {
        "bootstrap.kubernetes.io/token",
        "helm.sh/release.v1",
        "kubernetes.io/service-account-token",
    }
)
#: Of tokens of ServiceAccounts: the least that Kubernetes gives.
_IDENTITY_SECONDS = 600


@dataclass(slots=True)
class _Remembered:
    """What is known of one PullCredential in this term.

    Args:
        lock: held while its provider gives something, or takes something back.
        looked: what an earlier leader minted has been looked for.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    looked: bool = False


class Minting:
    """The minters, for as long as one operator leads.

    Args:
        client: to read Secrets with, and to have tokens made.
        world: what is watched.
        namespace: the operator's own.
        web: for the minters.
        refreshes: when others are refreshed.
        minted: told of each that succeeds: its kind, and how many seconds it took.
        fence: raises `NotLeader` where another may lead by now.
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
        fence: Callable[[], None] = lambda: None,
        env: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._world, self._namespace, self._web = client, world, namespace, web
        self._refreshes, self._minted, self._env, self._now = refreshes, minted, env, now
        self._fence = fence
        self._of: defaultdict[str, _Remembered] = defaultdict(_Remembered)
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_TOGETHER)
        )

    def reading(self, others: Read) -> Read:
        """Asks those that mint, and has `others` ask the rest."""

        async def read(pullcredential: PullCredential) -> Fragment | SourceFailure:
            spec = pullcredential.spec
            if spec is None or spec.source.kind not in MINTED_KINDS:
                return await others(pullcredential)
            remembered = self._of[pullcredential.uid]
            if not remembered.looked:
                remembered.looked = True
                found = await restore(
                    self._client, self._world, self._namespace, pullcredential, self._now()
                )
                if found is not None:
                    return found
            async with remembered.lock, self._slots[spec.source.kind]:
                return await self._mint(pullcredential)

        return read

    async def revoke(
        self, pullcredential: PullCredential, keep: str, *, newer: bool = False
    ) -> None:
        """Take back what was minted for it, but for one, where its kind lets that be.

        Args:
            pullcredential: with a spec.
            keep: the handle of that one; empty for none.
            newer: also what was minted after that one, which else is about to be used.

        Raises:
            MintFailed: it cannot be done now.
            NotLeader: somebody else is to do it.
        """
        if (spec := pullcredential.spec) is None or spec.source.kind not in MINTED_KINDS:
            return
        remembered = self._of[pullcredential.uid]
        async with remembered.lock:
            minter = await asyncio.to_thread(minters.load, spec.source.kind)
            if (revoker := minters.revoker(minter)) is None:
                return
            self._fence()
            try:
                async with asyncio.timeout(_MOST_SECONDS):
                    desk = self._desk(pullcredential, [])
                    await revoker.revoke(spec.source.settings, desk, keep, newer=newer)
            except TimeoutError:
                said = f"{spec.source.kind} has not taken it back within {_MOST_SECONDS:g} s"
                raise MintFailed(SourceReason.UNREACHABLE, said) from None

    async def _mint(self, pullcredential: PullCredential) -> Fragment | SourceFailure:
        spec = pullcredential.spec
        assert spec is not None  # noqa: S101 - see reading
        kind = spec.source.kind
        began = time.monotonic()
        versions: list[str] = []
        try:
            # Some import an SDK that takes a second or more of a small share of a processor.
            minter = await asyncio.to_thread(minters.load, kind)
            async with asyncio.timeout(_MOST_SECONDS):
                desk = self._desk(pullcredential, versions)
                minted = await minter.mint(spec.source.settings, desk)
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
            # Not as where a person wrote it: the next answer may be another.
            return replace(found, reason=SourceReason.MINT_FAILED)
        refresh = None
        if found.expires is not None:
            chances = [random.random() for _ in range(_CHOICES)]  # noqa: S311 - jitter
            refresh = minting.refresh_apart(now, found.expires, self._refreshes(), chances)
        if minted.again is not None:
            refresh = min(refresh or now + minted.again, now + minted.again)
        return replace(
            found,
            warnings=minted.warnings,
            minted=now,
            refresh=refresh,
            handle=minted.handle,
            secret_version=versions[0] if versions else "",
        )

    def _desk(self, pullcredential: PullCredential, versions: list[str]) -> Desk:
        """What its minter may use; notes the resourceVersions of the Secrets that it reads."""
        spec = pullcredential.spec
        assert spec is not None  # noqa: S101 - see reading

        async def secret(name: str) -> Mapping[str, bytes]:
            found = await self._secret(name, spec.source.kind)
            versions.append(
                fields.text(fields.mapping(found.get("metadata")).get("resourceVersion"))
            )
            return PullSecret.from_object(found).data or {}

        return Desk(
            spec.registries,
            f"regcred-{pullcredential.uid}",
            self._web,
            secret,
            self._identity,
            self._now,
            self._env,
        )

    async def _secret(self, name: str, kind: str) -> Mapping[str, Any]:
        files = " ".join(f"--from-file={key}=FILE" for key in SECRET_KEYS[kind][:2])
        where = f"Secret {self._namespace}/{name}"
        try:
            found = await self._client.get(SECRETS, name, self._namespace)
        except NotFound:
            raise MintFailed(
                SourceReason.NOT_CONFIGURED,
                f"{where} does not exist",
                hint=f"make it: kubectl create secret generic {name} -n {self._namespace} {files}",
            ) from None
        except RegcredError as error:
            raise _not_read(error) from None
        if (kind := fields.text(found.get("type"))) in _NO_SOURCES:
            # Who may write a PullCredential says where it would be sent.
            raise MintFailed(
                SourceReason.NOT_CONFIGURED,
                f"{where} is of the type {kind}, which is no source",
                hint="make one of the type Opaque: kubectl create secret generic",
            )
        return found

    async def _identity(self, account: str, audience: str) -> Password:
        where = f"ServiceAccount {self._namespace}/{account}"
        if jsonwebtoken.is_for_cluster(audience):
            raise _for_cluster(audience)
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
            raise _not_read(error) from None
        token = fields.text(fields.mapping(answer.get("status")).get("token"))
        if not token:
            raise MintFailed(
                SourceReason.MINT_FAILED,
                f"the API server answers without a token of {where}",
                hint=f"kubectl create token {account} -n {self._namespace} shows what it answers",
            )
        if jsonwebtoken.is_for_cluster(audience, jsonwebtoken.claims(Password(token))):
            raise _for_cluster(audience)
        return Password(token)


def _for_cluster(audience: str) -> MintFailed:
    # Who may write a PullCredential says where the token would be sent.
    return MintFailed(
        SourceReason.NOT_CONFIGURED,
        f"identity.audience {one_line(audience)!r} is that of the cluster itself: whoever is shown"
        " such a token could act here",
        hint="set identity.audience to what the provider wants to see",
    )


def _not_read(error: RegcredError) -> MintFailed:
    """The API server does not give what a minter needs."""
    refused = isinstance(error, Forbidden | Invalid | BadRequest)
    reason = SourceReason.NO_PERMISSION if refused else SourceReason.UNREACHABLE
    return MintFailed(reason, nsfailure.told(error))
