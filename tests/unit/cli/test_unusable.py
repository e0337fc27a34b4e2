"""What cannot be used, a file or a value: exit code 2, what is wrong, and a hint, for each option.

Every verb with every option that takes something: what is no such thing is given to it. The cluster
is one that is not there, so that whoever gets as far as asking it says so, with exit code 3.
"""

import io
import json
import re
import sys

import click
import pytest

from regcred.cli.main import VERBS, cli, run
from regcred.cli.verb import Option
from tests.support.providers.serving import nobody

CONTEXT = click.Context(cli, info_name="regcred")
COMMANDS = {verb: cli.get_command(CONTEXT, verb) for verb in VERBS}
SECRET = "marker-hush-4711"

#: Each verb with arguments that would do.
GOOD = {
    "login": ["a.example.com", "--skip-verify", "--username=me", f"--password={SECRET}"],
    "logout": ["a.example.com"],
    "check": ["a.example.com/x:1"],
    "why": [],
    "status": [],
    "secret": [
        "pull",
        "--docker-server=a.io",
        "--docker-username=a",
        f"--docker-password={SECRET}",
    ],
    "attach": ["pull"],
    "detach": ["pull"],
    "inject": [
        *("--live", "--keep-serviceaccount-secrets", "--namespace=team-a"),
        *("--filename={manifest}", "--secret=pull"),
    ],
    "operator": ["--uninstall"],
    "credential-provider": ["--from=exec"],
    "completion": ["bash"],
}
#: Good arguments that an option takes the place of, by how they begin.
IN_PLACE_OF = {
    "--gcp-key": ("--username", "--password", "--docker-"),
    "--from-docker-config": ("--username", "--password", "--docker-"),
    "--from-file": ("--docker-",),
    "--from": ("--username", "--password", "--docker-"),
    "--set": ("--username", "--password", "--docker-u", "--docker-p"),
    "--secret-file": ("--username", "--password", "--docker-u", "--docker-p"),
    "--username": ("--username",),
    "--password": ("--password",),
    "--docker-server": ("--docker-server",),
    "--registry": ("--docker-server",),
    "--filename": ("--filename", "a.example.com"),
    "--path": ("a.example.com",),
    "--assume-secret": ("a.example.com",),
    "--secret": ("--secret=",),
}
#: What an option needs beside it.
BESIDE = {
    "--set": ["--from=gitlab"],
    "--path": ["--filename={manifest}"],
    "--assume-secret": ["--namespace=a"],
}

#: Files that are none: how each is called, and what is in it (None where it is no file).
FILES = {"missing": None, "folder": None, "loop": None, "": None, "empty": b""}
FILES |= {"bytes": b"\xff\xfe\0{: [" + SECRET.encode(), "json": b'{"a": "' + SECRET.encode()}
TAKEN = {
    # Nothing is to be injected into, and that is fine: `helm template` may print none.
    "inject --filename": {"empty"},
    "--certs-dir": {"folder"},
    # Without PATH it is docker's own.
    "--from-docker-config": {""},
    "--docker-config": {""},
}
#: Values that are none, for what is no file.
WORDS = {
    "--name": ["A b"],
    "--namespace": ["", "A b", "a,,b"],
    "--serviceaccount": ["", "A b", "a,,b"],
    "--secret": ["", "A b"],
    "--secret-name": ["A b"],
    "--lease-name": ["A b"],
    "--webhook-service": [""],
    "--webhook-name": [""],
    "--webhook-address": ["x"],
    "--metrics-address": ["x"],
    "--webhook-cert-dir": [],
    "--resync": ["x"],
    "--revoke-after": ["x"],
    "--context": ["nosuch"],
    "--plain-http": ["", "a,,b"],
    "--username": ["a:b"],
    "--password": [],
    "--docker-username": ["a:b"],
    "--docker-password": [],
    "--docker-server": ["a b"],
    "--registry": ["", "a b"],
    "--field-manager": [],
    "--set": ["", "x", "x=1", "project=", "days=x", "days=0"],
    "--platform": ["", "x="],
    "--path": ["", "x", "a=b"],
    "--image": [""],
    "--pullcredential": ["", "A b"],
    "--selector": [],
    "--namespace-selector": [],
    "--timeout": ["x", "-1"],
    "--concurrency": ["x", "0"],
}
#: Options that take any text.
ANY_TEXT = {"--docker-email"}
#: Read elsewhere: the webhook's files by `tests/unit/operator`, as it starts.
ELSEWHERE = {"--webhook-cert-dir"}


def options():
    for verb, command in COMMANDS.items():
        for each in command.params:
            if isinstance(each, Option) and not each.is_flag:
                yield verb, each, max(each.opts, key=len)


def takes_files(each, flag):
    named = each.completes in ("file", "dir", "secret-key") or "FILE" in (each.metavar or "")
    return named and flag not in ELSEWHERE


