"""Actions as requests to the API server, and what their answers mean.

A guarded write that fails on its guard was decided on something old: the object is read once, so
that the next decision knows better, and `Contended` says that one is due.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from regcred.core.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    NamespaceTerminating,
    NotFound,
    NotLeader,
    RegcredError,
)
from regcred.core.logins import hush
from regcred.core.operator.actions import (
    Action,
    CreateSecret,
    DeleteSecret,
    PatchAccount,
    UpdateSecret,
)
from regcred.kube.resources import SECRETS, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regcred.core import jsonpatch
    from regcred.core.operator.observed import SeenSecret
    from regcred.kube.client import Client
    from regcred.operator.world import World


#: Between tries to create what was deleted to be made anew.
_PAUSES = (0.2, 0.5, 1.0, 2.0)


class Contended(RegcredError):
    """Somebody else wrote in between; the world knows by now what."""


class Hands:
    """Carries actions out.

    Args:
        client: to write with; fenced, where there are other replicas.
        world: told of each answer.
    """

    def __init__(self, client: Client, world: World) -> None:
        self._client, self._world = client, world

    async def do(self, action: Action, namespace: str) -> None:
        """Carry one action out.

        Raises:
            Contended: decide again.
            RegcredError: it cannot be done now.
        """
        match action:
            case CreateSecret():
                await self._create(action, namespace)
            case UpdateSecret():
                secret = await self._read(action.seen, namespace) if action.needs_secret else None
                await self._patch_secret(action.seen, action.patch(secret), namespace)
            case DeleteSecret(uid=uid, version=version):
                await self._delete(uid, version, namespace)
            case PatchAccount(name=name, patch=patch):
                await self._patch_account(name, patch, namespace)
            case _:
                raise TypeError(type(action).__name__)

    async def _create(self, action: CreateSecret, namespace: str) -> None:
        old, secret = action.replaces, None
        if old is not None:
            # Built before the old one goes: where it cannot be, that one stays.
            secret = await self._read(old, namespace) if action.needs_secret else None
        body = action.body(self._world.secret, namespace, secret)
        if old is not None:
            await self._delete(old.uid, old.version, namespace)
        # What was deleted may have held logins that nobody else has: then one refusal, such as of
        # a quota that still counts it, is not the end.
        for pause in _PAUSES if secret is not None else ():
            try:
                await self._post(body, namespace)
            except (NamespaceTerminating, NotFound, NotLeader, Contended):
                raise
            except RegcredError:
                await asyncio.sleep(pause)
            else:
                return
        await self._post(body, namespace)

    async def _post(self, body: dict[str, Any], namespace: str) -> None:
        try:
            with _hushed(body["data"]):
                made = await self._client.create(SECRETS, body, namespace)
        except AlreadyExists:
            raise await self._contended(namespace) from None
        self._world.wrote_secret(made)

    async def _patch_secret(self, seen: SeenSecret, patch: jsonpatch.Patch, namespace: str) -> None:
        try:
            with _hushed(next((op["value"] for op in patch if op["path"] == "/data"), {})):
                made = await self._client.json_patch(SECRETS, self._world.secret, namespace, patch)
        except NotFound:
            raise self._lost(namespace, seen.version) from None
        except (Conflict, Invalid) as error:
            raise await self._contended(namespace, seen.version, error) from None
        self._world.wrote_secret(made)

    async def _delete(self, uid: str, version: str, namespace: str) -> None:
        name = self._world.secret
        try:
            await self._client.delete(SECRETS, name, namespace, uid=uid, resource_version=version)
        except NotFound:
            pass
        except Conflict:
            raise await self._contended(namespace) from None
        self._world.lost_secret(namespace, version)

    async def _patch_account(self, name: str, patch: jsonpatch.Patch, namespace: str) -> None:
        version = str(patch[0]["value"])
        try:
            made = await self._client.json_patch(SERVICEACCOUNTS, name, namespace, patch)
        except NotFound:
            self._world.lost_account(namespace, name, version)
            return
        except (Conflict, Invalid) as error:
            try:
                now = await self._client.get(SERVICEACCOUNTS, name, namespace)
            except NotFound:
                self._world.lost_account(namespace, name, version)
                return
            # A failed test answers 422 like any invalid object: only the version tells them apart.
            if now["metadata"]["resourceVersion"] == version:
                raise error from None
            self._world.wrote_account(now)
            raise Contended(f"ServiceAccount {namespace}/{name} was changed meanwhile") from None
        self._world.wrote_account(made)

    async def _read(self, seen: SeenSecret, namespace: str) -> dict[str, Any]:
        """The Secret that was seen, whole."""
        try:
            secret = await self._client.get(SECRETS, self._world.secret, namespace)
        except NotFound:
            raise self._lost(namespace, seen.version) from None
        if secret["metadata"]["resourceVersion"] != seen.version:
            self._world.wrote_secret(secret)
            raise Contended(f"Secret {namespace}/{self._world.secret} was changed meanwhile")
        return secret

    async def _contended(
        self, namespace: str, version: str = "", error: RegcredError | None = None
    ) -> RegcredError:
        """Read the Secret anew; the error to raise."""
        name = self._world.secret
        try:
            now = await self._client.get(SECRETS, name, namespace)
        except NotFound:
            return self._lost(namespace, version)
        if error is not None and now["metadata"]["resourceVersion"] == version:
            return error
        self._world.wrote_secret(now)
        return Contended(f"Secret {namespace}/{name} was changed meanwhile")

    def _lost(self, namespace: str, version: str) -> Contended:
        if version:
            self._world.lost_secret(namespace, version)
        return Contended(f"Secret {namespace}/{self._world.secret} is gone")


@contextlib.contextmanager
def _hushed(data: Mapping[str, str]) -> Iterator[None]:
    """Have errors not quote what was sent: admission policies show objects that they refuse."""
    try:
        yield
    except RegcredError as error:
        error.message = hush.hush(error.message, data)
        error.args = (error.message,)
        raise
