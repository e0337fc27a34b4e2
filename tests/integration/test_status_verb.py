"""``regcred status`` against a real API server."""

import asyncio
import base64
import json
import re
import secrets
import ssl
import sys
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from cluster import Cluster
from regcred.kube import config as kubeconfigs
from regcred.kube import statusread
from regcred.kube.client import Client
from tests.benchmarks import status as bench
from tests.support.between import Gateway
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal

HUSH = "hush-4711-hush"
JSON = "kubernetes.io/dockerconfigjson"
IMAGE = "a.example.com/team/app:1"
ALL = {"secrets": ("list",), "serviceaccounts": ("list",), "pods": ("list",)}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def jwt(seconds):
    claims = b64(json.dumps({"exp": seconds})).rstrip("=")
    return f"{b64('{}')}.{claims}.{HUSH}"


def auths(**entries):
    return json.dumps({"auths": {key.replace("_", "."): entry for key, entry in entries.items()}})


def login(username="me", password=HUSH):
    return {"username": username, "password": password}


def pull_secret(world, name, content, **metadata):
    data = {".dockerconfigjson": b64(content)}
    return world.create("secrets", name, type=JSON, data=data, metadata=metadata)


def pod(world, name, **spec):
    """A Pod that no node takes."""
    containers = [{"name": "app", "image": "public/image"}]
    world.create(
        "pods", name, spec={"nodeSelector": {"no": "such"}, "containers": containers} | spec
    )


def patch_default(world, *names):
    default = world.get("serviceaccounts", "default")
    assert (
        world.put("serviceaccounts", default | {"imagePullSecrets": [{"name": n} for n in names]})
        == 200
    )


def report(regcred, *args, **options):
    done = regcred("status", *args, "-o", "json", **options)
    assert HUSH.encode() not in done.stdout + done.stderr
    return json.loads(done.stdout)


def by_name(document):
    return {(row.get("registry", ""), row.get("secret", "")): row for row in document["rows"]}


@pytest.fixture
def furnished(world):
    """A namespace with some of everything."""
    pull_secret(
        world,
        "many",
        auths(
            jwt_example_com=login(password=jwt(2000000000)),
            old_example_com=login(password=jwt(1000000000)),
            ecr_example_com=login("AWS", b64(json.dumps({"expiration": 2000000000, "x": HUSH}))),
            gcr_io=login("_json_key", f'{{"private_key": "{HUSH}"}}'),
            pkg_dev=login("oauth2accesstoken", f"ya29.{HUSH}"),
            a_example_com=login(),
        ),
        labels={"app.kubernetes.io/managed-by": "Helm"},
    )
    pull_secret(world, "broken", auths(b_example_com={"auth": HUSH}))
    pull_secret(
        world,
        "minted",
        auths(m_example_com=login("oauth2accesstoken", f"ya29.{HUSH}")),
        labels={"app.kubernetes.io/managed-by": "regcred"},
        annotations={
            "regcred.dev/kept-by": "operator",
            "regcred.dev/expires-at": "2033-05-18T03:33:20Z",
        },
    )
    world.create("secrets", "opaque", data={"a": b64(HUSH)})
    world.with_list("build", "many")
    world.with_list("app", "opaque")
    patch_default(world, "many", "gone")
    pod(world, "runs", serviceAccountName="app")
    world.refused_pod("refused", IMAGE, "ImagePullBackOff")
    world.refused_pod("elsewhere", "quay.io/x:1", serviceAccountName="app")
    world.refused_pod("spoilt", IMAGE, imagePullSecrets=[{"name": "broken"}])
    return world


