"""The actions of plans, carried out on the real API server: it takes them, and they do as they say.

Which actions a plan has is tested with the core; here each kind is sent as the operator sends it.
"""

import asyncio
import base64
import json

import pytest

from regcred.core import marks
from regcred.core.errors import AlreadyExists, Conflict, Invalid, NotFound
from regcred.core.operator.actions import CreateSecret, DeleteSecret, PatchAccount, UpdateSecret
from regcred.core.operator.desired import desire
from regcred.core.operator.observed import Observed, see_account, see_secret
from regcred.core.operator.plan import plan
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.kube.resources import SECRETS, SERVICEACCOUNTS
from tests.support.operating import NAME, given, pullcredential

GHCR, QUAY = pullcredential("ghcr", age=2), pullcredential("quay", registries=["quay.io"])
EMPTY = base64.b64encode(b'{"auths":{}}').decode()


class Operated:
    """One namespace of the real API server."""

    def __init__(self, client, namespace):
        self.client, self.namespace = client, namespace

    async def secret(self):
        try:
            return await self.client.get(SECRETS, NAME, self.namespace)
        except NotFound:
            return None

    async def account(self, name="default"):
        return await self.client.get(SERVICEACCOUNTS, name, self.namespace)

    async def observe(self):
        secret, account = await self.secret(), await self.account()
        seen = see_secret(secret) if secret else None
        return Observed(self.namespace, seen, (see_account(account),))

    async def planned(self, *offers):
        return plan(desire(self.namespace, {}, offers), await self.observe(), NAME)

    async def settle(self, *offers):
        planned = await self.planned(*offers)
        for action in planned.actions:
            await self.carry_out(action)
        assert (await self.planned(*offers)).actions == ()
        return [action.reason for action in planned.actions]

    async def carry_out(self, action):
        client, where = self.client, self.namespace
        match action:
            case CreateSecret():
                body = action.body(
                    NAME, where, await self.secret() if action.needs_secret else None
                )
                if action.replaces:
                    await self.delete(action.replaces.uid, action.replaces.version)
                await client.create(SECRETS, body, where)
            case UpdateSecret():
                patch = action.patch(await self.secret() if action.needs_secret else None)
                await client.json_patch(SECRETS, NAME, where, patch)
            case DeleteSecret():
                await self.delete(action.uid, action.version)
            case PatchAccount():
                await client.json_patch(SERVICEACCOUNTS, action.name, where, action.patch)

    async def delete(self, uid, version):
        await self.client.delete(SECRETS, NAME, self.namespace, uid=uid, resource_version=version)

    async def create(self, **fields):
        metadata = {"name": NAME} | fields.pop("metadata", {})
        kind = {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": EMPTY}}
        await self.client.create(SECRETS, {"metadata": metadata, **(kind | fields)}, self.namespace)

    async def edit(self, **patch):
        return await self.client.merge_patch(SECRETS, NAME, self.namespace, patch)

    async def logins(self):
        secret = await self.secret()
        assert secret is not None
        assert secret["type"] == "kubernetes.io/dockerconfigjson"
        assert secret["data"].keys() == {".dockerconfigjson"}
        auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
        return {key: entry["password"] for key, entry in auths.items()}


@pytest.fixture
async def operated(kubeconfig, namespace):
    async with Client(load(kubeconfig=str(kubeconfig), env={}), user_agent="tests") as client:
        yield Operated(client, namespace)


def without_versions(obj):
    metadata = {
        k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "managedFields")
    }
    return obj | {"metadata": metadata}


