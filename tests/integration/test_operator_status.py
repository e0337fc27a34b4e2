"""What the operator writes about PullCredentials: status, Events, its finalizer.

All of it with the rights of the chart's own ServiceAccount, under the chart's guard. An operator
that runs in the same cluster meanwhile writes these statuses too: there must be none.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import re
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from cluster.waiting import await_condition
from regcred.core.errors import Forbidden, Invalid, NotLeader
from regcred.core.operator.pcstatus import Failure, Tally
from regcred.core.operator.pullcredential import FINALIZER
from regcred.kube.client import Client
from regcred.operator import finalizer, oplog
from regcred.operator.events import EventRecorder
from regcred.operator.statuswriter import StatusWriter
from tests.support.faults import Answer, Cut, Delay, both, writes
from tests.support.faultyproxy import FaultyProxy
from tests.support.release import Release
from tests.support.subject import Subject

GUARD = "ValidatingAdmissionPolicy"
FAILING = Tally(3, 2, [Failure("team-a", "SecretNotOurs", "somebody else's")])
OTHERS = ["a.example.com/x", "b.example.com/y"]


@pytest.fixture(scope="module")
def operator_kubeconfig(cluster, helm_program, tmp_path_factory):
    """The chart's ServiceAccount, once its rights and the guard are known to the API server."""
    name = f"status-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp("helm")
    release = Release(cluster, helm_program, name, f"{name}-system", home)
    try:
        release.install("--set=replicas=0")
        caller, subject = release.operator(), Subject(cluster)
        labels = {"metadata": {"labels": {"a": "b"}}}
        dry = f"{subject.path}?dryRun=All"
        try:
            await_condition(
                "the guard stands",
                lambda: GUARD in caller.ask("PATCH", dry, labels, patch="merge")[1],
                timeout=30,
            )
        finally:
            subject.vanish()
        yield cluster.users.with_token(release.token())
    finally:
        release.uninstall()


@pytest.fixture
def proxy(operator_kubeconfig):
    """Between the operator and the API server."""
    with FaultyProxy(operator_kubeconfig) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy):
    """The operator's."""
    async with Client(proxy.config) as client:
        yield client


@pytest.fixture
def subjects(cluster):
    """Makes PullCredentials; they are taken away at the end."""
    made = []

    def make(name=""):
        made.append(Subject(cluster, name))
        return made[-1]

    yield make
    for each in made:
        each.vanish()


@pytest.fixture
def subject(subjects):
    return subjects()


@pytest.fixture
def log():
    """The lines that the operator says, parsed."""
    stream = io.StringIO()
    oplog.setup("json", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    oplog.setup("json", "error", io.StringIO())


def writer_of(client, *subjects, **options):
    """A writer for these."""
    by_name = {each.name: each for each in subjects}
    return StatusWriter(client, lambda name: by_name[name].build(), **options)


@asynccontextmanager
async def running(work):
    """`work` going on meanwhile; what ends it by itself fails the test."""
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        assert not task.done(), task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds):
    """Wait until something is so."""
    await asyncio.to_thread(await_condition, "what the test waits for", holds, timeout=60)


async def until_ready(count, *subjects):
    """Wait until the status of each says that so many namespaces are ready."""

    def holds():
        return all(each.status.get("namespaces", {}).get("ready") == count for each in subjects)

    await until(holds)


def status_writes(*subjects):
    """Requests for the status of these."""
    paths = {f"{each.path}/status" for each in subjects}
    return lambda seen: seen.method != "GET" and seen.path in paths


event_writes = both(writes("events"))


# Status


async def test_kubectl_waits_and_shows(client, subject, cluster):
    async with running(writer := writer_of(client, subject)):
        subject.tally = Tally(3, 2)
        writer.touch(subject.name)
        await until(lambda: subject.status)
        assert subject.condition()["status"] == "False"
        subject.tally = Tally(3, 3)
        writer.touch(subject.name)
        wait = ("wait", "--for=condition=Ready", "--timeout=60s", f"pullcredential/{subject.name}")
        await asyncio.to_thread(cluster.kubectl, *wait)
    columns = (
        cluster.kubectl("get", "pullcredential", subject.name, "--no-headers")
        .stdout.decode()
        .split()
    )
    assert columns[:3] == [subject.name, "True", "3/3"]
    assert subject.status["observedGeneration"] == subject.metadata["generation"]


