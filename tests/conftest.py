"""What all tests share: the tiers, and one cluster for those that need it.

``REGCRED_CLUSTER=NAME`` lets tests use a cluster that is up already
(``python -m cluster up --node --registry --name NAME``) in place of one of their own.
``REGCRED_KUBERNETES=1.N`` has the control planes of those that they make in an older version; what
that has not yet, tests name by ``@pytest.mark.since_kubernetes("1.N", "what")``.

With ``-n`` it is pytest-xdist's workers that run tests, several processes. They share one cluster,
which is kept by the process that started them, the controller: it hears from each what there is to
run, and outlives them.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from cluster import SILENT, Cluster, ClusterError, debianbase, prepare
from cluster.binaries import chosen, ensure_programs
from cluster.tiers import TIERS, why_not
from tests.support.clusters import PytestProgress
from tests.support.origin import package_folder, wanted_folder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

    from xdist.remote import Producer
    from xdist.scheduler import Scheduling
    from xdist.workermanage import WorkerController

    from cluster.registries import Registry

# How long an example takes is the machine's affair, not a test's. Few of them, so that
# `make check` stays short; in CI too, where each run draws others.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=100)
# `make soak`: as many as find what one in a thousand shows.
settings.register_profile("soak", deadline=None, max_examples=5000)
in_ci = os.environ.get("CI") == "true"
settings.load_profile(os.environ.get("REGCRED_EXAMPLES") or ("thorough" if in_ci else "quick"))

_TESTS = Path(__file__).parent
#: How the paths of files begin -> the group of their tests: with ``--dist loadgroup`` these run one
#: after the other in one worker. PullCredentials belong to no namespace, so operators and their
#: tests would meet; the other groups share what takes long to make.
_GROUPS = {
    "integration/faults/": "faults",
    "integration/test_operator_leaders": "leaders",
    "integration/test_operator_minting": "minting",
    "integration/test_operator": "pullcredentials",
    "integration/test_why_operator": "pullcredentials",
    "integration/test_status_operator": "pullcredentials",
    "integration/test_admission_policies": "pullcredentials",
    "integration/test_admission_webhook": "webhook",
    "integration/test_completion": "pullcredentials",
    "integration/test_crd": "pullcredentials",
    "integration/test_threats": "pullcredentials",
    "integration/test_provider_pages": "pullcredentials",
    "integration/test_gitops": "gitops",
    "integration/test_moving_over": "moving",
    "integration/test_chart_rights": "pullcredentials",
    "integration/test_chart.py": "pullcredentials",
    "integration/test_dist": "dist",
    "integration/test_installing": "installing",
    "e2e/test_admission": "pullcredentials",
    "e2e/test_minting": "pullcredentials",
    "e2e/test_operator": "pullcredentials",
    "integration/test_real_manifests": "pullcredentials",
    "integration/test_missing_rights": "pullcredentials",
    "integration/test_keyring_kubelet": "kubelet",
    "integration/test_kubelet_reads": "kubelet",
    "e2e/test_image": "image",
    "e2e/test_why": "why",
    "e2e/test_demo": "demo",
    "e2e/test_fresh": "fresh",
    "e2e/test_credential_provider": "credential-provider",
    "e2e/test_tutorial": "tutorial",
}
#: Tests of the fixture ``operator_image``.
_WITH_IMAGE = (
    "tests/e2e/test_admission",
    "tests/e2e/test_minting",
    "tests/e2e/test_image",
    "tests/e2e/test_operator",
)
_cannot_run = pytest.StashKey[dict[str, tuple[str, int]]]()
_too_new = pytest.StashKey[dict[str, int]]()
_wants_node = pytest.StashKey[bool]()
_shared = pytest.StashKey[Cluster]()
_kept_logs = pytest.StashKey[Path]()


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0] if item.path.is_relative_to(_TESTS) else ""


def _tier_of(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").partition("/")[0]


def _worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _shared_name(run: str) -> str:
    return f"pytest-{run}"


def pytest_configure() -> None:
    """Refuse to test another regcred than the one that is meant."""
    if package_folder() != wanted_folder():
        raise pytest.UsageError(f"regcred is that of {package_folder()}, not {wanted_folder()}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Give workers one test after the other, and whole groups."""
    # With pytest 9 pytest-xdist 3.8 sees no marks of its own, and without it there is no class.
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.removeprefix("tests/")
            return next((_GROUPS[start] for start in _GROUPS if path.startswith(start)), nodeid)

    return ByGroup(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)  # after -k and -m: what they leave out needs no cluster
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tiers that cannot run here, and say so; with CI=true that is a failure."""
    cannot_run = config.stash[_cannot_run] = {}
    for tier in TIERS:
        left_out = [item for item in items if _tier(item) == tier]
        if not left_out or not (reason := why_not(tier)):
            continue
        if os.environ.get("CI") == "true":
            if _worker(config):
                continue  # the controller will refuse it
            raise pytest.UsageError(f"CI=true, and {tier} tests cannot run: {reason}")
        cannot_run[tier] = reason, len(left_out)
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _tier(item) != tier]
    too_new = config.stash[_too_new] = _leave_out_too_new(config, items)
    config.stash[_wants_node] = any(_tier(item) == "e2e" for item in items)
    if _worker(config):
        config.workeroutput["cannot run"] = cannot_run
        config.workeroutput["too new"] = too_new


def _leave_out_too_new(config: pytest.Config, items: list[pytest.Item]) -> dict[str, int]:
    """Leave out what the control plane of ``$REGCRED_KUBERNETES`` has not; reason -> how many.

    With CI=true too: who asks for an older one knows that it has less, and the newest is asked for
    elsewhere.
    """
    counts: Counter[str] = Counter()
    there = tuple(map(int, chosen().minor.split(".")))
    left_out = set()
    for item in items:
        for mark in item.iter_markers("since_kubernetes"):
            minor, what = mark.args
            if there < tuple(map(int, minor.split("."))):
                counts[
                    f"Kubernetes {chosen().minor} has no {what}, which is there since {minor}"
                ] += 1
                left_out.add(item)
                break
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    return dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: Sequence[str]) -> None:
    """Start the cluster of all workers when the first of them tells what there is to run."""
    config = node.config
    tiers = {_tier_of(id_) for id_ in ids}.intersection(TIERS)
    if not tiers or _shared in config.stash or os.environ.get("REGCRED_CLUSTER"):
        return
    for tier in sorted(tiers):
        if reason := why_not(tier):  # without CI=true the worker has left it out
            raise pytest.UsageError(f"CI=true, and {tier} tests cannot run: {reason}")
    cluster = Cluster(
        node="e2e" in tiers,
        registries=True,
        name=_shared_name(node.workerinput["testrunuid"]),
        progress=PytestProgress(config),
    )
    try:
        if any(id_.startswith(_WITH_IMAGE) for id_ in ids):
            debianbase.base(PytestProgress(config))
        config.stash[_shared] = cluster.start()
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Take over what a worker could not run."""
    told = getattr(node, "workeroutput", {}).get("cannot run", {})
    node.config.stash.setdefault(_cannot_run, {}).update(told)
    too_new = getattr(node, "workeroutput", {}).get("too new", {})
    node.config.stash.setdefault(_too_new, {}).update(too_new)