def cases():
    for verb, each, flag in options():
        if flag in ANY_TEXT:
            continue
        if takes_files(each, flag):
            key = "token=" if each.metavar == "KEY=FILE" else ""
            taken = TAKEN.get(flag, set()) | TAKEN.get(f"{verb} {flag}", set())
            for name in FILES.keys() - taken:
                yield verb, flag, key + ("{" + name + "}" if name else "")
            continue
        words = WORDS.get(flag, [])
        if isinstance(each.type, click.Choice):
            words = [*words, "nosuch"]
        for word in [*words, *([] if each.multiple or each.may_be_empty else [""])]:
            yield verb, flag, word


CASES = sorted({*cases()})


def test_no_option_is_forgotten():
    flags = {
        flag
        for _, each, flag in options()
        if not takes_files(each, flag) and not isinstance(each.type, click.Choice)
    }
    assert flags == WORDS.keys() | ANY_TEXT
    assert len(CASES) > 350


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("unusable")
    (made / "folder").mkdir()
    (made / "loop").symlink_to(made / "loop")  # which root cannot read either
    for name, content in FILES.items():
        if content is not None:
            (made / name).write_bytes(content)
    (made / "manifest").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{image: a.io/x}]}}"
    )
    with nobody() as host:
        cluster = {"name": "c", "cluster": {"server": f"http://{host}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "", "namespace": "team-a"}}
        config = {"clusters": [cluster], "contexts": [context], "current-context": "c"}
        (made / "kubeconfig").write_text(json.dumps(config))
        yield made


@pytest.fixture
def given(folder, monkeypatch, capfd):
    """Run a command line: its exit code, and what it says on standard error."""
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.delenv("REGCRED_DEBUG", raising=False)

    def act(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        places = {name: folder / name for name in (*FILES, "manifest") if name}
        code = run([each.format(**places) for each in arguments])
        out, said = capfd.readouterr()
        assert SECRET not in out + said
        assert "this is a bug" not in said
        return code, said

    return act


def leads_somewhere(said):
    """To what mends it, or in a manifest to the place."""
    return "hint: " in said or re.search(r":\d+:\d+: ", said)


@pytest.mark.parametrize("verb", sorted(GOOD.keys() - {"completion", "credential-provider"}))
def test_what_is_given_beside_would_do(verb, given):
    """Only the cluster is not there; a check knows no more than that."""
    code, said = given(verb, *GOOD[verb])
    assert code == 3
    assert "cannot reach the API server" in said


@pytest.mark.parametrize(("verb", "flag", "value"), CASES)
def test_it_is_refused(verb, flag, value, given):
    replaced = IN_PLACE_OF.get(flag, ())
    arguments = [each for each in GOOD[verb] if not each.startswith(replaced)]
    beside = BESIDE.get(flag, [])
    if flag == "--secret-file" and verb != "check":
        beside = ["--from=gitlab"]
    if verb == "credential-provider":
        arguments, beside = [] if flag == "--from" else ["--from=quay"], []
    if flag == "--namespace":
        arguments = [each for each in arguments if not each.startswith("--namespace")]
    code, said = given(verb, *arguments, *beside, f"{flag}={value}")
    assert code == 2, said
    assert leads_somewhere(said)


#: The same for arguments, and for what comes from standard input.
LINES = {
    "login of nowhere": (["login", "", *GOOD["login"][1:]], b""),
    "login to no host": (["login", "a b", *GOOD["login"][1:]], b""),
    "logout of nowhere": (["logout", ""], b""),
    "secret without a name": (["secret", ""], b""),
    "attach of nothing": (["attach", ""], b""),
    "detach of nothing": (["detach", "A b"], b""),
    "check of nothing": (["check", ""], b""),
    "why of nothing": (["why", ""], b""),
    "another shell": (["completion", "csh"], b""),
    "no password": (["login", "a.io", "--username=me", "--password-stdin"], b"\n"),
    "no manifest to check": (["check", "--filename=-"], FILES["json"]),
    "no manifest to inject": (["inject", "--secret=pull"], FILES["bytes"]),
    "no request": (["credential-provider", "--from=quay", "--set=robot=a+b"], FILES["json"]),
    "no CA": (["login", "a.io", "--username=me", "--password-stdin", "--ca-file={json}"], b"x"),
    "no CA, before anybody is asked": (["login", "a.io", "--ca-file={missing}"], b""),
}


@pytest.mark.parametrize(("arguments", "stdin"), LINES.values(), ids=LINES)
def test_a_line_is_refused(arguments, stdin, given):
    code, said = given(*arguments, stdin=stdin)
    assert code == 2, said
    assert leads_somewhere(said)
    assert "no terminal" not in said


@pytest.mark.parametrize("setting", ["robot", "url"])
def test_a_plugin_that_is_set_up_wrongly(setting, given):
    """kubelet's log has it as wrong usage, not as an answer of the provider."""
    request = {"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": "quay.io/a/b"}
    stdin = json.dumps(request | {"kind": "CredentialProviderRequest"}).encode()
    flags = {"robot": ["--set=url=https://quay.io"], "url": ["--set=robot=a+b", "--set=url=ftp:x"]}
    code, said = given("credential-provider", "--from=quay", *flags[setting], stdin=stdin)
    assert code == 2
    assert setting in said
    assert "hint: " in said