async def test_the_same_status_is_not_written_again(client, subject, proxy):
    writer = writer_of(client, subject)
    for look in (lambda: None, lambda: None, subject.look, lambda: None):  # the view lags at first
        writer.touch(subject.name)
        await writer.flush()
        look()
    assert subject.built == 4
    assert proxy.count(status_writes(subject)) == 1


async def test_another_s_writer_does_not_write_it_again_either(client, subject, proxy):
    for _ in range(2):
        writer = writer_of(client, subject)
        writer.touch(subject.name)
        await writer.flush()
        subject.look()
    assert proxy.count(status_writes(subject)) == 1


async def test_a_view_that_lags_behind_does_not_turn_back_times(client, subject):
    writer = writer_of(client, subject)
    writer.touch(subject.name)
    await writer.flush()
    since = subject.condition()["lastTransitionTime"]
    subject.tally = Tally(4, 4)
    writer.touch(subject.name)
    await writer.flush()
    assert subject.condition()["message"] == "4 namespaces have the logins"
    assert subject.condition()["lastTransitionTime"] == since
    subject.tally = FAILING
    writer.touch(subject.name)
    await writer.flush()
    assert subject.condition()["lastTransitionTime"] > since
    assert subject.condition("Minted")["lastTransitionTime"] == since


async def test_what_somebody_else_wrote_is_put_right(client, subject, cluster):
    writer = writer_of(client, subject)
    writer.touch(subject.name)
    await writer.flush()
    patch = '{"status":{"conditions":null,"expiresAt":"2026-01-01T00:00:00Z"}}'
    kubectl = (
        "patch",
        "pullcredential",
        subject.name,
        "--subresource=status",
        "--type=merge",
        "-p",
        patch,
    )
    cluster.kubectl(*kubectl)
    subject.look()
    writer.touch(subject.name)
    await writer.flush()
    assert subject.condition()["status"] == "True"
    assert "expiresAt" not in subject.status


async def test_a_storm_is_few_writes_and_the_last_state_stands(client, subject, proxy):
    changes = []
    writer = writer_of(client, subject, on_change=lambda known, new: changes.append(new))
    begin = time.monotonic()
    async with running(writer):
        for ready in range(2001):
            subject.tally = Tally(2000, ready)
            writer.touch(subject.name)
            await asyncio.sleep(0)
        await until_ready(2000, subject)
    seconds = time.monotonic() - begin
    assert 1 <= proxy.count(status_writes(subject)) <= math.ceil(seconds) + 1
    assert [each["namespaces"]["ready"] for each in changes][-1] == 2000
    assert len(changes) == proxy.count(status_writes(subject))


async def test_twenty_at_the_same_time(client, subjects, proxy):
    many = [subjects() for _ in range(20)]
    begin = time.monotonic()
    async with running(writer := writer_of(client, *many)):
        for ready in range(101):
            for each in many:
                each.tally = Tally(100, ready)
                writer.touch(each.name)
            await asyncio.sleep(0)
        await until_ready(100, *many)
    most = math.ceil(time.monotonic() - begin) + 1
    assert all(1 <= proxy.count(status_writes(each)) <= most for each in many)


async def test_an_object_that_was_made_anew_does_not_get_the_old_one_s_status(
    client, subject, proxy
):
    subject.delete()
    subject.create()
    writer = writer_of(client, subject)
    writer.touch(subject.name)  # the view has the old one
    await writer.flush()
    assert proxy.count(status_writes(subject)) == 1
    assert subject.status == {}
    await writer.flush()
    assert proxy.count(status_writes(subject)) == 1, "it is not tried again"
    subject.look()
    writer.touch(subject.name)
    await writer.flush()
    assert subject.condition()["status"] == "True"


async def test_what_was_written_of_the_old_one_says_nothing_of_the_new_one(client, subject):
    writer = writer_of(client, subject)
    writer.touch(subject.name)
    await writer.flush()
    since = subject.condition()["lastTransitionTime"]
    subject.delete()
    subject.create()
    subject.look()
    writer.touch(subject.name)
    await writer.flush()
    assert subject.condition()["status"] == "True"
    assert subject.condition()["lastTransitionTime"] > since


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not-seen"])
async def test_an_object_that_is_gone_is_dropped(client, subjects, proxy, seen):
    gone, other = subjects(), subjects()
    gone.delete()
    if seen:
        gone.look()
    async with running(writer := writer_of(client, gone, other)):
        writer.touch(gone.name)
        writer.touch(other.name)
        await until(lambda: other.status and gone.built)
    writer.touch(other.name)
    await writer.flush()
    assert gone.built == 1
    assert proxy.count(status_writes(gone)) == (0 if seen else 1)


