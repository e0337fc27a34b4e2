"""The operator: one object for all namespaces, those of tomorrow, and the next password."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

from cluster.demo import pods
from cluster.demo.acts import Act
from cluster.demo.files import pullcredential, with_namespace, write
from cluster.demo.place import NEW_PASSWORD, PASSWORD
from cluster.demo.shell import say
from cluster.errors import ClusterError
from cluster.waiting import await_condition

if TYPE_CHECKING:
    from cluster.demo.place import Place
    from cluster.demo.whole import Whole

TEAMS = tuple(f"team-{number}" for number in range(1, 6))
"""Namespaces that are there from the start; `NEXT` comes later."""

NEXT = "team-6"
_SYSTEM = "regcred-system"
_OPERATOR = f"system:serviceaccount:{_SYSTEM}:regcred"
_PATIENCE = 60.0


def _five(place: Place) -> None:
    shell, whole = place.shell, _whole(place)
    shell.show("kubectl apply -k deploy | wc -l")
    user = shell.ask("kubectl", "config", "view", "-o=jsonpath={.users[0].name}")
    shell.show("kubectl config view --raw > operator.kubeconfig")
    shell.show(
        "kubectl config set --kubeconfig operator.kubeconfig \\\n"
        f"    users.{user}.act-as {_OPERATOR}"
    )
    whole.start_operator(
        f"regcred operator --kubeconfig operator.kubeconfig \\\n    --namespace {_SYSTEM}"
        " --admission-policies \\\n    --metrics-address 127.0.0.1:0 --log-format console"
    )
    shell.show(f"kubectl create {_source(place, PASSWORD)}")
    text = pullcredential("registry", place.registry, "registry-login", "team-*")
    write(place, "registry.yaml", text)
    shell.show("cat registry.yaml")
    began = time.monotonic()
    shell.show("kubectl apply -f registry.yaml")
    shell.show("kubectl wait --for=condition=Ready pullcredential/registry --timeout=60s")
    say(f"(in all five after {time.monotonic() - began:.1f} s, both commands included)")
    shell.show("regcred status -A")


def _at_once(place: Place) -> None:
    write(place, f"{NEXT}.yaml", with_namespace(NEXT, place.image, place.node))
    place.shell.show(f"grep ^kind: {NEXT}.yaml")
    place.shell.show(f"kubectl apply -f {NEXT}.yaml")
    seconds = pods.await_running(place, NEXT)
    place.shell.show(
        f"kubectl get events -n {NEXT} --field-selector=involvedObject.kind=Pod \\\n"
        "    -o custom-columns=TYPE:.type,REASON:.reason"
    )
    if found := pods.warnings(place, NEXT):
        raise ClusterError("a pull failed, and none should have", log="\n".join(found))
    say(f"(no ErrImagePull among them; it ran after {seconds:.1f} s)")


def _rotation(place: Place) -> None:
    shell, whole = place.shell, _whole(place)
    whole.change_password(place.username)
    say("(the registry has another password for this user from now on)")
    shell.show(f"regcred check --secret-file secret.yaml {place.image}", exits=1)
    began = time.monotonic()
    shell.show(
        f"kubectl create {_source(place, NEW_PASSWORD)} \\\n"
        "    --dry-run=client -o yaml | kubectl replace -f -"
    )
    new = (shell.folder / NEW_PASSWORD).read_text()
    await_condition(
        "all namespaces have the new password",
        lambda: _passwords(place) == [new] * (len(TEAMS) + 1),
        timeout=_PATIENCE,
    )
    say(f"(in all six after {time.monotonic() - began:.1f} s, the command included)")
    shell.show(f"kubectl rollout restart deployment/web -n {NEXT}")
    seconds = pods.await_running(place, NEXT)
    shell.show(f"kubectl get pods -n {NEXT}")
    say(f"(it replaced the other after {seconds:.1f} s, and asked the registry for its image)")


def _whole(place: Place) -> Whole:
    if place.whole is None:
        raise ClusterError("this act is for a cluster of the demo's own")
    return place.whole


def _source(place: Place, file: str) -> str:
    """What makes the source's Secret, after ``kubectl create``."""
    return (
        f"secret generic registry-login -n {_SYSTEM} \\\n"
        "    --type=kubernetes.io/basic-auth \\\n"
        f"    --from-literal=username={place.username} --from-file=password={file}"
    )


def _passwords(place: Place) -> list[str]:
    """That of each Secret of the operator's."""
    listed = place.shell.ask(
        "kubectl", "get", "secrets", "-A", "--field-selector=metadata.name=regcred", "-o=json"
    )
    found = []
    for secret in json.loads(listed)["items"]:
        if secret["metadata"]["namespace"] in (*TEAMS, NEXT):
            auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
            found.append(auths[place.registry]["password"])
    return found


ACTS = (
    Act(
        "2. One object, five namespaces at once",
        "deploy brings the CRD, the least rights, and admission policies. No scheduler is here to"
        " place the operator's Pods, so it runs as a process, with the rights of its ServiceAccount"
        " and no others.",
        _five,
    ),
    Act(
        "3. A namespace and what runs in it, from one file, in one go",
        "The API server itself adds the Secret's name to the Pod as that is created, by an"
        " admission policy, so no Pod is a second too early.",
        _at_once,
    ),
    Act(
        "4. The password changes at the registry, then in the source",
        "One Secret is replaced, and the operator carries it everywhere.",
        _rotation,
    ),
)
