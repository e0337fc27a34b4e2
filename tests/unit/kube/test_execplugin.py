import asyncio
import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import CredentialHelperFailed
from regcred.kube import execplugin
from regcred.kube.config import TLS, Auth, ClusterConfig
from regcred.kube.entries import ExecPlugin

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def answer(status: object, **others: object) -> str:
    return json.dumps({"kind": "ExecCredential", "apiVersion": V1, "status": status} | others)


@pytest.fixture
def script(tmp_path):
    """Write a Python program that stands in for a cloud provider's plugin; returns its path."""

    def write(body: str, name: str = "plugin") -> str:
        path = tmp_path / name
        path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


def config(command: str, *, alone: bool = False, **fields) -> ClusterConfig:
    plugin = ExecPlugin(
        **{"command": command, "api_version": V1, "interactive_mode": "Never"} | fields
    )
    auth = Auth(
        whose="user 'u'",
        exec=plugin,
        exec_config={"audience": "x"},
        exec_environ=ENV,
        exec_alone=alone,
    )
    return ClusterConfig(server="https://api:6443", tls=TLS(ca=b"CA", server_name="api"), auth=auth)


ENV = {"PATH": os.environ["PATH"], "OURS": "1", "THEIRS": "1"}


async def test_a_token_and_its_expiry(script):
    said = answer({"token": "hunter2", "expirationTimestamp": "2026-01-01T00:00:00Z"})
    credential = await execplugin.run(config(script(f"print({said!r})")))
    assert credential.token.reveal() == "hunter2"
    assert credential.expires == 1767225600
    assert "hunter2" not in repr(credential)


async def test_a_certificate(script):
    said = answer({"clientCertificateData": "CERT", "clientKeyData": "KEY"})
    credential = await execplugin.run(config(script(f"print({said!r})")))
    assert (credential.certificate, credential.key.reveal()) == (b"CERT", "KEY")
    assert credential.expires is None


async def test_what_the_plugin_is_told(script):
    body = """
token = json.dumps([sys.argv[1:], os.environ["KUBERNETES_EXEC_INFO"], os.environ["OURS"],
                    os.environ["THEIRS"], sys.stdin.read()])
print(json.dumps({"kind": "ExecCredential", "apiVersion": "%s", "status": {"token": token}}))
"""
    told = config(
        script(body % V1BETA1),
        args=("get", "token"),
        env=(("THEIRS", "2"),),
        api_version=V1BETA1,
        provide_cluster_info=True,
    )
    credential = await execplugin.run(told)
    args, info, ours, theirs, stdin = json.loads(credential.token.reveal())
    assert (args, ours, theirs, stdin) == (["get", "token"], "1", "2", "")
    assert json.loads(info) == {
        "kind": "ExecCredential",
        "apiVersion": V1BETA1,
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://api:6443",
                "tls-server-name": "api",
                "certificate-authority-data": "Q0E=",
                "config": {"audience": "x"},
            },
        },
    }


def test_the_cluster_is_told_only_where_it_is_wanted():
    plugin = config("c").auth.exec
    info = json.loads(execplugin.exec_info(config("c"), plugin, interactive=True))
    assert info["spec"] == {"interactive": True}


async def test_a_failure_names_command_exit_code_and_last_words(script):
    body = """
print('{"token": "hunter2"}')
for line in range(9): print(f"\\x1b[31mline {line}\\x1b[0m", file=sys.stderr)
sys.exit(7)
"""
    command = script(body)
    with pytest.raises(CredentialHelperFailed) as caught:
        await execplugin.run(config(command))
    message = caught.value.message
    assert command in message
    assert "exit code 7" in message
    assert message.splitlines()[-1] == "line 8"
    assert "line 3" not in message
    assert "\x1b" not in message
    assert "hunter2" not in message


async def test_a_plugin_that_is_killed(script):
    with pytest.raises(CredentialHelperFailed, match="signal 9"):
        await execplugin.run(config(script("os.kill(os.getpid(), 9)")))


async def test_a_plugin_that_is_not_installed():
    told = config("no-such-plugin", install_hint="pip install it\n\x1b[1mnow")
    with pytest.raises(CredentialHelperFailed, match=r"no-such-plugin .*not installed") as caught:
        await execplugin.run(told)
    assert caught.value.hint == "pip install it\nnow"


