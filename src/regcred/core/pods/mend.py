"""What mends a Pod that does not pull: each step as a command for a shell, and as what it does.

The command is what a person types, the step is what ``regcred why --fix`` does itself; both come
from one value, so neither says anything that the other does not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any

from regcred.core.formats import gojson

if TYPE_CHECKING:
    from regcred.core.pods.stuck import StuckPod, Waiting

#: The kinds whose template ``kubectl rollout restart`` annotates.
RESTARTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

#: The other kinds that are sure to make a Pod anew which is deleted.
_REPLACING = frozenset({"ReplicaSet", "ReplicationController"})

#: What a container is called → the list in a Pod's spec that it stands in.
LISTS = {"container": "containers", "init container": "initContainers"}


@dataclass(frozen=True, slots=True)
class Attach:
    """Put a pull Secret on a ServiceAccount."""

    namespace: str
    account: str
    secret: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Have the owner make its Pods anew; where it keeps those that wait, these are deleted."""

    waiting: Waiting


@dataclass(frozen=True, slots=True)
class AddToTemplate:
    """Add a pull Secret to the list in the owner's template.

    Where the owner keeps its Pods that wait (`keeps_stuck_pods`), or is of a kind that replaces
    none by itself, these are deleted after that.
    """

    waiting: Waiting
    secret: str


@dataclass(frozen=True, slots=True)
class DeletePods:
    """Delete Pods that their controller replaces."""

    pods: tuple[StuckPod, ...]


@dataclass(frozen=True, slots=True)
class Recreate:
    """Make a bare Pod anew, with `secret` added to its list where given."""

    pod: StuckPod
    secret: str = ""


Step = Attach | Restart | AddToTemplate | DeletePods | Recreate


@dataclass(frozen=True, slots=True)
class Mend:
    """One command.

    Args:
        command: for a shell.
        step: what it does; None where it needs what regcred does not have, a password say, or
            where it is for a person to decide.
    """

    command: str
    step: Step | None = None


def replaces(kind: str) -> bool:
    """Whether a controller of this kind is sure to make a Pod anew which is deleted."""
    return kind in _REPLACING or kind in RESTARTABLE


def attach(namespace: str, account: str, secret: str) -> Mend:
    """Put `secret` on a ServiceAccount."""
    command = _words("regcred attach", secret, "-n", namespace, "--serviceaccount", account)
    return Mend(command, Attach(namespace, account, secret))


def restart(waiting: Waiting) -> Mend:
    """Have the Pods made anew, as their owner makes them now."""
    target, where = _target(waiting)
    if waiting.kind == "Pod":
        return recreate(waiting.pods[0])
    if waiting.kind not in RESTARTABLE:
        return delete(waiting.pods, replaced=waiting.kind in _REPLACING)
    command = f"kubectl rollout restart {target} {where}"
    if waiting.paused:
        return Mend(f"kubectl rollout resume {target} {where} && {command}")
    if keeps_stuck_pods(waiting):
        command = f"{command} && {delete(waiting.pods).command}"
    return Mend(command, Restart(waiting))


def add_to_template(waiting: Waiting, secret: str) -> Mend:
    """Add `secret` to the list that the owner's template has; of a bare Pod, to its own."""
    if waiting.kind == "Pod":
        return recreate(waiting.pods[0], secret)
    target, where = _target(waiting)
    namespace = waiting.pods[0].namespace
    command = patch_template(waiting.kind.lower(), waiting.name, namespace, (secret,))
    if waiting.paused:
        return Mend(f"kubectl rollout resume {target} {where} && {command}")
    if waiting.kind not in RESTARTABLE or keeps_stuck_pods(waiting):
        command = f"{command} && {delete(waiting.pods).command}"
    return Mend(command, AddToTemplate(waiting, secret))


def patch_template(kind: str, name: str, namespace: str, secrets: tuple[str, ...]) -> str:
    """The command that adds Secrets to the list in the template of a workload."""
    change = quote(_list_of(*secrets, template=True))
    return f"kubectl patch {quote(f'{kind}/{name}')} -n {quote(namespace)} -p {change}"


