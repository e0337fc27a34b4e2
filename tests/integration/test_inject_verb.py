"""``regcred inject`` as a process: streams, files in place, diffs, verdicts, the live cluster."""

import gzip
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import regcred
from cluster.waiting import await_condition
from tests.support.cli import run_regcred
from tests.support.terminal import Terminal

VERSION = regcred.__version__.encode()
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web   # the shop
spec:
  template:
    spec:
      serviceAccountName: app
      containers:
        - {name: web, image: "ghcr.io/me/web:1"}
"""
WEB_INJECTED = WEB.replace(
    "      serviceAccountName",
    "      imagePullSecrets:\n        - name: regcred\n      serviceAccountName",
)
JOB = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job"}, "spec": {}}'
JOB_INJECTED = JOB.replace("{}", '{"imagePullSecrets": [{"name": "regcred"}]}')
CONFIG = "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: config}\r\n"
ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: app}
imagePullSecrets: [{name: old}]
"""


@pytest.fixture
def k(tmp_path):
    """A folder with manifests: ``k`` in the working directory of `inject`."""
    folder = tmp_path / "k"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.yml").write_bytes(CONFIG.encode())
    (folder / "job.json").write_text(JOB)
    (folder / "web.yaml").write_text(WEB)
    (folder / "sub" / "below.yaml").write_text(WEB.replace("web", "below"))
    (folder / "notes.txt").write_text("{{ not read }}")
    return folder


@pytest.fixture
def inject(k):
    """``regcred inject --secret regcred ARGS`` beside ``k``."""

    def run(*args, **options):
        return run_regcred("inject", "--secret", "regcred", *args, cwd=k.parent, **options)

    return run