class TestRows:
    def test_as_json(self, regcred, furnished):
        document = report(regcred, "-n", furnished.namespace)
        rows = by_name(document)
        assert document["unread"] == []
        assert document["summary"] == {
            "namespaces": 1,
            "complete": True,
            "withLogin": 1,
            "failingPods": 3,
            "failingNamespaces": 1,
        }
        many = {
            "namespace": furnished.namespace,
            "secret": "many",
            "managedBy": "Helm",
            "serviceAccounts": {
                "meant": ["app", "default"],
                "attached": ["default"],
                "others": ["build"],
            },
            "pods": 1,  # "refused" got it of `default`
            "failing": [],
        }
        moment = "2033-05-18T03:33:20Z"
        old = {"expiresAt": "2001-09-09T01:46:40Z", "expired": True}
        expected = {
            "jwt.example.com": {"expiresAt": moment},
            "old.example.com": old,
            "ecr.example.com": {"expiresAt": moment},
            "gcr.io": {"static": True},
            "pkg.dev": {"shortLived": True},
            "a.example.com": {"failing": ["refused"]},
        }
        for registry, more in expected.items():
            assert rows.pop((registry, "many")) == many | {"registry": registry} | more
        minted = rows.pop(("m.example.com", "minted"))
        assert (minted["managedBy"], minted["expiresAt"]) == ("operator", moment)
        assert minted["serviceAccounts"]["attached"] == []
        broken = rows.pop(("b.example.com", "broken"))
        assert (broken["reason"], broken["failing"]) == ("SecretMalformed", ["spoilt"])
        assert broken["managedBy"]
        gone = rows.pop(("", "gone"))
        assert (gone["reason"], gone["failing"]) == ("SecretMissing", ["refused"])
        assert rows.pop(("", "opaque"))["reason"] == "WrongSecretType"
        elsewhere = rows.pop(("quay.io", ""))
        assert elsewhere == {
            "namespace": furnished.namespace,
            "registry": "quay.io",
            "failing": ["elsewhere"],
        }
        assert not rows

    def test_yaml_says_the_same(self, regcred, furnished):
        where = ("-n", furnished.namespace)
        done = regcred("status", *where, "-o", "yaml")
        assert yaml.safe_load(done.stdout) == report(regcred, *where)

    def test_as_plain_columns(self, regcred, furnished):
        done = regcred("status", "-n", furnished.namespace)
        head, *lines = done.stdout.decode().splitlines()
        starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", head)]
        cut = [
            tuple(line[a:b].rstrip() for a, b in zip(starts, [*starts[1:], None], strict=True))
            for line in (head, *lines)
        ]
        assert cut[0] == (
            "NAMESPACE", "REGISTRY", "SECRET", "ATTACHED", "MANAGED BY", "EXPIRES", "FAILING",
        )  # fmt: skip
        assert {line[0] for line in cut[1:]} == {furnished.namespace}
        said = {line[1:3]: line[3:] for line in cut[1:]}
        assert said["a.example.com", "many"] == ("1/2", "Helm", "-", "1")
        assert said["gcr.io", "many"] == ("1/2", "Helm", "never", "-")
        assert said["pkg.dev", "many"] == ("1/2", "Helm", "within 1 h", "-")
        assert re.fullmatch(r"[\d,]+ d ago", said["old.example.com", "many"][2])
        assert re.fullmatch(r"in [\d,]+ d", said["jwt.example.com", "many"][2])
        assert said["m.example.com", "minted"][:2] == ("0/2", "operator")
        assert said["b.example.com", "broken (SecretMalformed)"][0] == "0/2, 1 Pod"
        assert said["-", "gone (missing)"] == ("1/2", "-", "-", "1")
        assert said["-", "opaque (WrongSecretType)"][0] == "1/2"
        assert said["quay.io", "-"] == ("-", "-", "-", "1")
        assert len(said) == len(lines)
        assert HUSH.encode() not in done.stdout + done.stderr

    def test_who_keeps_what_login_and_kubectl_made(self, regcred, world, kubectl):
        where = ("-n", world.namespace)
        arguments = ("-u", "me", "--password-stdin", "--skip-verify", *where)
        regcred("login", "b.example.com", *arguments, stdin=HUSH.encode())
        flags = ("--docker-server=c.example.com", "--docker-username=me")
        kubectl(
            "create", "secret", "docker-registry", "made", *flags,
            f"--docker-password={HUSH}", *where,
        )  # fmt: skip
        rows = by_name(report(regcred, *where))
        assert rows["b.example.com", "regcred"]["managedBy"] == "login"
        assert rows["b.example.com", "regcred"]["serviceAccounts"]["attached"] == ["default"]
        assert rows["c.example.com", "made"]["managedBy"] == "kubectl-create"
        assert rows["c.example.com", "made"]["serviceAccounts"]["attached"] == []

    def test_a_pod_counts_where_its_own_list_leads(self, regcred, world):
        for name in ("s", "idle"):
            pull_secret(world, name, auths(a_example_com=login()))
        pull_secret(world, "broken", auths(a_example_com={"auth": HUSH}))
        world.refused_pod("bare", IMAGE)
        patch_default(world, "broken")
        world.refused_pod("spoilt", IMAGE)
        world.refused_pod("wrong", IMAGE, imagePullSecrets=[{"name": "s"}])
        patch_default(world, "idle")
        document = report(regcred, "-n", world.namespace)
        failing = {name: row["failing"] for (_, name), row in by_name(document).items()}
        assert failing == {"": ["bare"], "broken": ["spoilt"], "s": ["wrong"], "idle": []}
        assert document["summary"]["failingPods"] == 3

    def test_pods_that_are_done_count_for_nothing(self, regcred, world):
        pod(world, "done", serviceAccountName="default")
        path = f"/api/v1/namespaces/{world.namespace}/pods/done/status"
        made = world.get("pods", "done") | {"status": {"phase": "Succeeded"}}
        world.pull_secret("s")
        world.with_list("app")
        pod(world, "runs", serviceAccountName="app", imagePullSecrets=[{"name": "s"}])
        assert world.cluster.api.request("PUT", path, made)[0] == 200
        (row,) = report(regcred, "-n", world.namespace)["rows"]
        assert row["serviceAccounts"]["meant"] == ["app", "default"]
        assert row["pods"] == 1


