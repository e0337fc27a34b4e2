"""Pods that wait for an image, on a cluster without kubelet: their status is written here.

Controllers make them as they do anywhere; no scheduler gives them a node, so they stay Pending, and
an eviction deletes them at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cluster.waiting import await_condition
from tests.support.operatorworld import REGISTRY

if TYPE_CHECKING:
    from tests.support.operatorworld import OperatorWorld

IMAGE = f"{REGISTRY}/team/app:1"
_REFUSED = "failed to pull and unpack image: failed to authorize: 401 Unauthorized"
_STARTED = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
_GROUPS = {"ReplicaSet": "apps", "Deployment": "apps", "StatefulSet": "apps", "Job": "batch"}


class Strander:
    """Makes Pods in the namespaces of a world.

    Args:
        world: whose namespaces.
    """

    def __init__(self, world: OperatorWorld) -> None:
        self._world = world

    def make(
        self, namespace: str, name: str, kind: str = "ReplicaSet", *, replicas: int = 1, **spec: Any
    ) -> None:
        """Create what makes Pods, or (``Pod``) one; returns when the Pods are there.

        Args:
            namespace: as the world calls it.
            name: of the object.
            kind: of it: ``ReplicaSet``, ``Deployment``, ``StatefulSet``, ``Job`` or ``Pod``.
            replicas: how many Pods.
            spec: more for the spec of the Pods.
        """
        usual = {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": IMAGE}],
            **({"restartPolicy": "Never"} if kind == "Job" else {}),
        }
        labels = {"app": name}
        metadata: dict[str, Any] = {"name": name, "labels": labels}
        path = self._world.path(namespace)
        if kind == "Pod":
            self._world.create(f"{path}/pods", {"metadata": metadata, "spec": usual | spec})
        else:
            template = {"metadata": {"labels": labels}, "spec": usual | spec}
            body: dict[str, Any] = {"template": template}
            if kind == "Job":
                body |= {"parallelism": replicas}
            else:
                body |= {"replicas": replicas, "selector": {"matchLabels": labels}}
            if kind == "StatefulSet":
                body |= {"serviceName": name, "podManagementPolicy": "Parallel"}
            group = _GROUPS[kind]
            where = path.replace("/api/v1", f"/apis/{group}/v1")
            plural = f"{kind.lower()}s"
            self._world.create(f"{where}/{plural}", {"metadata": metadata, "spec": body})
        await_condition(
            f"the Pods of {name} are there",
            lambda: len(self.pods(namespace, name)) == replicas,
            timeout=60,
        )

    def pods(self, namespace: str, name: str = "") -> list[dict[str, Any]]:
        """The Pods of an object, or of the namespace, that are not on their way out."""
        path = f"{self._world.path(namespace)}/pods"
        listed = self._world.get(f"{path}?labelSelector=app%3D{name}" if name else path) or {}
        found = listed.get("items") or []
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def uids(self, namespace: str, name: str) -> set[str]:
        """UIDs of the same."""
        return {each["metadata"]["uid"] for each in self.pods(namespace, name)}

    def lists(self, namespace: str, name: str) -> list[list[str]]:
        """What the Pods' frozen lists name."""
        return [
            [entry["name"] for entry in each["spec"].get("imagePullSecrets", ())]
            for each in self.pods(namespace, name)
        ]

    def strand(self, namespace: str, name: str, *, message: str = _REFUSED) -> None:
        """Say of the Pods of an object what kubelet says when their first image is refused."""
        waiting = {"waiting": {"reason": "ErrImagePull", "message": message}}
        for pod in self.pods(namespace, name):
            first, *others = [
                (field, each)
                for field in ("initContainers", "containers")
                for each in pod["spec"].get(field, ())
            ]
            later = {"waiting": {"reason": "PodInitializing"}}
            self._report(pod, "Pending", [(*first, waiting), *((*each, later) for each in others)])

    def start(self, namespace: str, name: str, *, but: str = "") -> None:
        """Say that all containers run; with `but` that this one waits for its image still."""
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": _REFUSED}}
        for pod in self.pods(namespace, name):
            states = [
                ("containers", each, waiting if each["name"] == but else _STARTED)
                for each in pod["spec"]["containers"]
            ]
            self._report(pod, "Pending" if but else "Running", states)

    def _report(
        self,
        pod: dict[str, Any],
        phase: str,
        states: list[tuple[str, dict[str, Any], dict[str, Any]]],
    ) -> None:
        metadata = pod["metadata"]
        statuses: dict[str, list[dict[str, Any]]] = {}
        for field, container, state in states:
            statuses.setdefault(f"{field[:-1]}Statuses", []).append(
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": state is _STARTED,
                    "restartCount": 0,
                    "state": state,
                }
            )
        conditions = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
        status = json.loads(json.dumps({"phase": phase, "conditions": conditions, **statuses}))
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        self._world.change(path, lambda obj: obj.update(status=status))
