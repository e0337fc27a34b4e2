"""``regcred inject`` over 2,000 Deployments, in time and in memory.

kubectl has nothing that does the same: ``patch --local`` writes the entries and loses all comments,
``kustomize`` does so by a patch and takes far longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from cluster.cluster import prepare
from tests.benchmarks.installation import environment
from tests.benchmarks.rounds import Figure, in_turns, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.installation import Installation

ROUNDS = 9
KUSTOMIZE_ROUNDS = 1
DEPLOYMENTS = 2000
_MEBIBYTE = 1024 * 1024
_STREAM = 100 * _MEBIBYTE

_ENTRIES = [{"name": "regcred"}]
_PATCH = {"spec": {"template": {"spec": {"imagePullSecrets": _ENTRIES}}}}
_DOCUMENT = """\
# Deployment {number}: made for measuring
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number:05}   # the name
  namespace: team-{team}
  labels: {{app: app-{number:05}, tier: backend}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: app-{number:05}, tier: backend}}
  template:
    metadata:
      labels: {{app: app-{number:05}, tier: backend}}
    spec:
      # one container, as most have
      containers:
        - name: main
          image: registry.example.com/team-{team}/app-{number:05}:1.{team}
          env:
            - name: LOG_LEVEL
              value: "info"
          resources:
            limits:
              memory: 128Mi
"""
#: Run as a process of its own: a child's peak counts what its parent had when it was forked, and
#: this one has next to nothing.
_PEAK = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss * 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def patch(installation: Installation, rounds: int) -> Figure:
    """Against ``kubectl patch --local``, which loses comments."""
    return _against(installation, rounds, "kubectl patch --local", _patch_local, goal=0.6)


def kustomize(installation: Installation, rounds: int) -> Figure:
    """Against ``kubectl kustomize`` with a patch for all Deployments; for information."""
    rounds = min(rounds, KUSTOMIZE_ROUNDS)
    return _against(installation, rounds, "kubectl kustomize", _kustomize, goal=None)


def memory(installation: Installation, rounds: int) -> Figure:
    """What the 2,000 cost in memory beyond what one costs, against their size."""
    text = _documents(DEPLOYMENTS)
    return _memory(installation, rounds, text, 1, "memory, 2,000 Deployments", goal=10)


def stream(installation: Installation, rounds: int) -> Figure:
    """What a stream of 100 MB costs in memory beyond what one document costs."""
    text = _documents(DEPLOYMENTS)
    times = _STREAM // len(text) + 1
    return _memory(installation, min(rounds, 1), text, times, "memory, 100 MB stream", goal=0.5)


def _documents(count: int) -> str:
    return "---\n".join(_DOCUMENT.format(number=n, team=n % 50) for n in range(count))


def _against(
    installation: Installation,
    rounds: int,
    name: str,
    rival: Callable[[Path], list[str | Path]],
    *,
    goal: float | None,
) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "deployments.yaml")
        file.write_text(_documents(DEPLOYMENTS))
        ours: list[str | Path] = [installation.regcred, "inject", "--secret=regcred", "-f", file]
        theirs = rival(file)
        _check(_run(ours), file.read_text())
        measured = in_turns(
            *(partial(seconds, partial(_run, command)) for command in (ours, theirs)), rounds
        )
    return Figure(f"inject, {DEPLOYMENTS:,} Deployments", name, *measured, goal)


def _patch_local(file: Path) -> list[str | Path]:
    flags = ["--local", "-f", file, "-o", "yaml", "-p", json.dumps(_PATCH)]
    return [prepare()["kubectl"], "patch", *flags]


def _kustomize(file: Path) -> list[str | Path]:
    target = {"patch": json.dumps([_operation()]), "target": {"kind": "Deployment"}}
    wanted = {"resources": [file.name], "patches": [target]}
    file.with_name("kustomization.yaml").write_text(yaml.safe_dump(wanted))
    return [prepare()["kubectl"], "kustomize", file.parent]


def _operation() -> dict[str, object]:
    return {"op": "add", "path": "/spec/template/spec/imagePullSecrets", "value": _ENTRIES}


def _check(output: str, given: str) -> None:
    """Every Deployment has its entry, and every other byte is as it was."""
    lines = output.splitlines(keepends=True)
    added = [line for line in lines if "imagePullSecrets:" in line or "name: regcred\n" in line]
    assert len(added) == 2 * DEPLOYMENTS
    assert "".join(line for line in lines if line not in set(added)) == given
    for document in yaml.load_all(output, yaml.CSafeLoader):
        assert document["spec"]["template"]["spec"]["imagePullSecrets"] == _ENTRIES


def _memory(
    installation: Installation, rounds: int, text: str, times: int, what: str, *, goal: float
) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one.yaml"), Path(folder, "many.yaml")
        one.write_text(_documents(1))
        with many.open("w") as file:
            for number in range(times):
                file.write(("---\n" if number else "") + text)
        grown = [float(_peak(installation, many) - _peak(installation, one)) for _ in range(rounds)]
        size = float(many.stat().st_size)
    return Figure(what, "input", grown, [size] * rounds, goal, unit="MB")


def _peak(installation: Installation, file: Path) -> int:
    """The most memory that injecting into `file` held at one time, in bytes."""
    command = [installation.regcred, "inject", "--secret=regcred", "-f", file]
    done = subprocess.run(
        [installation.python, "-S", "-c", _PEAK, *command],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stderr.split()[-1])


def _run(command: list[str | Path]) -> str:
    env = environment(KUBECONFIG=os.devnull, KUBERC="off")
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
