"""What the demo shows: a Pod that may not pull, one login, a Pod that runs."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from cluster.demo.shell import say
from cluster.errors import ClusterError
from cluster.waiting import await_condition
from regcred.core.logins.image import parse_image

if TYPE_CHECKING:
    from cluster.demo.place import Place

_PATIENCE = 120.0
"""Seconds that a step may take; here they take one or two."""

_REFUSED = ("ErrImagePull", "ImagePullBackOff")
_WIDTH = 80


def tell(place: Place) -> None:
    """Let it happen, and show it.

    Raises:
        ClusterError: a step fails, or what it should bring about does not come.
    """
    where = ("-n", place.namespace, *place.flags)
    shell = place.shell
    manifest = yaml.safe_dump(deployment(place.image, place.node), sort_keys=False)
    (shell.folder / "deployment.yaml").write_text(manifest)

    say("\n2. A Deployment whose image is in the private registry")
    shell.show("kubectl", "apply", "-f", "deployment.yaml", *where)
    _await("kubelet is refused the image", place, _is_refused)
    say("\n3. kubelet may not pull it")
    shell.show("kubectl", "get", "pods", *where)
    kubelet = textwrap.TextWrapper(
        _WIDTH, initial_indent="kubelet: ", subsequent_indent="  ", break_on_hyphens=False
    )
    say(kubelet.fill(_refusal(place)))

    say("\n4. One command mends that; it reads the password from stdin")
    login = ("-u", place.username, "--password-stdin", "--restart")
    registry = parse_image(place.image).domain
    shell.show("regcred", "login", registry, *login, *where, stdin=place.password)
    _await("the new Pod runs", place, _is_running)
    say("\n5. The Pod that replaced it runs")
    shell.show("kubectl", "get", "pods", *where)


def deployment(image: str, node: str) -> dict[str, Any]:
    """A Deployment ``web`` of one Pod.

    Args:
        image: asked for at the registry each time: what a node has already proves nothing.
        node: the node's name, when no scheduler is to choose one; then with the node's network.
    """
    labels = {"app": "web"}
    spec: dict[str, Any] = {"nodeName": node, "hostNetwork": True} if node else {}
    container = {"name": "web", "image": image, "imagePullPolicy": "Always"}
    spec |= {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _await(what: str, place: Place, holds: Any) -> None:
    """Wait for a state of the Pods; say what they are in when it does not come."""
    try:
        await_condition(what, lambda: holds(place), timeout=_PATIENCE)
    except ClusterError:
        where = ("-n", place.namespace, *place.flags)
        place.shell.show("kubectl", "get", "pods", *where)
        raise


def _items(place: Place, *what: str) -> list[dict[str, Any]]:
    answer = place.shell.ask(
        "kubectl", "get", *what, "-n", place.namespace, *place.flags, "-o", "json"
    )
    found: list[dict[str, Any]] = json.loads(answer)["items"]
    return found


def _states(place: Place) -> list[dict[str, Any]]:
    """The state of each Pod's container; ``{}`` before kubelet has told one."""
    found = []
    for pod in _items(place, "pods"):
        statuses = pod.get("status", {}).get("containerStatuses") or [{}]
        found.append(statuses[0].get("state") or {})
    return found


def _is_refused(place: Place) -> bool:
    states = _states(place)
    if any("running" in state or "terminated" in state for state in states):
        raise ClusterError(
            f"{place.image} was pulled without a login: there is nothing to mend",
            hint="name an image that is private, and whose login the namespace has not got",
        )
    reasons = {state.get("waiting", {}).get("reason") for state in states}
    return bool(reasons.intersection(_REFUSED)) and _refusal(place) != ""


def _refusal(place: Place) -> str:
    """What kubelet said of the pull in an event; empty before it has."""
    events = _items(place, "events", "--field-selector=reason=Failed")
    said = (event["message"] for event in events)
    return next((message for message in said if message.startswith("Failed to pull")), "")


def _is_running(place: Place) -> bool:
    # The only one: the Pod that was refused is gone too.
    states = _states(place)
    return len(states) == 1 and "running" in states[0]