@pytest.mark.parametrize(
    "fault",
    [Answer(500), Answer(503), Answer(429, headers={"Retry-After": "1"}), Answer(403), Cut()],
    ids=lambda fault: str(getattr(fault, "status", "cut")),
)
async def test_one_that_cannot_be_written_stops_no_other(client, subjects, proxy, log, fault):
    bad, good = subjects(), [subjects() for _ in range(3)]
    proxy.on(status_writes(bad), fault, times=None)
    async with running(writer := writer_of(client, bad, *good)):
        for ready in (1, 2, 3):
            for each in (bad, *good):
                each.tally = Tally(3, ready)
                writer.touch(each.name)
            await until_ready(ready, *good)
        await asyncio.to_thread(proxy.wait, status_writes(bad), count=2)  # it is tried again
        assert bad.status == {}
        proxy.clear()
        await until_ready(3, bad)
    troubles = [line for line in log() if line["reason"] == "StatusNotWritten"]
    assert len(troubles) <= 1, "once a minute is enough"
    assert all(line["pullCredential"] == bad.name for line in troubles)


async def test_an_answer_that_is_lost(client, subject, proxy):
    proxy.on(status_writes(subject), Cut(after=True))
    async with running(writer := writer_of(client, subject)):
        writer.touch(subject.name)
        await asyncio.to_thread(proxy.wait, status_writes(subject), count=1)
        subject.tally = FAILING
        writer.touch(subject.name)
        await until(lambda: subject.status.get("failures"))
    assert subject.condition()["reason"] == "NamespacesFailed"


async def test_a_status_that_the_schema_refuses_is_tried_again(client, subject):
    good = subject.build
    subject.build = lambda: (subject.known(), {"conditions": [], "namespaces": "three"})
    async with running(writer := writer_of(client, subject)):
        writer.touch(subject.name)
        await until(lambda: writer._failures)
        subject.build = good
        await until(lambda: subject.status)
    assert subject.condition()["status"] == "True"


async def test_an_error_in_one_status_stops_no_other(client, subjects, log):
    bad, good = subjects(), subjects()
    bad.build = lambda: 1 / 0
    async with running(writer := writer_of(client, bad, good)):
        writer.touch(bad.name)
        writer.touch(good.name)
        await until(lambda: good.status)
    assert [line["message"] for line in log()] == ["ZeroDivisionError"]


async def test_what_is_in_flight_at_the_end_is_written_by_flush(client, subject, proxy):
    go_on = proxy.event()
    proxy.on(status_writes(subject), Delay(until=go_on))
    async with running(writer := writer_of(client, subject)):
        writer.touch(subject.name)
        await asyncio.to_thread(proxy.wait, status_writes(subject))
    assert subject.status == {}
    await writer.flush()
    assert subject.condition()["status"] == "True"
    go_on.set()


async def test_flush_ends_when_nobody_answers(client, subject, proxy):
    proxy.on(status_writes(subject), Delay(until=proxy.event()), times=None)
    writer = writer_of(client, subject)
    writer.touch(subject.name)
    async with asyncio.timeout(30):
        await writer.flush()
    assert subject.status == {}


async def test_who_does_not_lead_writes_nothing(proxy, subject, log):
    leading = False

    def fence():
        if not leading:
            raise NotLeader("not the leader")

    async with (
        Client(proxy.config, fence=fence) as client,
        running(writer := writer_of(client, subject)),
    ):
        writer.touch(subject.name)
        await until(lambda: subject.built > 1)
        assert proxy.count(writes("pullcredentials")) == 0
        leading = True
        await until(lambda: subject.status)
    assert log() == []


# Events


def change(recorder, subject, tally):
    """As the writer does, without writing the status."""
    subject.tally = tally
    known, new = subject.build()
    recorder.changed(known, new)
    subject.view = {**subject.view, "status": new}


async def test_kubectl_shows_what_changed(client, subject, cluster):
    recorder = EventRecorder(client, instance="pod-1")
    writer = writer_of(client, subject, on_change=recorder.changed)
    for tally in (Tally(3, 3), FAILING):
        subject.tally = tally
        writer.touch(subject.name)
        await writer.flush()
    await recorder.flush()
    shown = cluster.kubectl("events", "--for", f"pullcredential/{subject.name}").stdout.decode()
    lines = [re.split(r"  +", line.strip())[1:] for line in shown.splitlines()[1:]]
    about = f"PullCredential/{subject.name}"
    said = "1 of 3 namespaces failed; team-a: somebody else's"
    assert sorted(lines) == [
        ["Normal", "Minted", about, "1 registry"],
        ["Normal", "Ready", about, "3 namespaces have the logins"],
        ["Warning", "NamespacesFailed", about, said],
    ]
    described = cluster.kubectl("describe", "pullcredential", subject.name).stdout.decode()
    assert "NamespacesFailed" in described.partition("Events:")[2], "it asks by the UID"
    event = subject.events()[0]
    assert event["reportingController"] == "regcred.dev/operator"
    assert event["reportingInstance"] == "pod-1"


