"""What others write into a cluster or a file never commands the terminal that it is shown on."""

import base64
import json
import re

import pytest

from tests.support.terminal import Terminal

#: A title for the window, colours by two spellings, a line of its own, text that runs backwards.
HOSTILE = "\x1b]0;pwned\x07\x1b[2J\x9b31m\x7fall is well\r\nPods: none fails\u202e"
#: What regcred itself paints with: colours, and the cursor of a progress bar.
_OURS = re.compile(r"\x1b\[(?:(?:\d{1,2}(?:;\d{1,2})*)?m|\?25[lh]|2K|1A)")
_NOT_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@pytest.fixture
def hostile(world, cluster):
    """A namespace in which somebody has written it wherever the API server takes it."""
    world.refused_pod("web", f"r.example.com/{HOSTILE}")
    pod = json.loads(cluster.api.request("GET", f"{_of(world)}/pods/web")[1])
    for each in pod["status"]["containerStatuses"]:
        each["state"] = {"waiting": {"reason": "ErrImagePull", "message": f"denied: {HOSTILE}"}}
    pod["metadata"]["annotations"] = {"regcred.dev/x": HOSTILE}
    assert cluster.api.request("PUT", f"{_of(world)}/pods/web/status", pod)[0] == 200
    auths = {f"r.example.com/{HOSTILE}": {"username": HOSTILE, "password": "x"}, "h": {"auth": "!"}}
    content = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    world.create(
        "secrets",
        "odd",
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": content},
        metadata={"name": "odd", "annotations": {"regcred.dev/expires-at": HOSTILE}},
    )
    account = world.get("serviceaccounts", "default")
    account["imagePullSecrets"] = [{"name": "odd"}, {"name": "gone"}]
    assert world.put("serviceaccounts", account) == 200
    event = {
        "metadata": {"name": "web.1", "namespace": world.namespace},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": world.namespace},
        "reason": "Failed",
        "message": f'Failed to pull image "r.example.com/{HOSTILE}": {HOSTILE}',
        "type": "Warning",
        "lastTimestamp": "2030-01-01T00:00:00Z",
    }
    assert cluster.api.request("POST", f"{_of(world)}/events", event)[0] == 201
    return world


def _of(world):
    return f"/api/v1/namespaces/{world.namespace}"


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        *(("why", form) for form in ("", "json", "yaml")),
        *(("status", form) for form in ("", "json", "yaml")),
        *(("check", form) for form in ("", "json", "junit", "github")),
    ],
)
def test_of_the_cluster(verb, form, hostile, cluster):
    args = [verb, "-n", hostile.namespace, *(["-o", form] if form else [])]
    with Terminal(*args, env={"KUBECONFIG": str(cluster.kubeconfig)}) as terminal:
        terminal.finish()
    assert hostile.namespace in terminal.seen or "r.example.com" in terminal.seen
    _shows_nothing_raw(terminal.seen)
    if not form:  # as data it stays as it was, and is no command
        assert "\u202e" not in terminal.seen


MANIFEST = json.dumps(
    {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web", "annotations": {"a": HOSTILE}},
        "spec": {"containers": [{"name": HOSTILE, "image": f"r.example.com/{HOSTILE}"}]},
    },
    ensure_ascii=False,  # so DEL and what is behind it stand in the file as they are
)


@pytest.mark.parametrize(
    "args",
    [
        ("inject", "--secret", "regcred", "--diff", "-f", "web.json"),
        ("inject", "--secret", "regcred", "--check", "-f", "web.json"),
        ("check", "-f", "web.json", "--no-cluster"),
        ("check", "-f", "web.json", "--no-cluster", "-o", "json"),
        ("check", "-f", "web.json", "--no-cluster", "-o", "junit"),
        ("check", "-f", "web.json", "--no-cluster", "-o", "github"),
        ("inject", "--secret", "regcred", "-f", "nothing\x1b[2J\x9b31m.yaml"),
        ("secret", "a\x1b[2J\x9b31m", "--docker-username", "x", "--dry-run=client"),
        ("login", "a\x1b[2J\x9b31m"),
    ],
    ids=" ".join,
)
def test_of_files_and_arguments(args, tmp_path):
    (tmp_path / "web.json").write_text(MANIFEST)
    with Terminal(*args, env={}, cwd=tmp_path) as terminal:
        terminal.finish()
    assert terminal.seen
    _shows_nothing_raw(terminal.seen)


def _shows_nothing_raw(seen):
    seen = _OURS.sub("", seen).replace("\r", "")
    assert not re.search(r"^Pods: none", seen, re.MULTILINE), "a line of its own"
    found = _NOT_SHOWN.search(seen)
    assert not found, seen[max(0, found.start() - 60) : found.end() + 60].encode("unicode_escape")
