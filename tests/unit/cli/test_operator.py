"""Flags of ``regcred operator``: what each sets, its variable, and what is refused."""

import json
import socket
from collections import Counter

import pytest
import yaml
from click.testing import CliRunner

from regcred.cli.main import run
from regcred.cli.operator import operator
from regcred.core.operator.pcstatus import Failure
from regcred.kube import config as configs
from regcred.operator import loop
from regcred.operator import uninstall as uninstalling
from regcred.operator.loop import Settings
from regcred.operator.uninstall import Undone

#: Flag → (a value, the setting, what it becomes).
FLAGS = {
    "--namespace": ("ops", "namespace", "ops"),
    "--secret-name": ("pull", "secret", "pull"),
    "--lease-name": ("leader", "lease", "leader"),
    "--metrics-address": (":9090", "metrics_address", ":9090"),
    "--concurrency": ("7", "concurrency", 7),
    "--resync": ("1h30m", "resync", 5400.0),
    "--revoke-after": ("90s", "revoke_after", 90.0),
}
DEFAULTS = Settings("regcred-system", "regcred", "regcred-operator", "127.0.0.1:8080", 64, 3600.0)


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "config"
    contexts = [
        {"name": name, "context": {"cluster": name, "user": "", "namespace": "team-a"}}
        for name in ("one", "two")
    ]
    clusters = [
        {"name": name, "cluster": {"server": f"https://{name}.invalid"}} for name in ("one", "two")
    ]
    content = {"contexts": contexts, "clusters": clusters, "current-context": "one"}
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def given(kubeconfig, monkeypatch):
    """What an operator would be started with."""
    ran = []
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "POD_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(loop, "run", lambda *args, arrange: ran.append((*args, arrange)))
    monkeypatch.setattr("regcred.operator.oplog.setup", lambda *args: ran.append(args))

    def start(*arguments, env=None):
        ran.clear()
        env = {"KUBECONFIG": str(kubeconfig)} | (env or {})
        done = CliRunner().invoke(operator, arguments, env=env, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        (form, level), (config, settings, _) = ran
        return config, settings, form, level

    return start


def test_defaults(given):
    config, settings, form, level = given()
    assert settings == DEFAULTS
    assert (form, level) == ("json", "info")  # this is no terminal
    assert config.context == "one"


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_and_its_variable(flag, given):
    value, setting, is_ = FLAGS[flag]
    by_flag = given(f"{flag}={value}")[1]
    variable = "REGCRED_" + flag.strip("-").replace("-", "_").upper()
    assert by_flag == given(env={variable: value})[1]
    assert getattr(by_flag, setting) == is_ != getattr(DEFAULTS, setting)


def test_flags_win_over_variables(given):
    assert given("--namespace=a", env={"REGCRED_NAMESPACE": "b"})[1].namespace == "a"


@pytest.mark.parametrize(
    ("arguments", "env", "lease"),
    [
        (["--leader-elect"], {}, "regcred-operator"),
        (["--no-leader-elect"], {}, ""),
        ([], {"REGCRED_LEADER_ELECT": "false"}, ""),
        (["--leader-elect"], {"REGCRED_LEADER_ELECT": "0"}, "regcred-operator"),
    ],
)
def test_leader_election(arguments, env, lease, given):
    assert given(*arguments, env=env)[1].lease == lease


def test_logs(given):
    assert given("--log-format=console", "--log-level=debug")[2:] == ("console", "debug")
    env = {"REGCRED_LOG_FORMAT": "console", "REGCRED_LOG_LEVEL": "error"}
    assert given(env=env)[2:] == ("console", "error")


def test_no_status_pages(given):
    assert given("--metrics-address=")[1].metrics_address == ""


def test_which_cluster(given, kubeconfig):
    assert given("--context=two")[0].server == "https://two.invalid"
    assert given(env={"REGCRED_CONTEXT": "two"})[0].server == "https://two.invalid"
    there = given("--kubeconfig", str(kubeconfig), env={"KUBECONFIG": "/nowhere"})[0]
    assert there.context == "one"


def test_in_a_cluster_the_namespace_is_the_pods(given, monkeypatch):
    config = configs.ClusterConfig("https://10.0.0.1", "ops", in_cluster=True)
    monkeypatch.setattr(configs, "load", lambda **_: config)
    assert given()[1].namespace == "ops"
    assert given("-n", "other")[1].namespace == "other"


REFUSED = {
    "--namespace=Team_A": "Team_A",
    "--secret-name=no/name": "no/name",
    "--secret-name=": "--secret-name is empty",
    "--lease-name=-x": "-x",
    "--lease-name=": "--lease-name is empty",
    "--concurrency=0": "--concurrency",
    "--concurrency=many": "--concurrency",
    "--resync=often": "--resync",
    "--revoke-after=soon": "--revoke-after",
    "--resync=0s": "--resync",
    "--resync=-1h": "--resync",
    "--metrics-address=8080": "8080",
    "--metrics-address=localhost:http": "--metrics-address: 'localhost:http'",
    "--webhook-address=x": "--webhook-address: 'x'",
    "--webhook-address=": "--webhook-address is empty",
    "--webhook-address=localhost:70000": "--webhook-address: 'localhost:70000'",
    "--log-format=xml": "--log-format",
    "--log-level=loud": "--log-level",
    "--log-levle=info": "--log-levle",
    "team-a": "team-a",
    "--context=three": "three",
    "--kubeconfig=/nowhere": "/nowhere",
}


@pytest.fixture
def refused(kubeconfig, monkeypatch, capsys):
    """Exit code and stderr of a command line that begins no work."""

    def act(*arguments):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setattr("regcred.operator.oplog.setup", lambda *_: None)
        code = run(["operator", *arguments])
        said, besides = capsys.readouterr()
        assert said == ""
        return code, besides

    return act


@pytest.mark.parametrize("argument", REFUSED)
def test_what_is_refused(argument, refused):
    """Before anything is asked of the cluster, which is not there."""
    code, said = refused(argument, *(["--webhook"] if "webhook" in argument else []))
    assert code == 2
    assert REFUSED[argument] in said
    assert "hint: " in said or "starting and ending with a letter or digit" in said


def test_a_port_that_is_taken(kubeconfig, monkeypatch, capfd):
    """By then it speaks through its log."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = run(["operator", "--log-format=json", f"--metrics-address=127.0.0.1:{port}"])
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert code == 1
    assert (said["level"], said["reason"]) == ("error", "CannotStart")
    assert f"127.0.0.1:{port}" in said["message"]
    assert "--metrics-address" in said["message"]


@pytest.fixture
def undone(kubeconfig, monkeypatch, capsys):
    """Exit code, stdout and stderr of an uninstallation that comes to this."""

    def act(result, leader=""):
        async def uninstall(config, settings, *, waits_for):
            assert config.context == "one"
            assert settings == DEFAULTS
            waits_for(leader)
            return result

        monkeypatch.setattr(uninstalling, "uninstall", uninstall)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        code = run(["operator", "--uninstall"])
        return code, *capsys.readouterr()

    return act


def test_uninstall_says_what_it_did(undone):
    actions = Counter({"SecretDeleted": 1200, "Detached": 1})
    result = Undone(3, actions, released=["main"])
    code, said, besides = undone(result)
    assert code == 0
    assert said.splitlines() == [
        "took the Secret regcred out of 1,200 namespaces, and its name off 1 ServiceAccount",
        "pullcredential/main stays, and nothing acts on it",
    ]
    assert besides == ""


def test_uninstall_with_nothing_to_do(undone):
    code, said, _ = undone(Undone())
    assert code == 0
    assert said == "there is nothing of the operator's to take away\n"


def test_uninstall_waits_for_the_one_that_leads(undone):
    _, said, besides = undone(Undone(), leader="pod-1_abc")
    assert "pod-1_abc" in besides
    assert "hint: kubectl scale deployment" in besides
    assert "pod-1_abc" not in said


def test_uninstall_that_fails_somewhere(undone):
    failures = [Failure("team-a", "Forbidden", "why")]
    result = Undone(1, Counter({"Detached": 1}), failures=failures)
    code, said, besides = undone(result)
    assert code == 1
    assert "1 ServiceAccount" in said
    assert besides == "error: team-a: why\n"


def test_uninstall_that_could_do_nothing_does_not_say_that_nothing_was_to_be_done(undone):
    code, said, besides = undone(Undone(failures=[Failure("team-a", "GivenAgain", "why")]))
    assert (code, said) == (1, "")
    assert besides == "error: team-a: why\n"


def test_uninstall_under_another_name(undone):
    code, said, besides = undone(Undone(others=["pull"]))
    assert code == 1
    assert said == ""
    assert besides == (
        "error: an operator with another --secret-name gave ServiceAccounts pull\n"
        "hint: regcred operator --uninstall --secret-name pull -n regcred-system\n"
    )


def test_help_names_every_variable_by_its_flag():
    """``regcred --help`` says how a variable is called; nothing here has another name."""
    for parameter in operator.params:
        long = next(opt for opt in parameter.opts if opt.startswith("--"))
        if long == "--uninstall":
            assert parameter.envvar is None, "it is no setting"
            continue
        assert parameter.envvar == "REGCRED_" + long[2:].replace("-", "_").upper()
