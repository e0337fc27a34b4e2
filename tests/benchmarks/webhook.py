"""The admission webhook alone: how long an answer takes, at a steady rate, on one core.

As an API server asks: connections by TLS that are kept, each with one review at a time. The server
is a process of its own on one core, and the client on the others, where there are any.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import time
from typing import Any

from regcred.operator.webhook import Webhook, WebhookSettings
from tests.benchmarks.rounds import Amount
from tests.support.filledworld import FilledWorld, spec

ROUNDS = 5
NAMESPACES, PULLCREDENTIALS = 10_000, 5
RATE, SECONDS, CONNECTIONS = 200, 10, 25
GOAL_SECONDS = 0.005


def webhook(rounds: int) -> list[Amount]:
    """The 99th percentile of each round: of its own time, and of what a client waits for.

    Args:
        rounds: of `SECONDS` each.
    """
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.benchmarks.webhook", str(cores[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            address = server.stdout.readline().decode().strip()
            os.sched_setaffinity(0, set(cores[1:]) or set(cores))
            measured = [asyncio.run(_round(address)) for _ in range(rounds + 1)][1:]
        finally:
            os.sched_setaffinity(0, set(cores))
            server.stdin.close()
            told = json.loads(server.stdout.read())
    size = RATE * SECONDS
    own = [told[start : start + size] for start in range(size, len(told), size)]
    late, met = (
        [statistics.quantiles(each, n=100)[98] for each in side] for side in (own, measured)
    )
    what = (
        f"webhook, {RATE} reviews/s, {NAMESPACES:,} namespaces, {PULLCREDENTIALS} PullCredentials"
    )
    return [
        Amount(f"{what}: p99 of its own time", late, goal=GOAL_SECONDS),
        Amount(f"{what}: p99 as a client meets it, on this machine", met),
    ]


async def _round(address: str) -> list[float]:
    """Seconds of each review, counted from when it was due: a server that lags is not spared."""
    host, _, port = address.rpartition(":")
    requests = [_request(number) for number in range(RATE * SECONDS)]
    took: list[float] = []
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    begin = time.perf_counter() + 2.0  # all have shaken hands by then
    due = iter([(begin + number / RATE, request) for number, request in enumerate(requests)])

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        for when, request in due:
            await asyncio.sleep(when - time.perf_counter())
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(size)
            took.append(time.perf_counter() - when)
            assert b'"patch":' in body, head
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return took


def _request(number: int) -> bytes:
    body = _review(number)
    head = "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


def _review(number: int) -> bytes:
    """A Pod as Deployments make them, or every fifth time a ServiceAccount."""
    obj: dict[str, Any] = {"metadata": {"name": "default", "uid": str(number)}}
    resource = "serviceaccounts"
    if number % 5:
        resource = "pods"
        env = [{"name": f"VARIABLE_{n}", "value": "x" * 40} for n in range(30)]
        container = {"name": "app", "image": "registry.example.com/app:1", "env": env}
        obj["metadata"]["labels"] = {f"example.com/label-{n}": "value" for n in range(8)}
        obj["spec"] = {"serviceAccountName": "default", "containers": [container] * 2}
    request = {
        "uid": f"{number:08}",
        "resource": {"group": "", "version": "v1", "resource": resource},
        "operation": "CREATE",
        "namespace": f"team-{number * 7919 % NAMESPACES}",
        "object": obj,
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(review).encode()


async def _serve() -> None:
    world = FilledWorld()
    labels = {f"team-{n}": {"team": f"{n % 100}", "env": "dev"} for n in range(NAMESPACES)}
    world.fill(labels, [_spec(number) for number in range(PULLCREDENTIALS)])
    settings = WebhookSettings("127.0.0.1:0", "regcred-webhook", "")
    took: list[float] = []
    async with Webhook(settings, "ops", world, lambda *told: took.append(told[2])) as server:
        server.user = "system:serviceaccount:ops:regcred"
        print(server.address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(took))


def _spec(number: int) -> dict[str, Any]:
    """The last of them selects everything, so that the others are looked at for nothing."""
    if number == PULLCREDENTIALS - 1:
        return spec()
    rule = {"key": "team", "operator": "In", "values": [f"x{number}", f"y{number}"]}
    return spec(
        namespaces={"include": ["team-*", "shop-*"], "exclude": ["*-x"], "matchExpressions": [rule]}
    )


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    asyncio.run(_serve())
