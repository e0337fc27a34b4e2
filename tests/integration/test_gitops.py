"""What docs/how-to has for Argo CD and Flux, tables and snippets, as they stand there:
with the code of the two on the real API server, beside an operator.

Argo CD's code is all that its application controller compares and syncs with. Flux's is its library
for both, called as its controllers call it.
"""

import contextlib
import copy
import re
import secrets
import signal

import pytest
import yaml

from cluster import SILENT
from cluster.binaries import ensure_programs
from cluster.paths import CHECKOUT
from regcred.core import marks
from tests.support.clusters import own_cluster
from tests.support.gitops import GitOps
from tests.support.operatorworld import PASSWORD, Installation, OperatorWorld

HOW_TO = CHECKOUT / "docs" / "how-to"
#: With a table of its own each.
TOOLS = [(HOW_TO / name).read_text() for name in ("argocd.md", "flux.md")]
PAGE = "\n".join([*TOOLS, (HOW_TO / "pods-only.md").read_text()])
SNIPPETS = dict(re.findall(r"^```yaml\n# (\S+)\.yaml\n([\s\S]*?)^```", PAGE, re.MULTILINE))
#: What stands in Git, by how the page's table tells it; R is the operator's Secret.
IN_GIT = {
    "none": None,
    "`[]`": [],
    "a list of its own": ["theirs"],
    "the same, with `regcred` in it": ["theirs", "R"],
}
#: The columns of the table → the snippet, and how it is turned into what the column is about.
OWNERS = {
    "Argo CD": ("argocd-application", lambda owner: None),
    "with `ServerSideDiff`": ("argocd-application", lambda owner: compare(owner)),
    "with `ServerSideApply`": ("argocd-application", lambda owner: apply_server_side(owner)),
    "Flux: Kustomization": ("flux-kustomization", lambda owner: None),
    "Flux: HelmRelease": ("flux-helmrelease", lambda owner: None),
}
#: Cells of the table → the modes of admission in which drift is reported.
DRIFT = {"–": (), "hidden": (), "without admission": ("Off",), "drift": ("Off", "Policy")}


def compare(owner):
    options = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    owner["metadata"]["annotations"] = options


def apply_server_side(owner):
    owner["spec"]["syncPolicy"]["syncOptions"].append("ServerSideApply=true")


def table():
    """(What is in Git, column, cell) of each cell."""
    told = set()
    for page in TOOLS:
        text = page.partition("<!-- drift:begin -->")[2].partition("<!-- drift:end -->")[0]
        lines = [line for line in text.split("\n") if line]
        rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
        (_, *columns), _, *rows = rows
        told |= set(columns)
        assert {row[0] for row in rows} == set(IN_GIT)
        for git, *cells in rows:
            for column, cell in zip(columns, cells, strict=True):
                yield pytest.param(git, column, cell, id=f"{git}, {column}".replace("`", ""))
    assert told == set(OWNERS)


def with_snippet(column):
    """What the page shows."""
    name, change = OWNERS[column]
    owner = yaml.safe_load(SNIPPETS[name])
    change(owner)
    return owner


def without_snippet(column):
    """The same, less what the page says that it takes."""
    owner = copy.deepcopy(with_snippet(column))
    if owner["kind"] == "Application":
        del owner["spec"]["ignoreDifferences"]
        owner["spec"]["syncPolicy"]["syncOptions"].remove("RespectIgnoreDifferences=true")
    elif owner["kind"] == "Kustomization":
        del owner["spec"]["ignore"]
    else:
        del owner["spec"]["driftDetection"]["ignore"]
    return owner


cluster = own_cluster


@pytest.fixture(scope="session")
def gitops_program():
    """As pinned by cluster/go/gitops; built before the first test."""
    return ensure_programs(("gitops",), SILENT)["gitops"]


POLICY = pytest.param(
    "Policy", marks=pytest.mark.since_kubernetes("1.36", "MutatingAdmissionPolicy")
)


@pytest.fixture(scope="module", params=["Off", POLICY])
def mode(request):
    """The chart's ``admission.mode``: the operator alone, or with its admission policies."""
    return request.param


@pytest.fixture(scope="module")
def installed(cluster, helm_program, mode, tmp_path_factory):
    made = Installation(cluster, helm_program, tmp_path_factory.mktemp("helm"))
    try:
        made.install(**{"admission.mode": mode})
        yield made
    finally:
        made.uninstall()


