"""The client beside a real API server: what it sends is understood, and every answer too."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluster.pki import Authority
from regcred.core.errors import (
    AlreadyExists,
    BadRequest,
    ClusterUnreachable,
    Conflict,
    Forbidden,
    Invalid,
    NamespaceTerminating,
    NotFound,
    Unauthorized,
    UsageError,
)
from regcred.kube.client import Client
from regcred.kube.config import load
from regcred.kube.resources import DEPLOYMENTS, EVENTS, NAMESPACES, SECRETS, SERVICEACCOUNTS
from tests.support import etcd
from tests.support.rights import await_right

if TYPE_CHECKING:
    from pathlib import Path


def client_of(kubeconfig: Path) -> Client:
    return Client(load(kubeconfig=str(kubeconfig), env={}), user_agent="tests")


@pytest.fixture
async def client(kubeconfig):
    async with client_of(kubeconfig) as client:
        yield client


def secret(name: str, **fields) -> dict:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}} | fields


class TestVerbs:
    async def test_create_get_and_delete(self, client, namespace, kubectl):
        made = await client.create(SECRETS, secret("s", data={"a": "aGk="}), namespace)
        assert made["metadata"]["uid"]
        assert made["metadata"]["managedFields"][0]["manager"] == "regcred"
        assert await client.get(SECRETS, "s", namespace) == made
        assert kubectl("get", "secret", "s", "-n", namespace, "-o=jsonpath={.data.a}").stdout == (
            b"aGk="
        )
        await client.delete(SECRETS, "s", namespace)
        with pytest.raises(NotFound) as caught:
            await client.get(SECRETS, "s", namespace)
        assert caught.value.message.startswith(f"cannot get secrets/s in '{namespace}'")

    async def test_dry_runs_change_nothing(self, client, namespace):
        made = await client.create(SECRETS, secret("s"), namespace)
        label = {"metadata": {"labels": {"a": "b"}}}
        add = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
        answers = [
            await client.create(SECRETS, secret("other"), namespace, dry_run=True),
            await client.merge_patch(SECRETS, "s", namespace, label, dry_run=True),
            await client.json_patch(SECRETS, "s", namespace, add, dry_run=True),
            await client.apply(
                SECRETS, secret("s", data={"a": ""}), namespace, field_manager="x", dry_run=True
            ),
        ]
        assert all(answer["kind"] == "Secret" for answer in answers)
        await client.delete(SECRETS, "s", namespace, dry_run=True)
        assert [s["metadata"] for s in await client.list(SECRETS, namespace)] == [made["metadata"]]

    @pytest.mark.parametrize("verb", ["apply", "json_patch", "merge_patch"])
    async def test_the_status_is_written_apart(self, client, namespace, verb):
        message = f"said by {verb}"
        condition = {
            "type": "Tested",
            "status": "True",
            "reason": "R",
            "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {"status": {"conditions": [condition]}}
        if verb == "apply":
            obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            made = await client.apply(
                NAMESPACES, obj | status, field_manager="tests", subresource="status"
            )
        elif verb == "json_patch":
            add = [{"op": "add", "path": "/status/conditions", "value": [condition]}]
            made = await client.json_patch(NAMESPACES, namespace, None, add, subresource="status")
        else:
            made = await client.merge_patch(
                NAMESPACES, namespace, None, status, subresource="status"
            )
        assert made["status"]["conditions"][0]["message"] == message

    async def test_patches(self, client, namespace):
        await client.create(SECRETS, secret("s", data={"a": "aGk="}), namespace)
        merged = await client.merge_patch(SECRETS, "s", namespace, {"data": {"b": "aGk="}})
        assert merged["data"] == {"a": "aGk=", "b": "aGk="}
        patched = await client.json_patch(
            SECRETS,
            "s",
            namespace,
            [
                {"op": "test", "path": "/data/a", "value": "aGk="},
                {"op": "remove", "path": "/data/a"},
            ],
        )
        assert patched["data"] == {"b": "aGk="}

    async def test_apply_owns_its_fields(self, client, namespace):
        mine = secret("s", stringData={"a": "1"})
        await client.apply(SECRETS, mine, namespace, field_manager="one")
        theirs = secret("s", data={"a": "Mg=="})
        with pytest.raises(Conflict, match='conflict with "one"'):
            await client.apply(
                SECRETS, theirs | {"stringData": {"a": "2"}}, namespace, field_manager="two"
            )
        forced = await client.apply(
            SECRETS,
            theirs | {"stringData": {"a": "2"}},
            namespace,
            field_manager="two",
            force=True,
        )
        assert forced["data"] == {"a": "Mg=="}

    async def test_what_a_kind_does_not_know_is_refused(self, client, namespace):
        with pytest.raises(BadRequest, match="unknown field"):
            await client.create(SECRETS, secret("s", dat={}), namespace)
        made = await client.create(
            SECRETS, secret("s", dat={}), namespace, field_validation="Ignore"
        )
        assert "dat" not in made

    async def test_an_empty_name_never_means_all(self, client, namespace):
        await client.create(SECRETS, secret("s"), namespace)
        with pytest.raises(UsageError):
            await client.delete(SECRETS, "", namespace)
        assert len(await client.list(SECRETS, namespace)) == 1


class TestLists:
    async def test_pages_and_selectors(self, client, namespace):
        for index in range(7):
            labels = {"metadata": {"name": f"s{index}", "labels": {"odd": str(index % 2)}}}
            await client.create(SECRETS, secret("") | labels, namespace)
        pages = [page async for page in client.list_pages(SECRETS, namespace, limit=3)]
        assert [len(page["items"]) for page in pages] == [3, 3, 1]
        odd = await client.list(SECRETS, namespace, label_selector="odd=1")
        assert [item["metadata"]["name"] for item in odd] == ["s1", "s3", "s5"]
        one = await client.list(SECRETS, namespace, field_selector="metadata.name=s2")
        assert [(item["kind"], item["apiVersion"]) for item in one] == [("Secret", "v1")]
        everywhere = await client.list(SECRETS, field_selector="metadata.name=s2")
        assert one[0] in everywhere

    async def test_metadata_only(self, client, namespace):
        for name in ("a", "b", "c"):
            await client.create(SECRETS, secret(name, data={"a": "aGk="}), namespace)
        whole = await client.list(SECRETS, namespace)
        chosen = {"field_selector": "metadata.name!=b", "limit": 1, "metadata_only": True}
        pages = [page async for page in client.list_pages(SECRETS, namespace, **chosen)]
        found = [item for page in pages for item in page["items"]]
        assert len(pages) == 2
        assert [item["metadata"] for item in found] == [whole[n]["metadata"] for n in (0, 2)]
        assert not any("data" in item for item in found)

    async def test_nothing_to_list(self, client, namespace):
        assert await client.list(DEPLOYMENTS, namespace) == []

    async def test_a_list_goes_on_when_its_token_expires(self, client, cluster, namespace):
        # Events, since the API server keeps no cache of them: it lists them from etcd.
        for index in range(7):
            await client.create(EVENTS, event(f"e{index}", namespace), namespace)
        names = []
        async for page in client.list_pages(EVENTS, namespace, limit=2):
            names += [item["metadata"]["name"] for item in page["items"]]
            if len(names) == 4:
                # A later write, and etcd forgets all before it: time does the same.
                newest = await client.create(EVENTS, event("e9", namespace), namespace)
                version = newest["metadata"]["resourceVersion"]
                await asyncio.to_thread(forget_before, cluster, version)
        assert names == ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e9"]


def event(name: str, namespace: str) -> dict:
    return {"metadata": {"name": name}, "involvedObject": {"namespace": namespace}}


def forget_before(cluster, revision: str) -> None:
    """Compact the cluster's etcd."""
    etcd.ask(cluster, "kv/compaction", {"revision": revision, "physical": True})


