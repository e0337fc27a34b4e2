"""``regcred check`` says before the deploy what the real kubelet does after it.

Each situation is a Pod with its own ServiceAccount and Secrets. The whole of it is checked as
manifests that nobody has applied yet, then applied; then kubelet tries; then what runs is checked.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.node import NODE
from cluster.waiting import await_condition
from tests.support.platforms import push_platforms

JSON = "kubernetes.io/dockerconfigjson"
#: What a container that has run is in, whatever became of it.
PULLED = "pulled"
CRASHES = "CrashLoopBackOff"


def auths(**entries):
    return json.dumps({"auths": entries})


def login(registry, username="", password=None):
    username = username or registry.username
    known = registry.accounts().get(username, "")
    return {"username": username, "password": known if password is None else password}


def jwt_expired():
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() - 60}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


@dataclass
class Situation:
    """A Pod, what check says of it, and what kubelet does.

    Args:
        image: of its one container.
        says: the reason.
        kubelet: ``pulled``, or reasons for which the container waits.
        secrets: name → (type, content of its key, the key).
        own: the Pod's list; None for none, so that the ServiceAccount's counts.
        account: the list of its ServiceAccount.
        policy: imagePullPolicy.
    """

    image: str
    says: str = "Ok"
    kubelet: tuple[str, ...] = (PULLED,)
    secrets: dict[str, Any] = field(default_factory=dict)
    own: list[str] | None = None
    account: list[str] = field(default_factory=list)
    policy: str = "Always"

    def objects(self, name):
        names = lambda listed: [{"name": f"{name}-{each}"} for each in listed]  # noqa: E731
        spec = {
            "nodeName": NODE,
            "hostNetwork": True,
            "terminationGracePeriodSeconds": 1,
            "serviceAccountName": name,
            "containers": [{"name": "app", "image": self.image, "imagePullPolicy": self.policy}],
        }
        if self.own is not None:
            spec["imagePullSecrets"] = names(self.own)
        account = {"imagePullSecrets": names(self.account)}
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} | account
        for each, (kind, key, content) in self.secrets.items():
            metadata = {"name": f"{name}-{each}"}
            data = {"type": kind, "stringData": {key: content}}
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": metadata} | data
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def config(**entries):
    return JSON, ".dockerconfigjson", auths(**entries)


#: kubelet's reason where a Secret does not decode is the decoder's own words.
UNDECODABLE = ("illegal base64 data at input byte 2",)
FAILS = ("ErrImagePull", "ImagePullBackOff")


def situations(cluster, tmp_path):
    basic, token = cluster.registries["htpasswd"], cluster.registries["token"]
    image, host = basic.image, basic.address
    good = config(**{host: login(basic)})
    wrong = config(**{host: login(basic, password="wrong")})
    malformed = {"auth": "no base64!"}
    arm = push_platforms(basic, "team/foreign:1", ["arm64", "s390x"], tmp_path / "index")
    alone = push_platforms(basic, "team/alone:1", ["s390x"], tmp_path / "alone", index=False)
    port = host.rpartition(":")[2]

    def failing(says, image=image, **fields):
        return Situation(image, says, FAILS, **fields)

    return {
        "own-list": Situation(image, secrets={"a": good}, own=["a"]),
        "account-list": Situation(
            token.image, secrets={"a": config(**{token.address: login(token)})}, account=["a"]
        ),
        "legacy": Situation(
            image,
            secrets={
                "a": ("kubernetes.io/dockercfg", ".dockercfg", json.dumps({host: login(basic)}))
            },
            own=["a"],
        ),
        "glob": Situation(
            image, secrets={"a": config(**{f"127.*.0.1:{port}": login(basic)})}, own=["a"]
        ),
        "second-login": Situation(image, secrets={"a": wrong, "b": good}, own=["a", "b"]),
        "missing-beside-good": Situation(image, secrets={"a": good}, own=["gone", "a"]),
        "no-credential": failing("NoCredential"),
        "identity-token": failing(
            "NoCredential", secrets={"a": config(**{host: {"identitytoken": "x"}})}, own=["a"]
        ),
        "secret-missing": failing("SecretMissing", own=["gone"]),
        "wrong-type": failing(
            "WrongSecretType",
            secrets={"a": ("Opaque", ".dockerconfigjson", good[2])},
            own=["a"],
        ),
        "malformed": Situation(
            image,
            "SecretMalformed",
            UNDECODABLE,
            secrets={"a": config(**{host: malformed})},
            own=["a"],
        ),
        "shadowed": Situation(
            image,
            "Shadowed",
            UNDECODABLE,
            secrets={"a": good, "b": config(**{"quay.io": malformed})},
            own=["a", "b"],
        ),
        "no-match-port": failing(
            "NoMatchingRegistry", secrets={"a": config(**{"127.0.0.1": login(basic)})}, own=["a"]
        ),
        "no-match-v2": failing(
            "NoMatchingRegistry", secrets={"a": config(**{f"{host}/v2": login(basic)})}, own=["a"]
        ),
        "cut-off": failing(
            "NoMatchingRegistry",
            secrets={"a": good, "b": config(**{"quay.io": login(basic)})},
            account=["a"],
            own=["b"],
        ),
        "unauthorized": failing("Unauthorized", secrets={"a": wrong}, own=["a"]),
        "unauthorized-token": failing(
            "Unauthorized",
            token.image,
            secrets={"a": config(**{token.address: login(token, password="wrong")})},
            own=["a"],
        ),
        "expired": failing(
            "Expired",
            secrets={"a": config(**{host: login(basic, password=jwt_expired())})},
            own=["a"],
        ),
        "forbidden": failing(
            "Forbidden",
            token.image,
            secrets={"a": config(**{token.address: login(token, "outsider")})},
            own=["a"],
        ),
        "no-tag": failing("NotFound", f"{image}.gone", secrets={"a": good}, own=["a"]),
        "no-repository": failing("NotFound", f"{host}/team/gone:1", secrets={"a": good}, own=["a"]),
        "platform": failing("PlatformMissing", arm, secrets={"a": good}, own=["a"]),
        # containerd pulls what is no index, whatever it is for; it ends when it is to run.
        "platform-alone": Situation(alone, "Ok", (PULLED, CRASHES), secrets={"a": good}, own=["a"]),
        "unreachable": failing("Unreachable", "127.0.0.1:1/team/app:1"),
        "no-such-host": failing("Unreachable", "registry.invalid/team/app:1"),
        "bad-reference": Situation("127.0.0.1/Team/app", "BadReference", ("InvalidImageName",)),
        "never": Situation(
            f"{host}/team/never:1", "NeverPulled", ("ErrImageNeverPull",), policy="Never"
        ),
    }


def reasons(done):
    """Pod → what check says of it."""
    found = json.loads(done.stdout)["images"]
    assert len({each["object"] for each in found}) == len(found)
    return {each["object"].removeprefix("pod/"): each["reason"] for each in found}


def test_check_says_what_kubelet_does(node_cluster, namespace, regcred, tmp_path):
    staged = situations(node_cluster, tmp_path)
    objects = [obj for name, each in staged.items() for obj in each.objects(name)]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    where = ("-n", namespace)
    quick = ("--timeout", "10", "-o", "json")

    before = regcred("check", "-f", "-", *where, *quick, stdin=manifest, check=1)
    said = reasons(before)
    assert said == {name: each.says for name, each in staged.items()}
    for account in node_cluster.registries["htpasswd"].accounts().values():
        assert account.encode() not in before.stdout + before.stderr

    node_cluster.kubectl("create", *where, "-f", "-", stdin=manifest)
    states: dict[str, str] = {}

    def ended():
        listed = node_cluster.kubectl("get", "pods", *where, "-o", "json").stdout
        for pod in json.loads(listed)["items"]:
            (status,) = pod["status"].get("containerStatuses") or [{}]
            state = status.get("state") or {}
            waiting = state.get("waiting", {}).get("reason", "")
            pulled = "running" in state or "terminated" in state
            states[pod["metadata"]["name"]] = PULLED if pulled else waiting
        return all(state not in ("", "ContainerCreating") for state in states.values())

    await_condition("kubelet has tried all", ended, timeout=240, log=lambda: json.dumps(states))
    wrong = {n: states[n] for n, each in staged.items() if states[n] not in each.kubelet}
    assert wrong == {}

    assert reasons(regcred("check", *where, *quick, check=1)) == said


@pytest.mark.parametrize("kind", ["htpasswd", "token"])
def test_a_login_turns_a_no_into_a_yes(node_cluster, namespace, regcred, kind):
    registry = node_cluster.registries[kind]
    where = ("-n", namespace)
    image = {"name": "app", "image": registry.image}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [image]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    manifest = json.dumps(deployment).encode()
    gate = ("check", "-f", "-", *where)
    no = regcred(*gate, stdin=manifest, check=1)
    assert no.stdout.startswith(b"NoCredential  ")
    regcred(
        "login", registry.address, "-u", "puller", "--password-stdin", *where,
        stdin=registry.password.encode(),
    )  # fmt: skip
    yes = regcred(*gate, stdin=manifest)
    assert yes.stdout.startswith(b"ok  ")
    assert f"Secret {namespace}/regcred".encode() in yes.stdout