class TestNamespaces:
    def test_one_with_nothing_has_a_line(self, regcred, world, cluster, tmp_path):
        done = regcred("status", "-n", world.namespace)
        assert done.stdout.decode().splitlines()[1].split() == [world.namespace, *"------"]
        assert done.stderr == b""
        config = json.loads(json.dumps(yaml.safe_load(Path(cluster.kubeconfig).read_text())))
        config["contexts"][0]["context"]["namespace"] = world.namespace
        (tmp_path / "config").write_text(json.dumps(config))
        own = run_regcred("status", "--kubeconfig", str(tmp_path / "config"))
        assert own.stdout == done.stdout

    def test_all_are_those_that_have_something(self, regcred, world, new_world):
        attached, failing = new_world(), new_world()
        patch_default(attached, "gone")
        failing.refused_pod("p", IMAGE)
        done = regcred("status", "-A")
        lines = [line.split() for line in done.stdout.decode().splitlines()]
        here = {line[0]: line[1:] for line in lines}
        assert world.namespace not in here
        assert here[attached.namespace][:4] == ["-", "gone", "(missing)", "1/1"]
        assert here[failing.namespace] == ["a.example.com", *"----", "1"]
        said = r"[\d,]+ namespaces: [\d,]+ with a login, [\d,]+ without; .* to pull in [\d,]+\n"
        assert re.fullmatch(said, done.stderr.decode())

    def test_one_that_does_not_exist(self, regcred, world):
        nowhere = f"nowhere-{secrets.token_hex(4)}"
        done = regcred("status", "-n", f"{nowhere},{world.namespace}", check=1)
        said = f"error: namespace {nowhere} does not exist\nhint: kubectl get namespaces\n"
        assert said.encode() in done.stderr
        assert len(done.stdout.splitlines()) == 2

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["-A", "-n", "a"], "exclude each other"),
            (["-n", ""], "a name is empty"),
            (["-n", "A"], "cannot be the name of a namespace"),
            (["-o", "junit"], "'junit' is not one of"),
        ],
    )
    def test_wrong_usage(self, regcred, args, said):
        assert said in regcred("status", *args, check=2).stderr.decode()