async def test_there_and_back(operated):
    before = await operated.account()
    assert await operated.settle((GHCR, given("ghcr.io"))) == ["SecretCreated", "Attached"]
    uid = (await operated.secret())["metadata"]["uid"]
    both = (GHCR, given("ghcr.io", password="new")), (QUAY, given("quay.io"))
    assert await operated.settle(*both) == ["SecretUpdated"]
    assert await operated.logins() == {"ghcr.io": "new", "quay.io": "hunter2"}
    assert (await operated.secret())["metadata"]["uid"] == uid
    account = await operated.account()
    assert account["imagePullSecrets"] == [{"name": NAME}]
    assert account["metadata"]["annotations"] == {marks.ATTACHED_BY_OPERATOR: NAME}
    assert await operated.settle() == ["Detached", "SecretDeleted"]
    assert await operated.secret() is None
    assert without_versions(await operated.account()) == without_versions(before)


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ({}, "SecretTakenOver"),
        ({"metadata": {"annotations": {"a": "b"}}}, "SecretTakenOver"),
        ({"data": {".dockerconfigjson": EMPTY, "more": ""}}, "SecretTakenOver"),
        ({"immutable": True}, "SecretReplaced"),
        ({"type": "Opaque", "data": None}, "SecretReplaced"),
        ({"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "e30="}}, "SecretReplaced"),
    ],
)
async def test_taken_over_once_it_is_handed_over(operated, there, reason):
    await operated.create(**there)
    planned = await operated.planned((GHCR, given("ghcr.io")))
    assert (planned.actions, planned.obstacle.reason) == ((), "SecretNotOurs")
    await operated.edit(metadata={"labels": {marks.HAND_OVER: "true"}})
    assert await operated.settle((GHCR, given("ghcr.io"))) == [reason, "Attached"]
    assert await operated.logins() == {"ghcr.io": "hunter2"}


@pytest.mark.parametrize(
    "edit",
    [
        {"data": {".dockerconfigjson": EMPTY}},
        {"data": {"more": "eA=="}},
        {"metadata": {"annotations": {marks.PULLCREDENTIALS: None}}},
        {"metadata": {"annotations": {marks.EXPIRES_AT: "x", marks.REGISTRIES: "y"}}},
    ],
)
async def test_an_edited_one_is_put_right(operated, edit):
    await operated.settle((GHCR, given("ghcr.io")))
    before = await operated.secret()
    await operated.edit(**edit)
    assert await operated.settle((GHCR, given("ghcr.io"))) == ["SecretUpdated"]
    assert without_versions(await operated.secret()) == without_versions(before)


async def test_what_nobody_else_has_stays(operated):
    await operated.settle((GHCR, given("ghcr.io")))
    await operated.settle((GHCR, None), (QUAY, given("quay.io")))
    assert await operated.logins() == {"ghcr.io": "hunter2", "quay.io": "hunter2"}
    await operated.edit(immutable=True)
    new = given("quay.io", password="new")
    assert await operated.settle((GHCR, None), (QUAY, new)) == ["SecretReplaced"]
    assert await operated.logins() == {"ghcr.io": "hunter2", "quay.io": "new"}


async def test_decisions_on_an_old_view_come_to_nothing(operated):
    await operated.settle((GHCR, given("ghcr.io")))
    late = [
        *(await operated.planned((GHCR, given("ghcr.io", password="old")))).actions,
        *(await operated.planned()).actions,
        CreateSecret("", "", (await operated.planned((QUAY, given("quay.io")))).actions[0].written),
    ]
    assert {type(action) for action in late} == {
        CreateSecret, UpdateSecret, DeleteSecret, PatchAccount,
    }  # fmt: skip
    # Somebody takes it for their own meanwhile.
    await operated.edit(metadata={"labels": {marks.MANAGED_BY: None}})
    name = (await operated.account())["metadata"]["name"]
    entries = {"imagePullSecrets": [{"name": "other"}, {"name": NAME}]}
    await operated.client.merge_patch(SERVICEACCOUNTS, name, operated.namespace, entries)
    secret, account = await operated.secret(), await operated.account()
    for action in late:
        with pytest.raises((AlreadyExists, Conflict, Invalid)):
            await operated.carry_out(action)
    assert (await operated.secret(), await operated.account()) == (secret, account)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_the_largest_secrets_are_taken(operated):
    # An annotation that names very many registries, and nearly 1 MiB of data.
    many = [f"r{i:04}.example.com/{'p' * 40}" for i in range(2500)]
    one = pullcredential("many", registries=many[:1])
    await operated.settle((one, given(*many, password="x" * 100)))
    assert len(await operated.logins()) == len(many)
    await operated.settle((one, given("ghcr.io", password="x" * 448_000)))
    assert set(await operated.logins()) == {"ghcr.io"}


async def test_two_at_once_do_no_harm(operated):
    planned = await operated.planned((GHCR, given("ghcr.io")))
    done = await asyncio.gather(
        *(operated.carry_out(action) for action in [*planned.actions, *planned.actions]),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done if each)[0] == "AlreadyExists"
    assert (await operated.planned((GHCR, given("ghcr.io")))).actions == ()
    assert (await operated.account())["imagePullSecrets"] == [{"name": NAME}]