class TestOtherWriters:
    async def test_a_test_that_does_not_hold_is_invalid(self, client, namespace):
        made = await client.create(SECRETS, secret("s"), namespace)
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": "1"}
        add = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
        with pytest.raises(Invalid) as caught:
            await client.json_patch(SECRETS, "s", namespace, [test, add])
        assert caught.value.status == 422
        assert await client.get(SECRETS, "s", namespace) == made

    async def test_an_older_version_in_the_object_is_a_conflict(self, client, namespace):
        made = await client.create(SECRETS, secret("s"), namespace)
        add = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
        await client.json_patch(SECRETS, "s", namespace, add)
        old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
        with pytest.raises(Conflict) as caught:
            await client.merge_patch(SECRETS, "s", namespace, old | {"data": {}})
        assert (caught.value.status, caught.value.reason) == (409, "Conflict")
        set_version = {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}
        with pytest.raises(Conflict):
            await client.json_patch(SECRETS, "s", namespace, [set_version])

    async def test_what_is_there_already(self, client, namespace):
        await client.create(SECRETS, secret("s"), namespace)
        with pytest.raises(AlreadyExists):
            await client.create(SECRETS, secret("s"), namespace)

    async def test_only_the_object_that_was_read_is_deleted(self, client, namespace):
        made = (await client.create(SECRETS, secret("s"), namespace))["metadata"]
        with pytest.raises(Conflict):
            await client.delete(SECRETS, "s", namespace, uid="other")
        with pytest.raises(Conflict):
            await client.delete(SECRETS, "s", namespace, resource_version="1")
        await client.delete(
            SECRETS, "s", namespace, uid=made["uid"], resource_version=made["resourceVersion"]
        )

    async def test_two_writers_lose_nothing_by_guarded_patches(self, kubeconfig, namespace):
        async def write(client: Client, entries: list[str]) -> None:
            for entry in entries:
                while True:
                    obj = await client.get(SERVICEACCOUNTS, "default", namespace)
                    version = obj["metadata"]["resourceVersion"]
                    entries_now = [*obj.get("imagePullSecrets", ()), {"name": entry}]
                    guard = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
                    add = {"op": "add", "path": "/imagePullSecrets", "value": entries_now}
                    try:
                        await client.json_patch(SERVICEACCOUNTS, "default", namespace, [guard, add])
                    except (Conflict, Invalid):
                        continue
                    break

        mine, theirs = [f"a{n}" for n in range(40)], [f"b{n}" for n in range(40)]
        async with client_of(kubeconfig) as one, client_of(kubeconfig) as other:
            await asyncio.gather(write(one, mine), write(other, theirs))
            obj = await one.get(SERVICEACCOUNTS, "default", namespace)
        names = [entry["name"] for entry in obj["imagePullSecrets"]]
        assert sorted(names) == sorted(mine + theirs)
        assert [name for name in names if name in mine] == mine

    async def test_as_many_at_a_time_as_a_bulk_command_has(self, client, namespace):
        async def make(name: str) -> None:
            await client.create(SECRETS, secret(name), namespace)
            add = [{"op": "add", "path": "/metadata/labels", "value": {"of": name}}]
            await client.json_patch(SECRETS, name, namespace, add)

        names = [f"s{n:03}" for n in range(200)]
        await asyncio.gather(*map(make, names))
        labels = [s["metadata"]["labels"]["of"] for s in await client.list(SECRETS, namespace)]
        assert labels == names