@pytest.fixture(scope="module")
def operator(installed):
    with installed.operator("--no-leader-elect") as operator:
        yield operator
        operator.stop()


@pytest.fixture(scope="module")
def worlds(installed, operator):
    """Make worlds of one namespace, whose ServiceAccounts the operator serves."""
    made = []

    def make(**spec):
        world = OperatorWorld(installed)
        made.append(world)
        world.put_source("login", "puller", PASSWORD)
        world.add_namespaces(["one"], {})
        world.put_pullcredential("main", **spec)
        world.await_state("it is served", lambda: world.ready() == "1/1")
        return world

    yield make
    for world in made:
        world.remove()


@pytest.fixture(scope="module")
def world(worlds):
    return worlds(serviceAccounts={"include": ["*"]})


@pytest.fixture(scope="module")
def settings(installed, worlds):
    """Argo CD's: the path of its ConfigMap."""
    path = f"/api/v1/namespaces/{installed.namespace}/configmaps"
    labels = {"app.kubernetes.io/part-of": "argocd"}
    body = {"metadata": {"name": "argocd-cm", "labels": labels}}
    assert installed.cluster.api.request("POST", path, body)[0] == 201
    return f"{path}/argocd-cm"


@pytest.fixture(scope="module")
def gitops(gitops_program, cluster, installed, settings, tmp_path_factory):
    log = tmp_path_factory.mktemp("gitops") / "log"
    with GitOps(gitops_program, cluster.kubeconfig, installed.namespace, log) as gitops:
        yield gitops


class Account:
    """A ServiceAccount that is in Git.

    Args:
        world: where.
        gitops: who looks and applies.
        owner: for whom.
        names: what its list names; None for no list.
        annotations: that it has there.
    """

    def __init__(self, world, gitops, owner, names, annotations=None):
        self.world, self.gitops, self.owner = world, gitops, owner
        self.secret = world.installation.secret_name
        self.name = f"sa-{secrets.token_hex(4)}"
        metadata = {"name": self.name, "namespace": world.full("one")}
        metadata |= {"labels": {"turn": "0"}, "annotations": annotations or {}}
        self.manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        if names is not None:
            names = [self.secret if each == "R" else each for each in names]
            self.manifest["imagePullSecrets"] = [{"name": each} for each in names]
        self.before = names or []

    def live(self):
        path = f"{self.world.path('one')}/serviceaccounts/{self.name}"
        return self.world.get(path)

    def version(self):
        return self.live()["metadata"]["resourceVersion"]

    def names(self):
        return [each["name"] for each in self.live().get("imagePullSecrets", [])]

    def sync(self):
        """Apply what is in Git; helm-controller does by Helm's server-side apply."""
        if self.owner["kind"] == "HelmRelease":
            apply = "apply", "--server-side", "--force-conflicts", "--field-manager=helm-controller"
            kubectl = self.world.installation.cluster.kubectl
            kubectl(*apply, "-f", "-", stdin=yaml.safe_dump(self.manifest).encode())
        else:
            self.gitops.sync(self.owner, self.manifest)

    def sees_drift(self, owner=None):
        return self.gitops.sees_drift(owner or self.owner, self.manifest)

    def create(self):
        """By its owner; returns when the entry is there."""
        self.sync()
        self.await_entry()

    def await_entry(self):
        self.world.await_state("the entry is there", lambda: self.secret in self.names())

    def commit(self):
        """A change in Git that has nothing to do with the list."""
        labels = self.manifest["metadata"]["labels"]
        labels["turn"] = str(int(labels["turn"]) + 1)

    def committed(self):
        """Whether that is in the cluster."""
        turn = self.manifest["metadata"]["labels"]["turn"]
        return self.live()["metadata"]["labels"]["turn"] == turn


@contextlib.contextmanager
def paused(operator):
    """Nothing in here is the operator's doing."""
    operator.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        operator.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(("git", "column", "cell"), [*table()])