def delete(pods: tuple[StuckPod, ...], *, replaced: bool = True) -> Mend:
    """Delete Pods of one namespace.

    Args:
        pods: the Pods.
        replaced: whether their controller is sure to make them anew; else it is for a person. A
            Job counts each as a failure, and of other kinds nobody knows.
    """
    command = _words("kubectl delete pod", *(pod.name for pod in pods), "-n", pods[0].namespace)
    return Mend(command, DeletePods(pods) if replaced else None)


def recreate(pod: StuckPod, secret: str = "") -> Mend:
    """Make a bare Pod anew, with `secret` added to its list where given."""
    get = _words("kubectl get pod", pod.name, "-n", pod.namespace, "-o", "yaml")
    change = _list_of(secret, template=False)
    add = f"kubectl patch --local -f - -o yaml -p {quote(change)} | " if secret else ""
    command = f"{get} | {add}kubectl replace --force -f -"
    return Mend(command, Recreate(pod, secret))


def copy(name: str, source: str, namespace: str) -> Mend:
    """Copy the login of a pull Secret from the namespace `source`.

    For a person: whose it is, and whether others may have it, no right says.
    """
    get = _words("kubectl get secret", name, "-n", source)
    make = _words("regcred secret", name, "-n", namespace)
    return Mend(
        f"{get} -o jsonpath='{{.data.\\.dockerconfigjson}}' | base64 -d | "
        f"{make} --from-file=.dockerconfigjson=/dev/stdin"
    )


def login(
    registry: str,
    namespace: str,
    account: str,
    *,
    name: str = "",
    adopt: bool = False,
    restart: bool = False,
) -> Mend:
    """Log in; for a person, who has the password.

    Args:
        registry: the image's.
        namespace: the Pod's; empty where nobody says.
        account: the Pod's ServiceAccount; likewise.
        name: the Secret that the Pod has; empty for regcred's own.
        adopt: whether somebody else made it.
        restart: whether the Pod is to be made anew.
    """
    words = ["regcred", "login", registry, *(["-n", namespace] if namespace else [])]
    if name not in ("", "regcred"):
        words += ["--name", name]
    if account not in ("", "default"):
        words += ["--serviceaccount", account]
    words += ["--adopt"] * adopt + ["--restart"] * restart
    return Mend(" ".join(map(quote, words)))


def create_account(namespace: str, account: str) -> Mend:
    """Make a ServiceAccount; for a person, who knows what else it has to have."""
    return Mend(_words("kubectl create serviceaccount", account, "-n", namespace))


def remove(namespace: str, secret: str) -> Mend:
    """Delete a Secret; for a person, since what is in it is lost."""
    return Mend(_words("kubectl delete secret", secret, "-n", namespace))


def set_policy(waiting: Waiting, listed: str, container: str) -> Mend:
    """Have the image of one container pulled where the node does not have it."""
    target, where = _target(waiting)
    changed = [{"name": container, "imagePullPolicy": "IfNotPresent"}]
    patch = gojson.dumps({"spec": {"template": {"spec": {listed: changed}}}})
    command = f"kubectl patch {target} {where} -p {quote(patch)}"
    if keeps_stuck_pods(waiting):
        command = f"{command} && {delete(waiting.pods).command}"
    return Mend(command)


def keeps_stuck_pods(waiting: Waiting) -> bool:
    """Whether new Pods do not come while the old ones are there.

    A StatefulSet first waits for the stuck Pod to become ready: for ever.
    """
    return waiting.kind == "StatefulSet" or waiting.on_delete


def _list_of(*secrets: str, template: bool) -> str:
    """A strategic merge patch: the list's entries are merged by their names."""
    spec: dict[str, Any] = {"spec": {"imagePullSecrets": [{"name": name} for name in secrets]}}
    return gojson.dumps({"spec": {"template": spec}} if template else spec)


def _target(waiting: Waiting) -> tuple[str, str]:
    target = quote(f"{waiting.kind.lower()}/{waiting.name}")
    return target, f"-n {quote(waiting.pods[0].namespace)}"


def _words(command: str, *words: str) -> str:
    """A command with arguments: names come from objects that anybody may have written."""
    return " ".join((command, *map(quote, words)))