class TestRights:
    def run(self, regcred, world, rights, *, check=0, args=()):
        env = {"KUBECONFIG": str(world.user(rights))}
        args = args or ("-n", world.namespace)
        done = regcred("status", *args, env=env, check=check)
        document = json.loads(regcred("status", *args, "-o", "json", env=env, check=check).stdout)
        return done, document

    def test_list_on_three_kinds_is_enough(self, regcred, furnished):
        done, document = self.run(regcred, furnished, ALL)
        assert done.stderr == b""
        assert document["rows"] == report(regcred, "-n", furnished.namespace)["rows"]

    def test_without_secrets(self, regcred, furnished):
        rights = {kind: ALL[kind] for kind in ("serviceaccounts", "pods")}
        done, document = self.run(regcred, furnished, rights)
        rows = by_name(document)
        assert {row["reason"] for key, row in rows.items() if key[1]} == {"Unknown"}
        assert {key[1] for key in rows} == {"many", "gone", "opaque", "broken", None}
        assert rows[None, "many"]["serviceAccounts"]["attached"] == ["default"]
        assert rows["quay.io", None]["failing"] == ["elsewhere"]
        right = f"list secrets in {furnished.namespace}"
        (unread,) = document["unread"]
        assert unread["right"] == right
        assert document["summary"]["withLogin"] is None
        assert done.stderr.decode().count("warning:") == 1
        assert f"may not {right}\n" in done.stderr.decode()
        assert b"kubectl create role regcred-list-secrets" in done.stderr
        line = next(each for each in done.stdout.decode().splitlines() if " many " in each)
        assert line.split()[1:] == ["?", "many", "1/2", "-", "-", "1"]

    def test_without_serviceaccounts(self, regcred, furnished):
        done, document = self.run(regcred, furnished, {k: ALL[k] for k in ("secrets", "pods")})
        row = by_name(document)["a.example.com", "many"]
        assert row["serviceAccounts"]["attached"] is None
        assert row["failing"] == ["refused"]
        assert b"?/2" in done.stdout

    def test_without_pods(self, regcred, furnished):
        rights = {kind: ALL[kind] for kind in ("secrets", "serviceaccounts")}
        done, document = self.run(regcred, furnished, rights)
        row = by_name(document)["a.example.com", "many"]
        at = {"meant": None, "attached": ["build", "default"], "others": []}
        assert (row["serviceAccounts"], row["pods"], row["failing"]) == (at, None, None)
        line = next(each for each in done.stdout.decode().splitlines() if "gcr.io" in each)
        assert line.split()[3:] == ["2/?", "Helm", "never", "?"]

    def test_none(self, regcred, world):
        nothing = {"configmaps": ("list",)}
        done, document = self.run(regcred, world, nothing, check=3)
        assert done.stdout == b""
        assert b"error: nothing may be read" in done.stderr
        assert [each["what"].split()[0] for each in document["unread"]] == [
            "pods",
            "secrets",
            "serviceaccounts",
        ]
        done, _ = self.run(regcred, world, ALL, check=3, args=("-A",))
        assert b"hint: -n NAMESPACE asks for less" in done.stderr

    def test_in_one_of_two_namespaces(self, regcred, furnished, new_world):
        other = new_world()
        args = ("-n", furnished.namespace, "-n", other.namespace)
        done, document = self.run(regcred, furnished, ALL, args=args)
        theirs = [row for row in document["rows"] if row["namespace"] == other.namespace]
        assert theirs == [
            {"namespace": other.namespace, "registry": None, "secret": None, "failing": None}
        ]
        assert done.stderr.decode().count("warning:") == 3
        assert done.stderr.decode().endswith("\n2 namespaces\n")

    def test_an_api_server_that_is_not_there(self, tmp_path, kubeconfig):
        text = re.sub(r"server: .*", "server: https://127.0.0.1:9", Path(kubeconfig).read_text())
        text = re.sub(r'"server": *"[^"]*"', '"server": "https://127.0.0.1:9"', text)
        (tmp_path / "config").write_text(text)
        done = run_regcred("status", "-A", "--kubeconfig", str(tmp_path / "config"), check=3)
        assert b"cannot reach the API server https://127.0.0.1:9" in done.stderr