def test_drift_is_what_the_table_says_and_goes_with_the_snippet(
    git, column, cell, mode, world, operator, gitops
):
    account = Account(world, gitops, without_snippet(column), IN_GIT[git])
    account.create()
    marked = marks.read_names(account.live(), marks.ATTACHED_BY_OPERATOR)
    assert marked == (set() if account.secret in account.before else {account.secret})
    drift = mode in DRIFT[cell]
    assert account.sees_drift() == drift
    if (cell, mode) == ("hidden", "Off"):
        with paused(operator):
            account.sync()
            assert account.secret not in account.names()
        account.await_entry()
    if drift or cell == "hidden":
        account.owner = with_snippet(column)
        assert not account.sees_drift()
    if column == "Flux: HelmRelease":
        with paused(operator):  # an upgrade writes what the chart has
            account.sync()
            listed = account.secret in account.names()
        assert listed == (mode == "Policy" or git == "none" or "R" in IN_GIT[git])
        return
    wanted = [*(each for each in account.before if each != account.secret), account.secret]
    # Argo CD may write once, to take the list into its annotation of what it has applied last.
    account.sync()
    version = account.version()
    for _ in range(3):
        account.sync()
        assert (account.version(), account.names()) == (version, wanted)
    account.commit()
    with paused(operator):
        account.sync()
        assert account.committed()
        assert account.names() == wanted
    assert not account.sees_drift()


@pytest.mark.parametrize("column", [each for each in OWNERS if each.startswith(("Argo", "with"))])
def test_argocd_for_the_whole_cluster(column, world, operator, gitops, settings):
    """The key and the file that the page's command puts into argocd-cm."""
    (found,) = re.findall(r"--from-file=(resource\S+ignoreDifferences\S+)=(\S+)", PAGE)
    key, file = found
    owner = without_snippet(column)
    owner["spec"]["syncPolicy"]["syncOptions"].append("RespectIgnoreDifferences=true")
    account = Account(world, gitops, owner, ["theirs"])
    account.create()
    world.change(settings, lambda obj: obj.update(data={key: (CHECKOUT / file).read_text()}))
    try:
        assert not account.sees_drift()
        account.commit()
        with paused(operator):
            account.sync()
            assert account.committed()
            assert account.names() == ["theirs", account.secret]
        assert not account.sees_drift()
    finally:
        world.change(settings, lambda obj: obj.update(data={}))


def test_argocd_keeps_no_single_entry(mode, world, operator, gitops):
    """Why the whole list is ignored: one entry is hidden from the diff, and lost in a sync."""
    owner = with_snippet("Argo CD")
    (rule,) = owner["spec"]["ignoreDifferences"]
    del rule["jsonPointers"]
    (words,) = re.findall(r"`(\.imagePullSecrets\[\].*?)`", PAGE)
    rule["jqPathExpressions"] = [words.replace("regcred", world.installation.secret_name)]
    account = Account(world, gitops, owner, ["theirs"])
    account.create()
    assert not account.sees_drift()
    account.commit()
    with paused(operator):
        account.sync()
        kept = account.secret in account.names()
    assert kept == (mode == "Policy")


def test_flux_leaves_what_is_there_alone(world, gitops):
    """With the annotation that the page names for older versions."""
    key, value = re.search(r"`(kustomize\.toolkit\.fluxcd\.io/ssa): (IfNotPresent)`", PAGE).groups()
    owner = without_snippet("Flux: Kustomization")
    account = Account(world, gitops, owner, ["theirs"], {key: value})
    account.create()
    assert not account.sees_drift()
    version = account.version()
    account.commit()
    assert gitops.sync(owner, account.manifest) == "skipped"
    assert account.version() == version


@pytest.mark.parametrize("column", OWNERS)
def test_serviceaccounts_are_left_alone(column, mode, worlds, gitops):
    """With the PullCredential that the page has for it."""
    spec = yaml.safe_load(SNIPPETS["pods-only"])["spec"]
    del spec["source"], spec["namespaces"]  # the world's own
    world = worlds(**spec, serviceAccounts={"include": ["*"]})
    for names in (None, [], ["theirs"]):
        account = Account(world, gitops, without_snippet(column), names)
        account.sync()
        secret, path = account.secret, world.path("one")
        version = account.version()
        # Whatever the operator meant to do there it has done when this is.
        world.delete(f"{path}/secrets/{secret}")
        world.await_state("the Secret is back", lambda world=world: "one" in world.logins())
        assert (account.version(), account.names()) == (version, names or [])
        assert not marks.read_names(account.live(), marks.ATTACHED_BY_OPERATOR)
        assert not account.sees_drift()
        pod = {"metadata": {"name": "app"}, "spec": {"serviceAccountName": account.name}}
        pod["spec"]["containers"] = [{"name": "app", "image": "registry.example.com/app"}]
        world.create(f"{path}/pods", pod)
        listed = world.get(f"{path}/pods/app")["spec"].get("imagePullSecrets", [])
        assert ({"name": secret} in listed) == (mode == "Policy")
        world.delete(f"{path}/pods/app?gracePeriodSeconds=0")