class TestNamespaces:
    async def test_one_that_is_not_there(self, client):
        with pytest.raises(NotFound, match='namespaces "not-there" not found') as caught:
            await client.create(SECRETS, secret("s"), "not-there")
        assert "kubectl create namespace not-there makes it" in caught.value.hint

    async def test_one_that_is_going_away(self, client, namespace):
        hold = {"metadata": {"finalizers": ["regcred.dev/test"]}}
        await client.merge_patch(NAMESPACES, namespace, None, hold)
        await client.delete(NAMESPACES, namespace)
        with pytest.raises(NamespaceTerminating, match="being terminated"):
            await client.create(SECRETS, secret("s"), namespace)
        await client.merge_patch(NAMESPACES, namespace, None, {"metadata": {"finalizers": None}})


class TestRights:
    async def test_the_hint_grants_the_right(self, cluster, namespace, kubectl):
        async with client_of(cluster.users.stranger) as client:
            with pytest.raises(Forbidden) as caught:
                await client.create(SECRETS, secret("s"), namespace)
            check, cure = re.fullmatch(
                r"check with: kubectl (.*); whoever may grant it: (.*)", caught.value.hint
            ).groups()
            asked = kubectl(*shlex.split(check), kubeconfig=cluster.users.stranger, check=False)
            assert asked.stdout.strip() == b"no"
            for command in cure.split(" && "):
                kubectl(*shlex.split(command)[1:])
            await_right(kubectl, cluster.users.stranger, "create", "secrets", namespace)
            await client.create(SECRETS, secret("s"), namespace)
            asked = kubectl(*shlex.split(check), kubeconfig=cluster.users.stranger)
            assert asked.stdout.strip() == b"yes"

    async def test_verb_resource_and_namespace_are_named(self, cluster, namespace):
        async with client_of(cluster.users.stranger) as client:
            with pytest.raises(Forbidden) as caught:
                await client.list(DEPLOYMENTS, namespace)
            assert f"list deployments in '{namespace}'" in caught.value.message
            assert "auth can-i list deployments.apps" in caught.value.hint
            with pytest.raises(Forbidden, match="list secrets in all namespaces") as caught:
                await client.list(SECRETS)
            assert "kubectl create clusterrole" in caught.value.hint

    async def test_impersonation(self, cluster, namespace, tmp_path):
        async with client_of(changed(cluster.kubeconfig, tmp_path, user={"as": "ann"})) as client:
            with pytest.raises(Forbidden, match='User "ann" cannot'):
                await client.list(SECRETS, namespace)
        somebody = {
            "as": "ann",
            "as-uid": "7",
            "as-groups": ["dev", "system:masters"],
            "as-user-extra": {"acme.com/a b": ["x", "ü"]},
        }
        async with client_of(changed(cluster.kubeconfig, tmp_path, user=somebody)) as client:
            review = await client.request(
                "POST",
                "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
            )
        who = review["status"]["userInfo"]
        assert (who["username"], who["uid"]) == ("ann", "7")
        assert {"dev", "system:masters"} <= set(who["groups"])
        assert who["extra"] == {"acme.com/a b": ["x", "ü"]}


