"""Namespaces that are made many at a time, and what is in them from the first moment.

One that a controller of Kubernetes', or a person, puts something into before the operator can have
heard of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.waiting import await_condition
from regcred.core import marks
from tests.support import etcd
from tests.support.admissionworld import Crowd
from tests.support.operatorworld import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluster import Cluster
    from tests.support.admissionworld import Request

_PATIENCE_SECONDS = 1800.0


def slipped(
    cluster: Cluster, names: Sequence[str], labels: Mapping[str, str], secret: str
) -> list[Any]:
    """Create namespaces, and in each of them at once a ServiceAccount ``app`` and Pods.

    Args:
        cluster: where.
        names: of the namespaces.
        labels: of each, by which PullCredentials select them.
        secret: the name that everything there is to have.

    Returns:
        What came out of admission without it; and ServiceAccounts ``default`` that did not have it,
        or not the mark, by the very request that made them.
    """
    crowd = Crowd(cluster)
    chains = []
    for name in names:
        path, body = "/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels)}}
        account = "POST", f"{path}/{name}/serviceaccounts", {"metadata": {"name": "app"}}
        # With a list of its own it copies nothing from its ServiceAccount.
        chains.append([("POST", path, body), account, _pod(name, "app", "theirs")])
    wanted = [
        (201, "Namespace", []),
        (201, "ServiceAccount", [secret]),
        (201, "Pod", ["theirs", secret]),
    ]
    lacking: list[Any] = [
        found
        for answers in crowd.send(chains, _briefly)
        for found, right in zip(answers, wanted, strict=True)
        if found != right
    ]
    there: dict[str, Any] = {}

    def all_there() -> bool:
        there.update(_defaults(cluster))
        return there.keys() >= set(names)

    await_condition("each has its default ServiceAccount", all_there, timeout=_PATIENCE_SECONDS)
    written = etcd.writes(cluster, "serviceaccounts")
    for name in names:
        account_is = *there[name], written[f"{name}/default"]
        if account_is != ([secret], {secret}, 1):
            lacking.append((name, *account_is))
    later = crowd.send([[_pod(name, "default")] for name in names], _briefly)
    return lacking + [found for (found,) in later if found != (201, "Pod", [secret])]


def take_away(cluster: Cluster, names: Sequence[str]) -> None:
    """Ask for the end of namespaces, and do not wait for it."""
    gone = [[("DELETE", f"/api/v1/namespaces/{name}", None)] for name in names]
    Crowd(cluster).send(gone, lambda status, _: status)


def _pod(namespace: str, account: str, *names: str) -> Request:
    spec: dict[str, Any] = {
        "serviceAccountName": account,
        "containers": [{"name": "app", "image": f"{REGISTRY}/app"}],
    }
    if names:
        spec["imagePullSecrets"] = [{"name": name} for name in names]
    body = {"metadata": {"name": account}, "spec": spec}
    return "POST", f"/api/v1/namespaces/{namespace}/pods", body


def _briefly(status: int, obj: dict[str, Any]) -> tuple[int, str, Any]:
    """Of an answer, what is looked at."""
    return status, obj["kind"], _names(obj) if status == 201 else obj["message"]


def _names(obj: dict[str, Any]) -> list[str]:
    return [each["name"] for each in obj.get("spec", obj).get("imagePullSecrets", ())]


def _defaults(cluster: Cluster) -> dict[str, tuple[list[str], frozenset[str]]]:
    """Namespace → what its default ServiceAccount names, and the marks that it has."""
    path = "/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault"
    status, content = cluster.api.request("GET", path)
    assert status == 200, content
    return {
        each["metadata"]["namespace"]: (
            _names(each),
            frozenset(marks.read_names(each, marks.ATTACHED_BY_OPERATOR)),
        )
        for each in json.loads(content)["items"]
    }