class TestTerminal:
    @pytest.mark.parametrize(("columns", "no_color"), [("80", ""), ("140", ""), ("80", "1")])
    def test_fits(self, furnished, kubeconfig, columns, no_color):
        env = {"KUBECONFIG": str(kubeconfig), "COLUMNS": columns, "NO_COLOR": no_color}
        with Terminal("status", "-n", furnished.namespace, env=env) as terminal:
            assert terminal.finish() == 0, terminal.seen
        text = re.sub(r"\x1b\[[\d;]*m", "", terminal.seen)
        lines = text.splitlines()
        assert max(map(len, lines)) <= int(columns)
        assert ("\x1b[" in terminal.seen) == (not no_color)
        folded = re.sub(r"\s", "", text)
        for word in ("a.example.com", "many", "Helm", "within1h", "gone(missing)"):
            assert word in folded
        assert len(lines) == (1 + 11 if columns == "140" else 2 + 2 * 10 + 1 + 2)
        if not no_color:
            assert re.search("\x1b\\[31m[^\x1b]* d ago", terminal.seen)
        assert HUSH not in terminal.seen


class Counting(Gateway):
    """A front of the API server that counts, and passes on which form is wanted."""

    async def _serve(self, request):
        self.requests.append(request.raw_path)
        headers = {"Accept": request.headers["Accept"]}
        async with self._session.get(f"{self._server}{request.raw_path}", headers=headers) as got:
            kind = {"Content-Type": got.headers["Content-Type"]}
            return web.Response(status=got.status, body=await got.read(), headers=kind)


async def test_pages_are_put_together(furnished, kubeconfig, monkeypatch):
    config = kubeconfigs.load(kubeconfig=str(kubeconfig), env={})
    async with Client(config) as client:
        at_once = await statusread.read(client, [furnished.namespace])
        for limit in ("_PODS", "_SECRETS", "_SMALL"):
            monkeypatch.setattr(statusread, limit, 1)
        steps = []
        paged = await statusread.read(client, [furnished.namespace], lambda: steps.append(1))
    assert paged.namespaces == at_once.namespaces
    assert len(steps) >= 4 + 3 + 1 + 3


async def test_a_thousand_namespaces_take_at_most_ten_requests(tmp_path):
    """In a cluster of its own: the tests' one is not to be filled."""
    with Cluster() as cluster:
        await asyncio.to_thread(bench.fill, cluster, Path(sys.executable), tmp_path)
        # What does not exist has to be told from what is no pull Secret.
        path = "/api/v1/namespaces/bench-0000/serviceaccounts"
        body = {"metadata": {"name": "app"}, "imagePullSecrets": [{"name": "gone"}]}
        assert cluster.api.request("POST", path, body)[0] == 201
        pki = cluster.folder.pki
        tls = ssl.create_default_context(cafile=cluster.ca_file)
        tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        async with Counting(cluster.server, tls).running() as gateway:
            config = {
                "clusters": [{"name": "c", "cluster": {"server": gateway.url}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
                "current-context": "c",
            }
            (tmp_path / "config").write_text(json.dumps(config))
            args = ("status", "-A", "--kubeconfig", str(tmp_path / "config"))
            done = await asyncio.to_thread(run_regcred, *args)
    assert done.stderr.decode() == f"{bench.SUMMARY}\n"
    assert b"gone (missing)" in done.stdout
    assert len(gateway.requests) <= 10, gateway.requests
    assert len(done.stdout.splitlines()) == 1 + 950 + 1