async def test_a_plugin_that_does_not_start(tmp_path):
    path = tmp_path / "plugin"
    path.write_bytes(b"\x7fELF rubbish")
    path.chmod(0o700)
    with pytest.raises(CredentialHelperFailed, match="does not start"):
        await execplugin.run(config(str(path)))


async def test_a_plugin_is_found_on_path(script):
    path = script(f"print({answer({'token': 't'})!r})", "my-plugin")
    environ = ENV | {"PATH": f"{Path(path).parent}:{ENV['PATH']}"}
    told = config("my-plugin")
    told = replace(told, auth=replace(told.auth, exec_environ=environ))
    assert (await execplugin.run(told)).token.reveal() == "t"


async def test_questions_need_a_terminal():
    with pytest.raises(CredentialHelperFailed, match="not a terminal"):
        await execplugin.run(config("true", interactive_mode="Always"))


def test_a_plugin_may_talk_with_the_person_at_the_terminal(script):
    body = """
print("which code?", file=sys.stderr, flush=True)
interactive = json.loads(os.environ["KUBERNETES_EXEC_INFO"])["spec"]["interactive"]
status = {"token": f"{interactive} {input()}"}
print(json.dumps({"kind": "ExecCredential", "apiVersion": "%s", "status": status}))
"""
    program = f"""
import asyncio
from regcred.kube import execplugin
from tests.unit.kube.test_execplugin import config
told = config({script(body % V1)!r}, interactive_mode="IfAvailable")
print(asyncio.run(execplugin.run(told)).token.reveal())
"""
    master, slave = pty.openpty()
    with (
        os.fdopen(master, "r+b", buffering=0) as terminal,
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
        ) as process,
    ):
        os.close(slave)
        shown = b""
        while b"which code?" not in shown:
            shown += terminal.read(1024)
        terminal.write(b"4711\n")
        assert process.stdout is not None
        assert process.stdout.read() == b"True 4711\n"