def changed(kubeconfig: Path, folder: Path, *, user=None, cluster=None, only_user=False) -> Path:
    """A copy of a kubeconfig with other fields in its only user or cluster; None drops one."""
    import yaml

    document = yaml.safe_load(kubeconfig.read_text())
    users, clusters = document["users"][0], document["clusters"][0]
    users["user"] = ({} if only_user else users["user"]) | (user or {})
    clusters["cluster"] |= cluster or {}
    for entry in (users["user"], clusters["cluster"]):
        for key in [key for key, value in entry.items() if value is None]:
            del entry[key]
    path = folder / f"kubeconfig-{secrets.token_hex(4)}"
    path.write_text(json.dumps(document))
    return path


class TestWhoWeAre:
    async def test_an_expired_client_certificate(self, cluster, namespace):
        expired = cluster.users.with_certificate("ann", valid_for=timedelta(hours=-1))
        async with client_of(expired) as client:
            with pytest.raises(Unauthorized) as caught:
                await client.list(SECRETS, namespace)
        assert re.search(r"client certificate of user .* expired on 20\d\d-", caught.value.hint)
        assert caught.value.exit_code == 3

    async def test_a_token_that_is_not_known(self, cluster, namespace):
        async with client_of(cluster.users.with_token("hunter2")) as client:
            with pytest.raises(Unauthorized) as caught:
                await client.list(SECRETS, namespace)
        assert "rejects the token of user" in caught.value.hint
        assert "hunter2" not in caught.value.message + caught.value.hint

    async def test_nobody(self, cluster, namespace, tmp_path):
        async with client_of(changed(cluster.kubeconfig, tmp_path, only_user=True)) as client:
            with pytest.raises(Forbidden) as caught:
                await client.list(SECRETS, namespace)
        assert "holds no credential" in caught.value.hint

    async def test_a_token_file_that_is_rotated(self, cluster, namespace, kubectl, tmp_path):
        token = tmp_path / "token"
        token.write_text("stale")
        made = kubectl("create", "token", "default", "-n", namespace).stdout
        path = changed(cluster.kubeconfig, tmp_path, user={"tokenFile": str(token)}, only_user=True)
        async with client_of(path) as client:
            with pytest.raises(Unauthorized):
                await client.get(SERVICEACCOUNTS, "default", namespace)
            token.write_bytes(made)
            with pytest.raises(Forbidden, match=f"system:serviceaccount:{namespace}:default"):
                await client.get(SERVICEACCOUNTS, "default", namespace)

    async def test_an_exec_plugin(self, cluster, namespace, kubectl, tmp_path):
        """It gives a stale token first, then a certificate: the 401 has it asked again."""
        certificate = changed(cluster.users.with_certificate("ann"), tmp_path)
        asked = tmp_path / "asked"
        plugin = tmp_path / "plugin"
        plugin.write_text(
            f"""#!/usr/bin/env python3
import base64, json, os, sys
first = not os.path.exists({str(asked)!r})
open({str(asked)!r}, "a").write("x")
user = json.load(open({str(certificate)!r}))["users"][0]["user"]
pem = lambda key: base64.b64decode(user[key]).decode()
status = {{"token": "stale"}} if first else {{
    "clientCertificateData": pem("client-certificate-data"),
    "clientKeyData": pem("client-key-data"),
}}
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps(info | {{"status": status}}))
"""
        )
        plugin.chmod(0o700)
        user = {
            "exec": {
                "command": "./plugin",
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "provideClusterInfo": True,
            }
        }
        path = changed(cluster.kubeconfig, tmp_path, user=user, only_user=True)
        config = load(kubeconfig=str(path), env=os.environ)
        async with Client(config, user_agent="tests") as client:
            for _ in range(3):
                with pytest.raises(Forbidden, match='User "ann"'):
                    await client.list(SECRETS, namespace)
        assert asked.read_text() == "xx"


