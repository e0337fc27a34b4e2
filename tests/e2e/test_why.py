"""``regcred why`` on the real node: each cause of ``tests/e2e/causes`` is staged, found and mended.

All causes are played at the same time, each in a namespace and a thread of its own, since what
takes long is kubelet's back-off. Each test then judges one.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import string
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.paths import CHECKOUT
from tests.support import causes
from tests.support.asking import Asking
from tests.support.stages import Stage, Turns, World

CAUSES = causes.read()


def commands(pods):
    """The commands that mend it, in the order in which they are given, each once."""
    causes = [cause for pod in pods for cause in pod["causes"]]
    return list(dict.fromkeys(each for cause in causes for each in cause.get("commands", ())))


def logins(cluster, command):
    """The login that a command asks for: that of the registry it names, as variables."""
    for registry in cluster.registries.values():
        if f"regcred login {registry.address} " in command:
            return {"REGCRED_USERNAME": registry.username, "REGCRED_PASSWORD": registry.password}
    return {}


def play(cluster, stage, asking, other_namespace):
    """Stage a cause, ask why, run the commands, wait for what becomes of it."""
    cause = stage.cause
    stage.set(other_namespace)
    flags = [string.Template(flag).substitute(stage.known) for flag in cause.flags]
    answer = asking.ask(stage, *flags)
    whole = json.dumps(answer.pods, indent=1)
    said = {pod.get("container"): pod["causes"][0]["reason"] for pod in answer.pods}
    assert said == (cause.reasons or dict.fromkeys(said, cause.reason)), whole
    assert len(answer.pods) == max(1, len(cause.reasons)), whole

    shown = answer.shown
    to_run = commands(answer.pods)
    assert bool(to_run) == (cause.mended == causes.COMMAND), whole
    for command in to_run:
        assert f"    {command}\n" in answer.text
        shown += stage.shell(command, **logins(cluster, command))
    for secret in known_secrets(cluster, stage.known):
        assert secret not in shown
    if cause.mended != causes.NOBODY:
        stage.wait(cause.becomes or "runs")
    if other_namespace:  # what is in it would be offered to the next run
        cluster.api.delete_namespace(other_namespace)


@pytest.fixture(scope="module")
def played(request, node_cluster):
    """Cause → the future of `play`, for the causes that this run is to judge."""
    wanted = {
        item.callspec.params["cause"].name
        for item in request.session.items
        if item.module is request.module and hasattr(item, "callspec")
    }
    turns = Turns((os.cpu_count() or 1) + 1)
    world, asking = World(node_cluster), Asking(node_cluster.kubeconfig)
    made: list[str] = []

    def namespace(name):
        name = f"why-{name}"[:50].rstrip("-") + f"-{secrets.token_hex(4)}"
        made.append(name)
        node_cluster.create_namespace(name)
        return name

    def start(cause, known):
        stage = Stage(node_cluster, world, cause, namespace(cause.name), known, turns)
        elsewhere = namespace(f"{cause.name}-other") if cause.elsewhere else ""
        return play(node_cluster, stage, asking, elsewhere)

    with causes.variables(node_cluster) as known, ThreadPoolExecutor(len(CAUSES)) as pool:
        yield {each.name: pool.submit(start, each, known) for each in CAUSES if each.name in wanted}
    for name in made:
        node_cluster.api.delete_namespace(name)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_cause_is_found_and_mended(played, cause):
    played[cause.name].result()


def test_every_cause_that_there_is_is_staged():
    """All that `why` alone names, and of the reasons that it shares with `check`."""
    reference = (CHECKOUT / "docs" / "reference" / "reasons.md").read_text()
    _, _, table = reference.partition("<!-- causes:begin -->")
    named = set(re.findall(r"^\| `(\w+)`", table.partition("<!-- causes:end -->")[0], re.MULTILINE))
    staged = {reason for each in CAUSES for reason in (each.reason, *each.reasons.values())}
    assert named - staged == set()


def known_secrets(cluster, known):
    """Passwords, as they are and as they stand in a Secret."""
    yield from (known[name] for name in known if name.endswith(("PASSWORD", "_TOKEN", "_JWT")))
    for registry in cluster.registries.values():
        for username, password in registry.accounts().items():
            yield password
            yield b64encode(f"{username}:{password}".encode()).decode()