async def test_cancelling_ends_the_plugin(script, tmp_path):
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    body = f"open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.create_task(execplugin.run(config(script(body))))
    pid = int(await asyncio.to_thread(pipe.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.fixture
def wrapper(tmp_path):
    """A plugin that starts another program, and by what one sees that both have ended.

    Both hold a pipe open, whose other end is at its end when nobody does any more.
    """
    pipe = tmp_path / "held"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    class Wrapper:
        def config(self, then: str, **fields) -> ClusterConfig:
            body = f"exec 3> {pipe}; sleep 611 & echo $! >&3; {then}"
            return config("sh", args=("-c", body), **{"alone": True} | fields)

        async def started(self) -> int:
            """The process id of the other program."""
            return int(await asyncio.to_thread(self.read))

        async def ended(self) -> bool:
            return await asyncio.to_thread(self.read) == b""

        def read(self) -> bytes:
            ready, _, _ = select.select([reader], [], [], 60)
            assert ready, "it goes on"
            return os.read(reader, 100)

    yield Wrapper()
    os.close(reader)


@pytest.mark.parametrize("then", ["wait", "exit 0"])
async def test_cancelling_ends_what_the_plugin_started(wrapper, then):
    """Also where only that is left of it, and keeps its output open."""
    task = asyncio.create_task(execplugin.run(wrapper.config(then)))
    await wrapper.started()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await wrapper.ended()
    assert not execplugin._groups


@pytest.mark.parametrize("times", [1, 3])
async def test_cancelling_while_it_starts_does_so_too(wrapper, times):
    task = asyncio.create_task(execplugin.run(wrapper.config("wait")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    wrapper.read()  # and nothing of ours goes on meanwhile: it runs, and is not known to
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await wrapper.ended()


async def test_all_are_ended_by_who_is_about_to_end(wrapper):
    task = asyncio.create_task(execplugin.run(wrapper.config("wait")))
    await wrapper.started()
    while not execplugin._groups:  # noqa: ASYNC110 - it tells nobody that it has come so far
        await asyncio.sleep(0)
    await asyncio.to_thread(execplugin.end_all)
    assert await wrapper.ended()
    with pytest.raises(CredentialHelperFailed, match="signal 9"):
        await task


async def test_what_a_plugin_leaves_behind_on_purpose_goes_on(wrapper):
    """A daemon that keeps logins, say: it does not hold the plugin's output."""
    said = answer({"token": "t"})
    told = wrapper.config(f"kill $!; sleep 611 >&- 2>&- & echo $! >&3; printf '%s' '{said}'")
    assert (await execplugin.run(told)).token.reveal() == "t"
    pid = int((await asyncio.to_thread(wrapper.read)).split()[-1])
    os.kill(pid, signal.SIGKILL)  # it was there
    assert await wrapper.ended()


@pytest.mark.parametrize("alone", [False, True])
async def test_a_session_of_its_own_only_for_who_is_ended_by_it(script, alone):
    """The others can ask for a PIN on /dev/tty, whatever standard input is."""
    said = answer({"token": "IDS"})
    ids = "{os.getpid()} {os.getpgid(0)} {os.getsid(0)}"
    body = f"print({said!r}.replace('IDS', f'{ids}'))"
    token = (await execplugin.run(config(script(body), alone=alone))).token.reveal()
    pid, group, session = map(int, token.split())
    own = (os.getpgid(0), os.getsid(0))
    assert (group, session) == ((pid, pid) if alone else own)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_ends_our_process_group_ends_the_plugin(wrapper, number):
    """As ``timeout`` does, a cancelled CI job, and a terminal that closes."""
    plugin = wrapper.config("wait").auth.exec
    program = f"""
import asyncio
from regcred.kube import execplugin
from tests.unit.kube.test_execplugin import config
asyncio.run(execplugin.run(config("sh", args={plugin.args!r})))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        start_new_session=True,
    ) as process:
        assert wrapper.read()
        os.killpg(process.pid, number)
    assert process.returncode == -number
    assert wrapper.read() == b""


async def test_endless_output_ends_the_plugin(wrapper):
    told = wrapper.config("yes hunter2 & yes x >&2")
    with pytest.raises(CredentialHelperFailed, match="more than 1 MiB") as caught:
        await execplugin.run(told)
    assert "hunter2" not in caught.value.message
    await wrapper.started()
    assert await wrapper.ended()


async def test_much_on_stderr_and_a_large_token_do_not_block(script):
    said = answer({"token": "t" * 1_000_000})
    body = f"sys.stderr.write('x' * 3_000_000); print({said!r})"
    assert len((await execplugin.run(config(script(body)))).token.reveal()) == 1_000_000


@pytest.mark.parametrize(
    ("stdout", "says"),
    [
        ("", "not an ExecCredential object"),
        ("hunter2", "not an ExecCredential object"),
        ('{"token": "hunter2"', "not JSON"),
        ("[hunter2", "not JSON"),
        pytest.param('{"a":' * 100_000, "not JSON", id="deep JSON"),
        pytest.param("[" * 100_000, "not JSON", id="deep YAML"),
        ('{"token": "hunter2"}', "not of kind ExecCredential"),
        (answer({"token": "hunter2"}, apiVersion=V1BETA1), f"not of apiVersion {V1}"),
        (answer(None), "no status"),
        (answer({}), "neither a token nor"),
        (answer({"token": 5}), "token must be text"),
        (answer({"token": "hunter2\n"}), "line break"),
        (answer({"clientKeyData": "hunter2"}), "only one of"),
        (answer({"token": "hunter2", "expirationTimestamp": "soon"}), "RFC 3339"),
        (answer({"token": "hunter2", "expirationTimestamp": "2026-01-01T00:00:00"}), "RFC 3339"),
    ],
)
def test_rubbish_is_not_shown(stdout, says):
    with pytest.raises(CredentialHelperFailed, match=says) as caught:
        execplugin.parse(stdout.encode(), config("get-token").auth.exec)
    assert "get-token" in caught.value.message
    assert "hunter2" not in caught.value.message


def test_yaml_is_read_too():
    text = f"kind: ExecCredential\napiVersion: {V1}\nstatus: {{token: t}}\n"
    assert execplugin.parse(text.encode(), config("c").auth.exec).token.reveal() == "t"


@given(st.binary() | st.from_regex(r"\{.*\}").map(str.encode))
def test_any_output_is_read_or_refused(stdout):
    with pytest.raises(CredentialHelperFailed):
        execplugin.parse(stdout, config("c").auth.exec)