async def test_the_same_again_is_counted(client, subject, cluster, proxy):
    recorder = EventRecorder(client)
    change(recorder, subject, Tally(3, 3))
    for _ in range(3):
        change(recorder, subject, FAILING)
        change(recorder, subject, Tally(3, 2))
    await recorder.flush()
    by_reason = {each["reason"]: each for each in subject.events()}
    assert by_reason["NamespacesFailed"]["series"]["count"] == 3
    assert len(by_reason) == len(subject.events()), "one Event for each reason"
    assert proxy.count(event_writes) == 4
    change(recorder, subject, FAILING)
    await recorder.flush()
    by_reason = {each["reason"]: each for each in subject.events()}
    assert by_reason["NamespacesFailed"]["series"]["count"] == 4
    assert len(by_reason) == len(subject.events())
    assert proxy.count(event_writes) == 5
    shown = cluster.kubectl("events", "--for", f"pullcredential/{subject.name}").stdout.decode()
    assert re.search(r"\(x4 over .*\) +Warning +NamespacesFailed ", shown)


async def test_a_flood_is_few_events(client, subject, proxy):
    recorder = EventRecorder(client)
    async with running(recorder):
        for _ in range(300):
            change(recorder, subject, Tally(3, 2))
            change(recorder, subject, Tally(3, 3))
            await asyncio.sleep(0)
        change(recorder, subject, FAILING)
        await until(lambda: [x["reason"] for x in subject.events()][-1:] == ["NamespacesFailed"])
    assert len(subject.events()) <= 4
    assert proxy.count(event_writes) <= 5


async def test_a_thousand_namespaces_are_one_event(client, subject, proxy):
    recorder = EventRecorder(client)
    for ready in range(1, 1001):
        change(recorder, subject, Tally(1000, ready - 1))
    change(recorder, subject, Tally(1000, 1000))
    await recorder.flush()
    reasons = [each["reason"] for each in subject.events()]
    assert reasons == ["Progressing", "Minted", "Ready"]


async def test_an_event_that_is_gone_is_told_anew(client, subject, cluster):
    recorder = EventRecorder(client)
    change(recorder, subject, FAILING)
    await recorder.flush()
    kubectl = (
        "delete",
        "events.events.k8s.io",
        "--field-selector",
        f"regarding.name={subject.name}",
    )
    cluster.kubectl(*kubectl, "-n", "default")
    assert subject.events() == []
    subject.view.pop("status")
    change(recorder, subject, FAILING)
    await recorder.flush()
    assert sorted(each["reason"] for each in subject.events()) == ["Minted", "NamespacesFailed"]


@pytest.mark.parametrize("name", ["a" * 253, f"{'a' * 60}.b-c.{'d' * 60}"], ids=["long", "dotted"])
async def test_any_name_and_any_note(client, subjects, log, name):
    name = name[:-8] + secrets.token_hex(4)
    subject, recorder = subjects(name), EventRecorder(client, instance="p" * 300)
    message = "é" * 2000
    change(recorder, subject, Tally(3, 2, [Failure("team-a", "SecretNotOurs", message)]))
    await recorder.flush()
    assert log() == []
    event = next(each for each in subject.events() if each["reason"] == "NamespacesFailed")
    assert len(event["note"].encode()) in (1023, 1024)


@pytest.mark.parametrize("fault", [Answer(500), Answer(403), Cut()], ids=lambda f: type(f).__name__)
async def test_an_event_that_cannot_be_written_stops_nothing(client, subject, proxy, log, fault):
    proxy.on(event_writes, fault, times=2)
    recorder = EventRecorder(client)
    async with running(recorder):
        change(recorder, subject, Tally(3, 3))  # Ready and Minted
        await asyncio.to_thread(proxy.wait, event_writes, count=2)
        change(recorder, subject, FAILING)
        await until(subject.events)
    assert [each["reason"] for each in subject.events()] == ["NamespacesFailed"]
    assert [line["reason"] for line in log()] == ["EventNotWritten"], "once a minute"
    assert log()[0]["pullCredential"] == subject.name


