"""The program itself: what it reads, what it says on stderr, how it ends, what it loads."""

import json
import os
import subprocess
import sys

import pytest
import yaml

HEAVY = {"aiohttp", "asyncio", "ssl", "rich", "cryptography"}


def regcred_krm(stdin=b"", *args, code="from regcred.cli.krm import main; main()", **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("REGCRED_")}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        input=stdin,
        env=clean | env | {"REGCRED_DEBUG": "1"},
        capture_output=True,
        timeout=60,
        check=False,
    )


def pods(count):
    items = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{i}"}, "spec": {}}
        for i in range(count)
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    account["imagePullSecrets"] = [{"name": "old"}]
    head = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList"}
    return json.dumps({**head, "items": [account, *items]}).encode()


def test_json_stays_json_and_utf8():
    before = pods(1).replace(b"p0", "p\u00fc\u2028".encode())
    done = regcred_krm(before, REGCRED_SECRET="regcred", LANG="C", PYTHONUTF8="0")
    assert done.returncode == 0
    after = json.loads(done.stdout)
    results = after.pop("results")
    assert [result["severity"] for result in results] == ["info", "warning"]
    assert results[0]["resourceRef"]["name"] == "p\u00fc\u2028"
    assert after["items"][1].pop("spec") == {"imagePullSecrets": [{"name": "regcred"}]}
    assert yaml.safe_load(done.stdout)["results"] == results


def test_warnings_on_stderr_are_a_handful():
    done = regcred_krm(pods(13), REGCRED_SECRET="regcred")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("warning: pod/p0: its Pods no longer get old from")
    assert lines[-1] == "warning: 3 more, which stand in the results"
    assert len(json.loads(done.stdout)["results"]) == 26


def test_an_error_is_said_twice_and_the_exit_code_is_1():
    done = regcred_krm(pods(1))
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: no pull Secret is named")
    answer = json.loads(done.stdout)
    (result,) = answer.pop("results")
    assert result["severity"] == "error"
    assert answer == json.loads(pods(1))


@pytest.mark.parametrize(
    ("stdin", "says"),
    [
        (b"", b"error: the input:1:1: a config.kubernetes.io/v1 ResourceList is expected"),
        (b"a: b\n", b"error: the input:1:1: a config.kubernetes.io/v1 ResourceList is expected"),
        (b"a:\n  \xff\n", b":2:3: "),
        ("a: b\n".encode("utf-16"), b"UTF-"),
        (b"a: \0\n", b":1:4: "),
        (b"a: b\n---\na: b\n---\n", b"not 3 documents"),
    ],
)
def test_what_is_no_resource_list(stdin, says):
    done = regcred_krm(stdin, REGCRED_SECRET="regcred")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: ")
    assert says in done.stderr


def test_memory_is_bounded():
    code = "from regcred.core.formats import documents; documents.MAX_CHARACTERS = 9; "
    done = regcred_krm(b"1234567890", code=code + "from regcred.cli.krm import main; main()")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: the input:1:1: it is over 9 bytes\nhint: ")


def test_a_terminal_is_not_waited_for():
    code = "import os, sys; sys.stdin = open(os.openpty()[1]); "
    done = regcred_krm(code=code + "from regcred.cli.krm import main; main()")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: a ResourceList is expected on standard input\nhint: ")


def test_arguments():
    done = regcred_krm(b"", "x")
    assert done.returncode == 2
    assert done.stderr.endswith(b"hint: regcred-krm --help\n")
    assert regcred_krm(b"", "--version").stdout.startswith(b"regcred-krm ")
    assert b"REGCRED_KEEP_SERVICEACCOUNT_SECRETS" in regcred_krm(b"", "--help").stdout


def test_nothing_heavy_is_loaded():
    say = "print(*sys.modules, file=sys.stderr)"
    code = (
        f"import sys; from regcred.cli.main import run; from regcred.cli.krm import krm; "
        f"run([], krm); {say}"
    )
    done = regcred_krm(pods(1), code=code, REGCRED_SECRET="regcred")
    loaded = set(done.stderr.decode().split())
    assert "regcred.core.manifests.krm" in loaded
    assert not loaded & HEAVY