@pytest.hookimpl(trylast=True)  # once pytest-xdist has ended its workers
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Tiers that cannot run here are no failure, even when no other test was asked for."""
    left_out = session.config.stash.get(_cannot_run, {})
    if left_out and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK
    if shared := session.config.stash.get(_shared, None):
        _stop(shared, session)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            counts[_tier_of(report.nodeid)][outcome] += 1
    if len(counts) > 1:
        for tier, count in counts.items():
            said = ", ".join(f"{number} {outcome}" for outcome, number in count.items())
            terminalreporter.write_line(f"{tier}: {said}")
    for tier, (reason, count) in config.stash.get(_cannot_run, {}).items():
        terminalreporter.write_line(f"NOT RUN: {count} {tier} tests: {reason}", yellow=True)
    for reason, count in config.stash.get(_too_new, {}).items():
        terminalreporter.write_line(f"NOT RUN: {count} tests: {reason}", yellow=True)
    if logs := config.stash.get(_kept_logs, None):
        terminalreporter.write_line(f"the cluster's logs: {logs}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build and install what is missing now: within a test its time-out would strike."""
    config = session.config
    if config.option.collectonly or _wants_node not in config.stash:  # or it was refused above
        return
    if not any(_tier(item) in TIERS for item in session.items):
        return
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    try:
        prepare(
            node=config.stash[_wants_node],
            registries=True,
            helm="helm_program" in used,
            kustomize="kustomize_program" in used,
            gitops="gitops_program" in used,
            shells="shells" in used,
            progress=PytestProgress(config),
        )
        if "operator_image" in used and not _worker(config):
            debianbase.base(PytestProgress(config))
    except ClusterError as error:
        if not _worker(config):  # whose tests fail, each with what it lacks
            raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The one cluster of this run, brought up by the first test that asks for it.

    It has the private registries, and a node when e2e tests were collected.
    """
    try:
        name = os.environ.get("REGCRED_CLUSTER")
        if name or _worker(request.config):
            yield Cluster.open(name or _shared_name(request.config.workerinput["testrunuid"]))
            return
        cluster = Cluster(
            node=request.config.stash[_wants_node],
            registries=True,
            progress=PytestProgress(request.config),
        ).start()
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    _stop(cluster, request.session)


def _stop(cluster: Cluster, session: pytest.Session) -> None:
    failed = session.testsfailed > 0
    if failed:
        session.config.stash[_kept_logs] = cluster.folder.logs
    cluster.stop(keep_logs=failed)


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    """The kubeconfig of somebody who may do anything; `cluster.users` has others."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`Cluster.kubectl`: the real one, in the API server's version; fails the test by default."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Helm, in the version of cluster/go/helm/go.mod; built before the first test."""
    return ensure_programs(("helm",), SILENT)["helm"]


@pytest.fixture(scope="session")
def htpasswd_registry(cluster: Cluster) -> Registry:
    """A private registry that asks for Basic authentication (plain HTTP)."""
    return _registry(cluster, "htpasswd")


@pytest.fixture(scope="session")
def token_registry(cluster: Cluster) -> Registry:
    """A private registry that sends its clients to a token service (plain HTTP)."""
    return _registry(cluster, "token")


@pytest.fixture(scope="session")
def tls_registry(cluster: Cluster) -> Registry:
    """A private registry with a certificate from a CA of its own, ``ca_file``."""
    return _registry(cluster, "tls")


def _registry(cluster: Cluster, kind: str) -> Registry:
    if kind not in cluster.registries:
        pytest.fail("the cluster has no registries: python -m cluster up --registry", pytrace=False)
    return cluster.registries[kind]


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace with its default ServiceAccount; its end is not waited for."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    yield name
    cluster.api.delete_namespace(name)