class TestTLS:
    async def refusal(self, kubeconfig: Path) -> ClusterUnreachable:
        async with client_of(kubeconfig) as client:
            with pytest.raises(ClusterUnreachable) as caught:
                await client.get(NAMESPACES, "default")
        return caught.value

    async def test_an_unknown_ca(self, cluster, tmp_path):
        other = Authority(tmp_path, "other").files.certificate
        fields = {"certificate-authority-data": None, "certificate-authority": str(other)}
        error = await self.refusal(changed(cluster.kubeconfig, tmp_path, cluster=fields))
        assert "is not signed by the certificate authority of cluster" in error.message
        assert cluster.server in error.message

    async def test_no_ca(self, cluster, tmp_path):
        fields = {"certificate-authority-data": None}
        error = await self.refusal(changed(cluster.kubeconfig, tmp_path, cluster=fields))
        assert "is not signed by the system's certificate authorities" in error.message
        assert "set certificate-authority" in error.hint

    async def test_another_name(self, cluster, tmp_path):
        fields = {"tls-server-name": "api.example.com"}
        error = await self.refusal(changed(cluster.kubeconfig, tmp_path, cluster=fields))
        assert "is for another name than api.example.com" in error.message
        assert "set tls-server-name" in error.hint

    @pytest.mark.parametrize(
        "fields",
        [
            {"tls-server-name": "kubernetes.default.svc"},
            {"certificate-authority-data": None, "insecure-skip-tls-verify": True},
        ],
    )
    async def test_what_is_believed(self, cluster, tmp_path, fields):
        async with client_of(changed(cluster.kubeconfig, tmp_path, cluster=fields)) as client:
            assert (await client.get(NAMESPACES, "default"))["kind"] == "Namespace"

    async def test_plain_http_to_a_tls_port(self, cluster, tmp_path):
        server = {"server": cluster.server.replace("https", "http")}
        async with client_of(changed(cluster.kubeconfig, tmp_path, cluster=server)) as client:
            with pytest.raises(BadRequest) as caught:
                await client.get(NAMESPACES, "default")
        assert "https://" in caught.value.hint