def snapshot(folder):
    """Everything below `folder`, hidden files too: name → inode, times and content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestStream:
    def test_stdin_to_stdout(self, inject):
        done = inject(stdin=WEB.encode())
        assert (done.stdout.decode(), done.stderr) == (WEB_INJECTED, b"")
        assert inject("-f", "-", stdin=done.stdout).stdout == done.stdout

    def test_names_once_each_in_order(self, inject):
        done = inject("--secret", "b,a", "--secret", "regcred", stdin=JOB.encode())
        pod = yaml.safe_load(done.stdout)
        assert [e["name"] for e in pod["spec"]["imagePullSecrets"]] == ["regcred", "b", "a"]

    def test_flags_are_variables_too(self, k):
        env = {"REGCRED_SECRET": "regcred", "REGCRED_FILENAME": "k/web.yaml k/config.yml"}
        done = run_regcred("inject", env=env, cwd=k.parent)
        assert done.stdout.decode() == f"{WEB_INJECTED}---\n{CONFIG}"

    def test_folder_is_one_stream(self, inject, k):
        done = inject("-f", "k")
        assert done.stdout.decode() == f"{CONFIG}---\r\n{JOB_INJECTED}\r\n---\r\n{WEB_INJECTED}"
        assert inject("-f", "k", "-R").stdout.count(b"name: below ") == 1
        assert inject("-f", "k/**/*.yaml").stdout.count(b"kind: Deployment\n") == 2

    def test_kubectl_reads_all_of_it(self, inject, k, kubectl):
        also, too = (JOB.replace('"job"', f'"{name}"') for name in ("also", "too"))
        (k / "also.json").write_text(also + too)
        for files, names in (
            (("k",), "also too config job web"),
            (("k", "-R"), "also too config job below web"),
            (("k/job.json", "-f", "k/also.json"), "job also too"),
            (("k/job.json", "-f", "k"), "job also too config web"),
        ):
            done = inject("-f", *files)
            said = kubectl("create", "--dry-run=client", "-o", "name", "-f", "-", stdin=done.stdout)
            found = [line.split("/")[1] for line in said.stdout.decode().split()]
            assert found == names.split(), done.stdout

    def test_only_json_stays_json(self, inject, k):
        (k / "two.json").write_text(JOB)
        assert inject("-f", "k/*.json").stdout.decode() == f"{JOB_INJECTED}\n{JOB_INJECTED}"

    def test_file_called_anything_and_a_pipe(self, inject, k):
        (k / "web.tpl").write_text(WEB)
        assert inject("-f", "k/web.tpl").stdout.decode() == WEB_INJECTED
        assert inject("-f", "/dev/stdin", stdin=WEB.encode()).stdout.decode() == WEB_INJECTED

    def test_byte_order_mark_and_no_line_end_stay(self, inject):
        content = b"\xef\xbb\xbf" + WEB.replace("\n", "\r\n").encode().rstrip()
        done = inject(stdin=content)
        added = b"      imagePullSecrets:\r\n        - name: regcred\r\n"
        assert done.stdout.replace(added, b"") == content

    def test_more_than_memory_takes_and_disk_keeps(self, inject, k):
        filler = ("# " + "x" * 500 + "\n") * 200 + "---\n"
        done = inject(stdin=(WEB + filler).encode() * 100, env={"TMPDIR": str(k)})
        assert done.stdout == (WEB_INJECTED + filler).encode() * 100
        assert len(done.stdout) > 10_000_000
        assert sorted(path.name for path in k.iterdir()) == [
            "config.yml",
            "job.json",
            "notes.txt",
            "sub",
            "web.yaml",
        ]

    @pytest.mark.parametrize(
        ("content", "args", "said"),
        [
            (b"", (), b"nothing in the input has a Pod spec: there is nothing to change"),
            (CONFIG.encode(), ("--serviceaccounts",), b"has a Pod spec, and no ServiceAccount is"),
            (
                WEB.encode(),
                ("--image", "quay.io/*"),
                b"no Pod uses an image that matches quay.io/*",
            ),
            (WEB.encode(), ("--image", "ghcr.io"), b"hint: ghcr.io is only the beginning of an"),
        ],
    )
    def test_says_when_there_is_nothing_to_do(self, inject, content, args, said):
        done = inject(*args, stdin=content)
        assert done.stdout == content
        assert said in done.stderr

    def test_only_some_images_and_other_kinds(self, inject):
        other = "apiVersion: example.com/v1\nkind: Shop\nspec: {pod: {a: 1}}\n"
        content = f"{WEB}---\n{other}---\n{JOB}\n".encode()
        done = inject("--image", "ghcr.io/*", "--path", "Shop=.spec.pod", stdin=content)
        assert done.stdout.decode() == f"{WEB_INJECTED}---\n{other}---\n{JOB}\n"
        done = inject("--path", "Shop=.spec.pod", stdin=content)
        assert b"spec: {pod: {imagePullSecrets: [{name: regcred}], a: 1}}" in done.stdout

    def test_path_that_hits_nothing(self, inject):
        paths = ("--path", "Shop=.spec.pod", "--path", "Deployment=.spec.template.spec")
        done = inject(*paths, "--path", "Web.example.com=.spec", stdin=WEB.encode())
        assert done.stdout.decode() == WEB_INJECTED
        assert done.stderr.decode() == (
            "no object in the input has what --path Shop=.spec.pod names\n"
            "no object in the input has what --path Web.example.com=.spec names\n"
        )

    def test_path_that_is_too_short(self, inject, k):
        (k / "web.yaml").write_text(WEB.replace("Deployment", "Shop"))
        before = snapshot(k)
        done = inject("--path", "Shop=.spec.template", "-f", "k", "--in-place", check=2)
        assert b"hint: --path 'Shop=.spec.template.spec'\n" in done.stderr
        assert snapshot(k) == before

    @pytest.mark.parametrize("globs", ["ghcr.io/* quay.io/*", "ghcr.io/*, quay.io/*"])
    def test_several_images_in_one_variable(self, inject, globs):
        done = inject(stdin=f"{WEB}---\n{JOB}\n".encode(), env={"REGCRED_IMAGE": globs})
        assert done.stdout.decode() == f"{WEB_INJECTED}---\n{JOB}\n"

    def test_serviceaccounts_too(self, inject):
        done = inject("--serviceaccounts", stdin=ACCOUNT.encode())
        assert done.stdout.decode() == ACCOUNT.replace("old}", "old}, {name: regcred}")

    def test_reader_that_goes_away(self, inject, k):
        (k / "big.yaml").write_text((WEB + "---\n") * 2000)
        command = f"{sys.executable} -m regcred inject --secret regcred -f k/big.yaml | head -n 1"
        done = subprocess.run(
            ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}} >&2"],
            cwd=k.parent,
            capture_output=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == (b"apiVersion: apps/v1\n", b"141\n")

    def test_full_disk(self, k):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "regcred", "inject", "--secret=regcred", "-f", "k/web.yaml"],
                cwd=k.parent,
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert done.returncode == 1
        assert b"cannot write to standard output: No space left on device" in done.stderr

    @pytest.mark.parametrize("program", ["regcred inject", "regcred.cli.postrenderer"])
    def test_no_standard_output(self, k, program):
        command = f"{sys.executable} -m {program} --secret=regcred < k/web.yaml >&-"
        done = subprocess.run(
            ["bash", "-c", command], cwd=k.parent, capture_output=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: cannot write to standard output: it is closed\n")
        command = f"{sys.executable} -m {program} --secret=regcred -f k/web.yaml --in-place >&-"
        subprocess.run(["bash", "-c", command], cwd=k.parent, capture_output=True, check=True)
        assert (k / "web.yaml").read_text() == WEB_INJECTED

    def test_ctrl_c_while_it_waits_for_more(self, inject, k):
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "regcred",
                "inject",
                "--secret=regcred",
                "-f",
                "k/web.yaml",
                "-f",
                "-",
            ],
            cwd=k.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as child:
            waits = Path(f"/proc/{child.pid}/syscall")

            def reads_stdin():
                return waits.read_text().startswith("0 0x0 ")

            await_condition("it reads stdin", reads_stdin, timeout=60)
            child.send_signal(signal.SIGINT)
            out, said = child.communicate(timeout=60)
        assert (child.returncode, out) == (130, b"")
        assert said.split()[:2] == [b"error:", b"interrupted:"]


class TestInPlace:
    def test_only_what_changes_is_written(self, inject, k):
        (k / "web.yaml").chmod(0o640)
        before = snapshot(k)
        done = inject("-f", "k", "--in-place")
        after = snapshot(k)
        assert done.stdout == b""
        assert done.stderr.decode() == (
            "changed k/job.json: pod/job\n"
            "changed k/web.yaml: deployment/web\n"
            "2 of 3 files changed\n"
        )
        assert {name for name in before if before[name] != after[name]} == {"job.json", "web.yaml"}
        assert after.keys() == before.keys()
        assert after["web.yaml"][2].decode() == WEB_INJECTED
        assert stat.S_IMODE((k / "web.yaml").stat().st_mode) == 0o640
        done = inject("-f", "k", "--in-place")
        assert done.stderr == b"0 of 3 files changed\n"
        assert snapshot(k) == after

    def test_link_and_hard_link(self, inject, k):
        (k.parent / "link.yaml").symlink_to("k/web.yaml")
        os.link(k / "web.yaml", k / "sub" / "hard.yaml")
        done = inject("-f", "link.yaml", "-f", "k/web.yaml", "--in-place")
        assert b"link.yaml has other names (hard links): there it stays as it was" in done.stderr
        assert (k.parent / "link.yaml").is_symlink()
        assert (k / "web.yaml").read_text() == WEB_INJECTED
        assert (k / "sub" / "hard.yaml").read_text() == WEB
        (k / "sub" / "other.yaml").hardlink_to(k / "sub" / "hard.yaml")
        assert b"hard links" not in inject("-f", "k/sub", "--in-place").stderr
        assert (k / "sub" / "hard.yaml").read_text() == WEB_INJECTED
        assert (k / "sub" / "other.yaml").read_text() == WEB_INJECTED

    def test_many_objects_are_counted(self, inject, k):
        (k / "web.yaml").write_text("---\n".join(WEB.replace("web", f"w{n}") for n in range(1200)))
        done = inject("-f", "k/web.yaml", "--in-place")
        named = ", ".join(f"deployment/w{n}" for n in range(5))
        assert done.stderr.decode() == f"changed k/web.yaml: {named} and 1,195 more\n"

    def test_none_where_one_is_wrong(self, inject, k):
        (k / "bad.yaml").write_text("a: [\n")
        (k / "worse.yaml").write_bytes(b"a: \xff\n")
        before = snapshot(k)
        done = inject("-f", "k", "--in-place", check=2)
        assert b"error: k/bad.yaml:2:1: " in done.stderr
        assert b"error: k/worse.yaml:1:4: byte 0xff is no UTF-8\n" in done.stderr
        assert snapshot(k) == before
        assert inject("-f", "k", check=2).stdout == b""

    @pytest.mark.parametrize(
        ("readonly", "said"),
        [
            ("k/sub", "cannot write k/sub/below.yaml: Permission denied: no file is changed"),
            ("k/sub/below.yaml", "k/sub/below.yaml may not be written"),
        ],
    )
    def test_none_where_one_may_not_be_written(self, inject, k, readonly, said):
        (k.parent / readonly).chmod(0o555)
        before = snapshot(k)
        # Root without the right to write where nobody may.
        powers = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        done = inject("-f", "k", "-R", "--in-place", check=1, wrapper=powers)
        assert said in done.stderr.decode()
        assert "hint: " in done.stderr.decode()
        assert snapshot(k) == before

    def test_says_what_makes_a_file_writable(self, inject, k):
        powers = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        (k / "web.yaml").chmod(0o400)
        done = inject("-f", "k/web.yaml", "--in-place", check=1, wrapper=powers)
        assert b"hint: chmod u+w k/web.yaml\n" in done.stderr
        os.chown(k / "web.yaml", 12345, 12345)
        done = inject("-f", "k/web.yaml", "--in-place", check=1, wrapper=powers)
        assert b"hint: do it as somebody who may: ls -l k/web.yaml\n" in done.stderr

    def test_file_system_that_is_mounted_read_only(self, inject, k):
        mount = 'mount --bind k k && mount -o remount,ro,bind k && cd . && exec "$@"'
        wrapper = ("unshare", "--mount", "sh", "-c", mount, "sh")
        done = inject("-f", "k/web.yaml", "--in-place", check=1, wrapper=wrapper)
        assert b"error: k/web.yaml may not be written\n" in done.stderr
        assert b"hint: its file system is mounted read-only: findmnt -T k/web.yaml\n" in done.stderr

    def test_none_of_somebody_else_s(self, inject, k):
        os.chown(k / "web.yaml", 12345, 12345)
        (k / "web.yaml").chmod(0o666)
        before = snapshot(k)
        done = inject(
            "-f", "k", "--in-place", check=1, wrapper=("setpriv", "--bounding-set=-chown")
        )
        assert b"k/web.yaml is somebody else's" in done.stderr
        assert snapshot(k) == before

    def test_none_where_there_is_no_room(self, inject, k):
        (k / "web.yaml").write_text((WEB + "---\n") * 300)
        before = snapshot(k)
        wrapper = ("prlimit", f"--fsize={60_000}")
        done = inject("-f", "k", "--in-place", check=1, wrapper=wrapper)
        assert b"cannot write k/web.yaml: File too large: no file is changed" in done.stderr
        assert snapshot(k) == before

    def test_runs_at_once_lose_nothing_of_each_other(self, k):
        secrets = [f"secret-{n}" for n in range(6)]
        runs = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "regcred",
                    "inject",
                    "--secret",
                    name,
                    "-f",
                    "k",
                    "--in-place",
                ],
                cwd=k.parent,
                stderr=subprocess.PIPE,
            )
            for name in secrets
        ]
        written = []
        for name, run in zip(secrets, runs, strict=True):
            said = run.communicate(timeout=60)[1]
            assert run.returncode in (0, 1), said
            if run.returncode == 0:
                written.append(name)
            else:
                assert b"by another program" in said
                assert b"run it again" in said
        pod = yaml.safe_load((k / "job.json").read_text())["spec"]
        web = yaml.safe_load((k / "web.yaml").read_text())["spec"]["template"]["spec"]
        for spec in (pod, web):
            assert sorted(e["name"] for e in spec["imagePullSecrets"]) == written
        assert written
        assert not list(k.glob(".*"))

    def test_ctrl_c_while_the_cluster_is_silent(self, k, kubeconfig):
        before = snapshot(k)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            config = yaml.safe_load(kubeconfig.read_text())
            address = f"https://127.0.0.1:{silent.getsockname()[1]}"
            config["clusters"][0]["cluster"]["server"] = address
            (k.parent / "kubeconfig").write_text(yaml.safe_dump(config))
            args = ("--in-place", "--live", "--kubeconfig", "kubeconfig", "-f", "k")
            with subprocess.Popen(
                [sys.executable, "-m", "regcred", "inject", "--secret=regcred", *args],
                cwd=k.parent,
                stderr=subprocess.PIPE,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            ) as child:
                connection, _ = silent.accept()
                child.send_signal(signal.SIGINT)
                said = child.communicate(timeout=60)[1]
                connection.close()
        assert child.returncode == 130
        assert said.split()[:2] == [b"error:", b"interrupted:"]
        assert snapshot(k) == before


class TestDiff:
    def test_patch_makes_the_stream_of_it(self, inject, k):
        before = snapshot(k)
        expected = {path: inject("-f", f"k/{path}").stdout for path in ("job.json", "web.yaml")}
        done = inject("-f", "k", "--diff")
        assert done.stderr == b""
        assert snapshot(k) == before
        assert b"config.yml" not in done.stdout
        assert b"--- a/k/web.yaml\n+++ b/k/web.yaml\n" in done.stdout
        subprocess.run(["git", "apply", "--check"], cwd=k.parent, input=done.stdout, check=True)
        subprocess.run(["patch", "-p1", "-s"], cwd=k.parent, input=done.stdout, check=True)
        assert {path: (k / path).read_bytes() for path in expected} == expected
        assert inject("-f", "k", "--diff").stdout == b""

    def test_of_files_by_other_names(self, inject, k):
        for name in ("./k/web.yaml", ".//k/web.yaml", "./././k/web.yaml"):
            assert inject("-f", name, "--diff").stdout.startswith(b"--- a/k/web.yaml\n+++ b/k/web")
        done = inject("-f", str(k / "web.yaml"), "--diff")
        assert done.stdout.startswith(f"--- a{k}/web.yaml\n+++ b{k}/web.yaml\n".encode())
        subprocess.run(["patch", "-p1", "-s", "-d", "/"], input=done.stdout, check=True)
        assert (k / "web.yaml").read_text() == WEB_INJECTED

    def test_of_names_with_anything_in_them(self, inject, k):
        odd = k / 'a\n+++ "b"\x1b[1m\u202e \xe9.yaml'
        (k / "web.yaml").rename(odd)
        done = inject("-f", "k", "--diff")
        assert b'--- "a/k/a\\n+++ \\"b\\"\\033[1m\\342\\200\\256 \xc3\xa9.yaml"\n' in done.stdout
        subprocess.run(["git", "apply"], cwd=k.parent, input=done.stdout, check=True)
        assert odd.read_text() == WEB_INJECTED

    def test_of_stdin(self, inject):
        done = inject("--diff", stdin=WEB.encode())
        assert done.stdout.decode() == (
            "--- <stdin>\n+++ <stdin>\n@@ -5,6 +5,8 @@\n spec:\n   template:\n     spec:\n"
            "+      imagePullSecrets:\n+        - name: regcred\n"
            "       serviceAccountName: app\n       containers:\n"
            '         - {name: web, image: "ghcr.io/me/web:1"}\n'
        )

    def test_in_colours_on_a_terminal(self, k):
        args = ("inject", "--secret=regcred", "-f", "k/web.yaml", "--diff")
        with Terminal(*args, env={}, cwd=k.parent) as terminal:
            assert terminal.finish() == 0
        assert "\x1b[32m+      imagePullSecrets:\x1b[0m" in terminal.seen
        assert "\x1b[36m@@ -5,6 +5,8 @@\x1b[0m" in terminal.seen
        with Terminal(*args, env={"NO_COLOR": "1"}, cwd=k.parent) as terminal:
            assert terminal.finish() == 0
        assert "\x1b" not in terminal.seen


class TestCheck:
    def test_names_what_would_change(self, inject, k):
        before = snapshot(k)
        done = inject("-f", "k", "--secret", "other", "-n", "team-a", "--check", check=1)
        assert done.stdout == b""
        assert done.stderr.decode() == (
            "k/job.json:1: pod/job in team-a: regcred, other missing\n"
            "k/web.yaml:8: deployment/web in team-a: regcred, other missing\n"
        )
        assert snapshot(k) == before

    def test_names_forge_no_lines(self, inject, k):
        (k / "web.yaml").rename(k / "web\nchanged: all\x1b.yaml")
        said = inject("-f", "k", "--check", check=1).stderr
        assert said.splitlines()[1].startswith(b"k/web\\nchanged: all\\x1b.yaml:8: deployment/web")
        (k / "web\nchanged: all\x1b.yaml").write_text("a: [")
        said = inject("-f", "k", "--check", check=2).stderr
        assert said.startswith(b"error: k/web\\nchanged: all\\x1b.yaml:1:")

    def test_says_nothing_when_all_is_right(self, inject):
        done = inject("--check", stdin=WEB_INJECTED.encode())
        assert (done.stdout, done.stderr) == (b"", b"")

    def test_with_a_diff(self, inject):
        done = inject("--check", "--diff", stdin=WEB.encode(), check=1)
        assert done.stdout == inject("--diff", stdin=WEB.encode()).stdout
        assert b"<stdin>:8: deployment/web: regcred missing\n" in done.stderr


class TestServiceAccountSecrets:
    def test_warns_of_those_that_are_lost(self, inject):
        done = inject(stdin=f"{WEB}---\n{ACCOUNT}".encode())
        assert done.stdout.decode() == f"{WEB_INJECTED}---\n{ACCOUNT}"
        assert done.stderr.decode() == (
            "warning: with a list of their own these Pods do not get that of their "
            "ServiceAccount any more:\n"
            "  <stdin>:8: deployment/web: old of serviceaccount/app\n"
            "hint: --keep-serviceaccount-secrets carries them over\n"
        )

    def test_in_place_one_has_to_start_anew(self, inject, k):
        (k / "zz.yaml").write_text(ACCOUNT)
        said = inject("-f", "k", "--in-place").stderr
        assert b"hint: take the change back (git checkout " in said
        assert b" and run it again with --keep-serviceaccount-secrets\n" in said

    def test_those_of_accounts_that_are_not_there_cannot_be_kept(self, inject, k):
        done = inject("-f", "k", "--keep-serviceaccount-secrets", "-n", "team-a")
        assert done.stderr.decode() == (
            "warning: pull Secrets of ServiceAccounts that are not in the input are not carried "
            "over: default in team-a, app in team-a\nhint: --live asks the cluster\n"
        )
        content = f"{WEB_INJECTED}---\n{ACCOUNT}"
        assert inject("--keep-serviceaccount-secrets", stdin=content.encode()).stderr == b""

    def test_names_ten_and_counts_the_others(self, inject):
        content = "---\n".join([*(WEB.replace("web", f"w{n}") for n in range(1013)), ACCOUNT])
        said = inject(stdin=content.encode()).stderr.decode().splitlines()
        assert [line.split()[1] for line in said[1:11]] == [f"deployment/w{n}:" for n in range(10)]
        assert said[11] == "  and 1,003 more"
        assert len(said) == 13

    def test_carried_over_from_another_file(self, inject, k):
        (k / "zz.yaml").write_text(ACCOUNT)
        done = inject("-f", "k/*.yaml", "--keep-serviceaccount-secrets")
        assert done.stderr == b""
        assert b"- name: old\n        - name: regcred\n" in done.stdout
        done = inject(
            "--keep-serviceaccount-secrets", "-f", "-", "-f", "k/zz.yaml", stdin=WEB.encode()
        )
        assert b"- name: old\n        - name: regcred\n" in done.stdout
        inject("-f", "k", "--keep-serviceaccount-secrets", "--in-place")
        assert "- name: old\n        - name: regcred\n" in (k / "web.yaml").read_text()

    @pytest.fixture
    def live(self, regcred, k):
        def run(*args, **options):
            options = {"stdin": WEB.encode(), "cwd": k.parent} | options
            return regcred("inject", "--secret=regcred", "--live", *args, **options)

        return run

    def test_of_the_cluster(self, live, world, kubeconfig, k):
        world.with_list("app", "there", "regcred")
        done = live("-n", world.namespace)
        assert f"<stdin>:8: deployment/web in {world.namespace}: there of" in done.stderr.decode()
        done = live("-n", world.namespace, "--keep-serviceaccount-secrets")
        assert done.stderr == b""
        assert b"- name: there\n        - name: regcred\n      service" in done.stdout
        # What is about to be applied wins over what is there.
        done = live(
            "-n",
            world.namespace,
            "--keep-serviceaccount-secrets",
            stdin=f"{WEB}---\n{ACCOUNT}".encode(),
        )
        assert b"- name: old\n        - name: regcred\n      service" in done.stdout

    def test_namespace_of_the_context(self, live, world, kubeconfig, k):
        world.with_list("app", "there")
        config = yaml.safe_load(kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = world.namespace
        (k.parent / "kubeconfig").write_text(yaml.safe_dump(config))
        done = live("--keep-serviceaccount-secrets", "--kubeconfig", "kubeconfig")
        assert b"- name: there\n        - name: regcred\n" in done.stdout

    @pytest.mark.parametrize("name", ["missing", "Not/A..Name"])
    def test_none_there(self, live, world, name):
        content = WEB.replace("Name: app", f"Name: {name}").encode()
        done = live("-n", world.namespace, stdin=content)
        assert done.stderr == b""
        done = live("-n", "nowhere-at-all")
        assert done.stderr == b""

    def test_without_the_right(self, live, world):
        kubeconfig = world.user({"pods": ("list",)})
        done = live("-n", world.namespace, "--kubeconfig", str(kubeconfig), check=1)
        assert done.stdout == b""
        assert b"error: cannot get serviceaccounts/app" in done.stderr
        assert b"hint: " in done.stderr

    def test_without_the_right_to_several(self, live, world, k):
        kubeconfig = world.user({"pods": ("list",)})
        (k / "here.yaml").write_text(WEB.replace("Name: app", "Name: other"))
        elsewhere = WEB.replace("name: web ", "namespace: default\n  name: web ")
        (k / "there.yaml").write_text(elsewhere)
        namespace = world.namespace
        done = live("-n", namespace, "--kubeconfig", str(kubeconfig), "-f", "k", check=1)
        said = done.stderr.decode()
        assert said.count("error: cannot get serviceaccounts/") == 2
        assert f"cannot get serviceaccounts/app, default, other in '{namespace}': " in said
        names = "--resource-name=app --resource-name=default --resource-name=other"
        assert f"--resource=serviceaccounts {names} -n {namespace} && " in said
        assert "--resource=serviceaccounts --resource-name=app -n default && " in said

    def test_cluster_that_does_not_answer(self, live, kubeconfig, k):
        config = yaml.safe_load(kubeconfig.read_text())
        with socket.socket() as bound:  # bound and not listening: nobody else gets this port
            bound.bind(("127.0.0.1", 0))
            address = f"https://127.0.0.1:{bound.getsockname()[1]}"
            config["clusters"][0]["cluster"]["server"] = address
            (k.parent / "kubeconfig").write_text(yaml.safe_dump(config))
            done = live("--kubeconfig", "kubeconfig", check=3)
        assert done.stdout == b""
        assert b"cannot reach the API server" in done.stderr

    def test_what_kubectl_applies_pulls_with_both(self, live, world, kubectl):
        world.with_list("app", "there")
        pod = JOB.replace(
            "{}", '{"serviceAccountName": "app", "containers": [{"name": "a", "image": "a"}]}'
        )
        done = live("-n", world.namespace, "--keep-serviceaccount-secrets", stdin=pod.encode())
        kubectl("apply", "-n", world.namespace, "-f", "-", stdin=done.stdout)
        names = [e["name"] for e in world.get("pods", "job")["spec"]["imagePullSecrets"]]
        assert names == ["there", "regcred"]


#: content of a.yaml → what is said of it
BAD = {
    "UTF-16": (WEB.encode("utf-16"), "a.yaml:1:1: this is UTF-16, not UTF-8"),
    "UTF-32 without a mark": (WEB.encode("utf-32-le"), "a.yaml:1:1: this looks like UTF-32LE"),
    "packed": (gzip.compress(WEB.encode()), "a.yaml:1:1: this is packed with gzip, not UTF-8"),
    "invalid UTF-8": (WEB.encode() + b"# caf\xe9\n", "a.yaml:11:6: byte 0xe9 is no UTF-8"),
    "a NUL": (WEB.encode() + b"a: \0\n", "a.yaml:11:4: a NUL byte"),
    "binary": (b"\x7fELF\x02\x01\x01\0\0\0\xff", "a.yaml:1:8: a NUL byte"),
    "no YAML": (WEB.encode() + b"a: 'b\n", "a.yaml:"),
}


class TestRefused:
    @pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
    def test_bad_content(self, inject, k, content, said):
        (k / "a.yaml").write_bytes(content)
        done = inject("-f", "k", check=2)
        assert done.stdout == b""
        assert f"error: k/{said}" in done.stderr.decode()

    def test_a_value_that_the_next_file_would_lengthen(self, inject, k):
        for file in k.iterdir():
            if file.is_file():
                file.unlink()
        (k / "a.yaml").write_text("data:\n  x: |\n    foo")
        assert inject("-f", "k/a.yaml").stdout == b"data:\n  x: |\n    foo"
        (k / "b.yaml").write_text("kind: ConfigMap\n")
        done = inject("-f", "k/*.yaml", check=2)
        assert done.stdout == b""
        assert b"error: k/a.yaml:3:8: it ends in a block scalar without" in done.stderr
        assert inject("-f", "k/b.yaml", "-f", "k/a.yaml").stdout.endswith(b"  x: |\n    foo")

    def test_source_of_a_template(self, inject):
        done = inject(stdin=b"kind: Pod\n{{ if .x }}\n", check=2)
        assert done.stdout == b""
        assert b"error: <stdin>:" in done.stderr
        assert b"render it first: helm template" in done.stderr

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (("-f", "none.yaml"), "cannot read none.yaml: No such file or directory"),
            (("-f", "k/*.toml"), "no file matches k/*.toml"),
            (("-f", "k", "-f", ""), "the name of a file is empty"),
            (("--in-place",), "--in-place changes files, and standard input is none"),
            (("--in-place", "-f", "-"), "--in-place changes files, and standard input is none"),
            (("--in-place", "-f", "/dev/stdin"), "is no file that could be changed in place"),
            (("--in-place", "--diff", "-f", "k"), "exclude each other"),
            (("--in-place", "--check", "-f", "k"), "exclude each other"),
            (("--secret", "", "-f", "k"), 'is a variable not set? e.g. --secret "$NAME"'),
            (("--secret", "No", "-f", "k"), "'No' cannot be the name of a Secret"),
            (("-n", "a.b", "-f", "k"), "cannot be the name of a namespace: lower-case"),
            (("--image", "", "-f", "k"), 'e.g. --image "$IMAGE"'),
            (("--path", "Rollout", "-f", "k"), "is not KIND=PATH"),
            (("--context", "x", "-f", "k"), "which only --live asks"),
            (("--live", "--kubeconfig", "none", "-f", "k"), "none does not exist"),
        ],
    )
    def test_wrong_usage(self, inject, k, args, said):
        before = snapshot(k)
        done = inject(*args, stdin=WEB.encode(), check=2)
        assert done.stdout == b""
        assert said in done.stderr.decode()
        assert b"hint: " in done.stderr or "cannot be the name" in said
        assert snapshot(k) == before

    def test_folder_that_may_not_be_read(self, inject, k):
        (k / "sub").chmod(0)
        powers = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        done = inject("-f", "k", "-R", check=2, wrapper=powers)
        assert b"cannot read k/sub: Permission denied" in done.stderr
        for glob in ("k/sub/*.yaml", "k/s*/*.yaml", "k/sub/**/*.json"):
            done = inject("-f", glob, check=2, wrapper=powers)
            assert b"cannot read k/sub: Permission denied" in done.stderr

    def test_output_that_is_an_input(self, k):
        command = f"{sys.executable} -m regcred inject --secret regcred -f k >> k/web.yaml"
        done = subprocess.run(
            ["bash", "-c", command], cwd=k.parent, capture_output=True, check=False
        )
        assert done.returncode == 2
        assert b"k/web.yaml is input and output at once" in done.stderr
        assert (k / "web.yaml").read_text() == WEB

    def test_terminal_as_stdin(self, k):
        with Terminal("inject", "--secret=regcred", env={}) as terminal:
            assert terminal.finish() == 2
        assert "no manifests are given, and standard input is a terminal" in terminal.seen
        assert "hint:" in terminal.seen


class TestPostRenderer:
    @pytest.fixture
    def post_render(self):
        def run(*args, **options):
            return run_regcred(*args, module="regcred.cli.postrenderer", **options)

        return run

    def test_settings_are_variables(self, post_render):
        done = post_render(stdin=WEB.encode(), env={"REGCRED_SECRET": "regcred"})
        assert (done.stdout.decode(), done.stderr) == (WEB_INJECTED, b"")
        env = {"REGCRED_SECRET": "a,regcred", "REGCRED_IMAGE": "ghcr.io/* quay.io/*"}
        done = post_render(stdin=f"{WEB}---\n{JOB}\n".encode(), env=env)
        assert done.stdout.count(b"imagePullSecrets") == 1
        assert b"- name: a\n        - name: regcred\n" in done.stdout

    def test_or_flags(self, post_render):
        assert post_render("--secret=regcred", stdin=WEB.encode()).stdout.decode() == WEB_INJECTED

    @pytest.mark.parametrize("env", [{}, {"REGCRED_SECRET": ""}])
    def test_says_which_setting_is_missing(self, post_render, env):
        done = post_render(stdin=WEB.encode(), env=env, check=2)
        assert done.stdout == b""
        assert b"no pull Secret is named: neither --secret nor REGCRED_SECRET" in done.stderr
        assert b"hint: " in done.stderr

    def test_help_and_a_wrong_flag(self, post_render):
        said = post_render("-h").stdout
        assert said.startswith(b"Usage: regcred-post-renderer [OPTIONS]")
        assert b"helm install web ./chart" in said
        assert b"--post-renderer regcred-post-renderer" in said
        assert b"--image GLOB" in said
        assert post_render("--version").stdout == b"regcred-post-renderer %b\n" % VERSION
        done = post_render("--no-such-flag", check=2)
        assert b"hint: regcred-post-renderer --help" in done.stderr