async def test_more_than_can_wait_is_lost(client, subject, log):
    recorder = EventRecorder(client)
    for n in range(1100):
        known, new = subject.build()
        recorder.changed(replace(known, uid=f"uid-{n}"), new)
    assert [line["message"] for line in log()] == ["too many wait to be told"]


# The finalizer


def seen(subject):
    """Name, UID, finalizers and version, as the view has them."""
    metadata = subject.view["metadata"]
    finalizers = metadata.get("finalizers", [])
    return subject.name, metadata["uid"], finalizers, metadata["resourceVersion"]


def finalizers_of(subject):
    return subject.metadata.get("finalizers", [])


async def test_holds_up_the_end_and_lets_go(client, subject):
    assert await finalizer.add(client, *seen(subject))
    assert finalizers_of(subject) == [FINALIZER]
    subject.delete()
    subject.look()
    assert subject.view is not None
    await finalizer.remove(client, *seen(subject))
    assert subject.read() is None
    await finalizer.remove(client, *seen(subject))  # from a view that lags behind


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_the_others_finalizers_stay(client, subject, before):
    path, api = subject.path, subject.cluster.api

    def put(finalizers):
        obj = subject.read()
        obj["metadata"]["finalizers"] = finalizers
        assert api.request("PUT", path, obj)[0] == 200
        subject.look()

    put(OTHERS)
    assert await finalizer.add(client, *seen(subject))
    assert finalizers_of(subject) == [*OTHERS, FINALIZER]
    put([*OTHERS[:before], FINALIZER, *OTHERS[before:]])
    await finalizer.remove(client, *seen(subject))
    assert finalizers_of(subject) == OTHERS


async def test_once_is_enough(client, subject, proxy):
    assert await finalizer.add(client, *seen(subject))
    assert await finalizer.add(client, *seen(subject)), "the view lags behind"
    assert finalizers_of(subject) == [FINALIZER]
    subject.look()
    before = proxy.count(writes())
    assert await finalizer.add(client, *seen(subject))
    assert proxy.count(writes()) == before
    await finalizer.remove(client, *seen(subject))
    await finalizer.remove(client, *seen(subject))
    subject.look()
    before = proxy.count(writes())
    await finalizer.remove(client, *seen(subject))
    assert proxy.count(writes()) == before
    assert finalizers_of(subject) == []


async def test_what_is_written_meanwhile_stays(client, subject):
    writer = writer_of(client, subject)
    writer.touch(subject.name)
    await writer.flush()
    obj = subject.read()
    obj["metadata"]["finalizers"] = OTHERS
    assert subject.cluster.api.request("PUT", subject.path, obj)[0] == 200
    assert await finalizer.add(client, *seen(subject)), "the view lags behind"
    assert finalizers_of(subject) == [*OTHERS, FINALIZER]
    assert subject.condition()["status"] == "True"


async def test_another_of_the_same_name_is_left_alone(client, subject):
    subject.delete()
    subject.create()
    before = subject.metadata
    assert not await finalizer.add(client, *seen(subject))
    assert subject.metadata == before
    obj = subject.read()
    obj["metadata"]["finalizers"] = [FINALIZER]
    assert subject.cluster.api.request("PUT", subject.path, obj)[0] == 200
    before, (name, uid, _, version) = subject.metadata, seen(subject)
    await finalizer.remove(client, name, uid, [FINALIZER], version)
    assert subject.metadata == before


async def test_what_is_gone_or_going_gets_none(client, subjects):
    going, gone = subjects(), subjects()
    obj = going.read()
    obj["metadata"]["finalizers"] = OTHERS
    assert going.cluster.api.request("PUT", going.path, obj)[0] == 200
    going.look()
    going.delete()
    assert not await finalizer.add(client, *seen(going))  # the view lags behind
    going.look()
    assert not await finalizer.add(client, *seen(going))
    assert finalizers_of(going) == OTHERS
    gone.delete()
    assert not await finalizer.add(client, *seen(gone))


@pytest.mark.parametrize("status", [403, 422])
async def test_a_refusal_is_told(client, subject, proxy, status):
    proxy.on(writes("pullcredentials"), Answer(status), times=None)
    with pytest.raises((Forbidden, Invalid), match=f"cannot patch pullcredentials/{subject.name}"):
        await finalizer.add(client, *seen(subject))
    assert proxy.count(writes()) == 1
