"""``regcred status`` where an operator keeps the logins."""

from __future__ import annotations

import json

from tests.integration.conftest import World
from tests.support.cli import run_regcred
from tests.support.operatorworld import REGISTRY


def test_pods_that_admission_gives_it_to(installation, operator_world, cluster):
    world = operator_world(namespaces=1)
    with installation.operator():
        world.put_pullcredential("main", attach="Pod")
        world.await_state("it is there", lambda: world.ready() == "1/1")
    namespace, secret = world.full("ns-0"), installation.secret_name
    env = {"KUBECONFIG": str(cluster.kubeconfig)}
    where = ("status", "-n", namespace)
    found = json.loads(run_regcred(*where, "-o", "json", env=env).stdout)
    (row,) = (each for each in found["rows"] if each.get("secret") == secret)
    assert row["byAdmission"]
    assert row["pullCredential"] == world.full("main")
    assert row["serviceAccounts"]["attached"] == []
    assert found["unread"] == []
    said = run_regcred(*where, env=env).stdout.decode()
    (line,) = (each for each in said.splitlines() if secret in each)
    assert line.split() == [namespace, REGISTRY, secret, "admission", "operator", "-", "-"]
    rights = dict.fromkeys(("secrets", "pods", "serviceaccounts"), ("list",))
    user = {"KUBECONFIG": str(World(cluster, namespace).user(rights))}
    done = run_regcred(*where, env=user)
    (line,) = (each for each in done.stdout.decode().splitlines() if secret in each)
    assert line.split()[3] == "0/1"
    assert b"may not list pullcredentials" in done.stderr
