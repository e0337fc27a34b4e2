"""What ``regcred why --fix`` does to a cluster: the steps of `regcred.core.pods.mend`, carried out.

Each does what its command does when a person types it, and is guarded where that is not: by UIDs,
by a trial, and by not leaving a Pod deleted that has not been made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

from regcred.core.errors import (
    Conflict,
    Forbidden,
    NotFound,
    RegcredError,
    TimedOut,
)
from regcred.core.logins import serviceaccount
from regcred.kube import logins, serviceaccounts
from regcred.kube.podtargets import MAKERS
from regcred.kube.resources import PODS, SERVICEACCOUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from regcred.core.pods import mend
    from regcred.core.pods.stuck import StuckPod, Waiting
    from regcred.kube.client import Client

STRATEGIC_PATCH = "application/strategic-merge-patch+json"

_RESOURCES = {resource.kind: resource for resource in MAKERS}
_POLL_SECONDS = 0.3
_SILENT_SECONDS = 2.0
#: As long as kubectl replace --force waits.
_GONE_SECONDS = 300.0
#: What the API server and kubelet write into a Pod's metadata.
_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


class Mender:
    """Carries out steps.

    Args:
        client: the API server.
        now: the time.
        dry_run: ``none``; ``server`` to have the API server check each step without keeping it.
        tell: called with a sentence when something takes longer.
    """

    def __init__(
        self,
        client: Client,
        now: datetime,
        *,
        dry_run: str = "none",
        tell: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._client = client
        self._now = now
        self._tell = tell
        self._dry = dry_run == "server"

    async def attach(self, step: mend.Attach) -> bool:
        """Put a Secret on a ServiceAccount; whether that changed anything."""
        decide = partial(serviceaccount.attach, secret=step.secret)
        obj = await self._client.get(SERVICEACCOUNTS, step.account, step.namespace)
        change = await serviceaccounts.change(self._client, obj, decide, dry_run=self._dry)
        return bool(change.patch)

    async def restart(self, waiting: Waiting) -> None:
        """Have the owner make its Pods anew."""
        namespace = waiting.pods[0].namespace
        await logins.restart(self._client, namespace, waiting, self._now, dry_run=self._dry)

    async def add_to_template(self, waiting: Waiting, secret: str) -> None:
        """Add a Secret to the list in the owner's template; its entries are merged by name.

        Source: ``patchMergeKey`` of https://pkg.go.dev/k8s.io/api/core/v1#PodSpec
        """
        resource, namespace = _RESOURCES[waiting.kind], waiting.pods[0].namespace
        spec = {"imagePullSecrets": [{"name": secret}]}
        await self._client.request(
            "PATCH",
            resource.path(namespace, waiting.name),
            query={"fieldManager": "regcred", "dryRun": "All" if self._dry else ""},
            body={"spec": {"template": {"spec": spec}}},
            content_type=STRATEGIC_PATCH,
            doing=f"patch {resource.describe(namespace, waiting.name)}",
        )

    async def delete(self, pods: Sequence[StuckPod]) -> None:
        """Delete Pods that their controller replaces, and not those that it has replaced."""
        for pod in pods:
            with contextlib.suppress(NotFound, Conflict):
                await self._client.delete(
                    PODS, pod.name, pod.namespace, uid=pod.uid, dry_run=self._dry
                )

    async def recreate(
        self, pod: StuckPod, secrets: Sequence[str], made: Callable[[], None] = lambda: None
    ) -> None:
        """Make a bare Pod anew, with `secrets` in its list besides; `made` is called once it is.

        That the API server would take it is tried first. Then its manifest is kept in a file until
        it is there: from the request to delete the old Pod on, one interruption is held up until
        the new one is made, and after a second the file is what a person goes on with.

        Raises:
            Conflict: it is another Pod by now.
            TimedOut: it does not go away.
            APIError: what the API server answered.
        """
        obj = await self._client.get(PODS, pod.name, pod.namespace)
        if obj["metadata"]["uid"] != pod.uid:
            raise Conflict(
                f"Pod {pod.namespace}/{pod.name} has been made anew in between",
                hint="regcred why says how it is now",
            )
        wanted = _anew(obj, secrets)
        await self._try(wanted, pod)
        if self._dry:
            await self._client.delete(PODS, pod.name, pod.namespace, uid=pod.uid, dry_run=True)
            made()
            return
        path = _save(wanted)
        making = asyncio.ensure_future(self._replace(wanted, pod, path))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            self._tell(f"pod/{pod.name} is made anew before this ends; until then it is in {path}")
            await making
            made()
            raise
        made()

    async def _try(self, wanted: dict[str, Any], pod: StuckPod) -> None:
        """Have the API server check the new Pod, under another name."""
        metadata = {**wanted["metadata"], "generateName": f"{pod.name[:50]}-"}
        del metadata["name"]
        try:
            trial = {**wanted, "metadata": metadata}
            await self._client.create(PODS, trial, pod.namespace, dry_run=True)
        except Forbidden as error:
            if "exceeded quota" not in error.message:  # which has room once the old one is gone
                raise

    async def _replace(self, wanted: dict[str, Any], pod: StuckPod, path: str) -> None:
        try:
            await self._client.delete(PODS, pod.name, pod.namespace, uid=pod.uid)
        except (Conflict, Forbidden, NotFound):
            os.unlink(path)  # noqa: PTH108 - it is as it was
            raise
        except RegcredError as error:  # it may have been heard
            error.hint = f"where the Pod is gone: kubectl create -f {path}"
            raise
        try:
            await self._await_gone(pod)
            await self._client.create(PODS, wanted, pod.namespace)
        except RegcredError as error:
            error.hint = f"it is deleted, or is being; make it: kubectl create -f {path}"
            raise
        os.unlink(path)  # noqa: PTH108

    async def _await_gone(self, pod: StuckPod) -> None:
        loop = asyncio.get_running_loop()
        began, told = loop.time(), False
        while (waited := loop.time() - began) < _GONE_SECONDS:
            if waited > _SILENT_SECONDS and not told:
                self._tell(f"waiting for pod/{pod.name} to go, to make it anew")
                told = True
            try:
                found = await self._client.get(PODS, pod.name, pod.namespace)
            except NotFound:
                return
            if found["metadata"]["uid"] != pod.uid:
                said = "has been made anew by somebody else"
                raise Conflict(
                    f"Pod {pod.namespace}/{pod.name} {said}",
                    status=409,
                    hint="regcred why says how it is now",
                )
            await asyncio.sleep(_POLL_SECONDS)
        raise TimedOut(
            f"Pod {pod.namespace}/{pod.name} does not go away",
            hint=f"see what keeps it: kubectl describe pod {pod.name} -n {pod.namespace}",
        )


def _anew(obj: dict[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """The Pod as a person would create it."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _SERVER_FIELDS}
    spec = dict(obj["spec"])
    spec.pop("ephemeralContainers", None)  # nobody may create a Pod with these
    listed = spec.get("imagePullSecrets") or []
    there = {entry.get("name") for entry in listed}
    listed = [*listed, *({"name": name} for name in secrets if name not in there)]
    if listed:
        spec["imagePullSecrets"] = listed
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _save(obj: dict[str, Any]) -> str:
    """Keep the object in a file that only its owner can read; the file's name."""
    handle, path = tempfile.mkstemp(prefix="regcred-pod-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(obj, file, indent=2)
    return path
