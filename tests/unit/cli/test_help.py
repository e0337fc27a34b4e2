"""All verbs agree: how ``--help`` is built, what a flag is, what exit codes mean."""

import itertools
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from regcred.cli import helptext
from regcred.cli.krm import krm
from regcred.cli.main import EXAMPLES, SECTIONS, VERBS, cli
from regcred.cli.postrenderer import post_renderer
from regcred.cli.verb import EXIT_CODES, GROUPS, Option
from tests.support.cli import run_regcred

CONTEXT = click.Context(cli, info_name="regcred")
COMMANDS = {verb: cli.get_command(CONTEXT, verb) for verb in VERBS}
PROGRAMS = {"regcred-krm": krm, "regcred-post-renderer": post_renderer}
EVERY = COMMANDS | PROGRAMS
CALLS = [(cli, []), *((cli, [verb]) for verb in VERBS), (krm, []), (post_renderer, [])]
OPTIONS = [
    (verb, option)
    for verb, command in EVERY.items()
    for option in command.params
    if isinstance(option, Option)
]

#: Flags that mean something else elsewhere, in what they may differ, and why.
DIFFERENT = {
    ("--output", "default"): "what there is to print differs",
    ("--output", "metavar"): "so do the forms: junit for check, name as kubectl's",
    ("--output", "show_default"): "secret prints a line where it is not given",
    ("--namespace", "multiple"): "secret makes one Secret",
    ("--namespace", "inject"): "manifests have namespaces; this is for those that have none",
    ("--namespace", "regcred-post-renderer"): "it is inject",
    ("--namespace", "operator"): "its own, not where it works",
    ("--serviceaccount", "check"): "an image is pulled by one Pod, which has one",
    ("--secret-file", "check"): "whole Secrets, where login takes a key of one",
    ("--filename", "show_default"): "inject reads standard input where none is named",
    ("--all", "logout"): "all registries, where attach and detach have all ServiceAccounts",
    ("--concurrency", "operator"): "namespaces, where others have probes",
    ("--timeout", "help"): "verbs wait for different things",
}


def help_of(command, arguments=(), width=80):
    done = CliRunner().invoke(command, [*arguments, "--help"], terminal_width=width)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize(("command", "arguments"), CALLS)
def test_help_is_no_wider_than_the_terminal(command, arguments, width):
    lines = help_of(command, arguments, width).splitlines()
    # A flag that has no place for a break is as long as it is.
    unbreakable = re.compile(r" +(-\S+, )?--\S+( / --\S+| \S+)?")
    assert [x for x in lines if len(x) > width and not unbreakable.fullmatch(x)] == []
    if width == 80:
        assert [x for x in lines if len(x) > width] == []


@pytest.mark.parametrize(("command", "arguments"), CALLS)
def test_short_and_long_flag_say_the_same(command, arguments):
    assert CliRunner().invoke(command, [*arguments, "-h"], terminal_width=80).output == help_of(
        command, arguments
    )


@pytest.mark.parametrize("name", [*EVERY])
def test_help_has_one_order(name):
    command = EVERY[name]
    lines = help_of(command).splitlines()
    titles = [line.removesuffix(":") for line in lines if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    groups = [title for title in titles[1:-1] if title != command.notes[0]]
    assert lines[0].startswith("Usage: ")
    assert lines[2] == "Examples:"
    assert (titles[0], titles[-1]) == ("Examples", "Exit codes")
    assert groups == [group for group in GROUPS if group in groups]
    assert groups[-1] == "Help"
    paragraph = " ".join(command.help.split())
    text = " ".join(" ".join(lines).split())
    assert text.index("Examples:") < text.index(paragraph) < text.index(f"{groups[0]}:")
    options = [each for each in command.params if isinstance(each, click.Option)]
    places = [GROUPS.index(getattr(option, "group", "Help")) for option in options]
    assert places == sorted(places), "pages made of the parameters have the same order"


def test_the_verbs_are_listed_once_each_and_grouped():
    assert list(itertools.chain(*SECTIONS.values())) == list(VERBS)
    lines = help_of(cli).splitlines()
    for title, verbs in SECTIONS.items():
        at = lines.index(f"{title}:")
        assert [line.split()[0] for line in lines[at + 1 : at + 1 + len(verbs)]] == list(verbs)
    for verb, (_, line) in VERBS.items():
        assert COMMANDS[verb].help.split("\n")[0].strip(), f"{verb}: {line}"


def definition(option):
    return {
        "help": option.help,
        "group": option.group,
        "metavar": option.make_metavar(CONTEXT),
        "default": option.default,
        "show_default": option.show_default,
        "envvar": option.envvar,
        "is_flag": option.is_flag,
        "multiple": option.multiple,
        "flags": (option.opts, option.secondary_opts),
        "completes": option.completes,
    }


def long_flag(option):
    return next(flag for flag in option.opts if flag.startswith("--"))


def test_the_same_flag_is_the_same_everywhere():
    found: dict[str, dict[str, object]] = {}
    used = set()
    for verb, option in OPTIONS:
        flag = long_flag(option)
        if (flag, verb) in DIFFERENT:
            used.add((flag, verb))
            continue
        said = definition(option)
        first = found.setdefault(flag, said)
        differ = {key for key in said if said[key] != first[key]}
        used |= {(flag, key) for key in differ}
        assert {(flag, key) for key in differ} <= DIFFERENT.keys(), f"{verb} {flag}: {said}"
    assert used == DIFFERENT.keys(), "an exception that nothing needs"


def test_flags_stand_in_the_same_order_everywhere():
    orders = [[long_flag(o) for v, o in OPTIONS if v == verb] for verb in EVERY]
    for one, other in itertools.combinations(orders, 2):
        shared = [flag for flag in one if flag in other and flag != "--all"]  # two things
        assert shared == [flag for flag in other if flag in shared]


def test_every_flag_has_help_and_a_variable():
    for verb, option in OPTIONS:
        flag = long_flag(option)
        assert option.help, f"{verb} {flag}"
        assert option.help.endswith("."), f"{verb} {flag}: {option.help}"
        if (verb, flag) == ("operator", "--uninstall"):
            assert option.envvar is None
        else:
            assert option.envvar == "REGCRED_" + flag[2:].upper().replace("-", "_"), (
                f"{verb} {flag}"
            )


def test_a_default_that_matters_is_said():
    """A value that is taken where none is given; not a flag's False, not nothing."""
    for verb, option in OPTIONS:
        if not option.is_flag and option.default not in (None, "", ()) and not option.multiple:
            value = str(option.default)
            if value.startswith("Sentinel"):  # click's word for: none
                continue
            assert option.show_default, f"{verb} {long_flag(option)}: {value}"


# -- examples --------------------------------------------------------------------------------


def commands_in(example):
    """The commands of ours in a line: pipes, redirections and variables taken off."""
    for part in example.split(" | "):
        words = shlex.split(re.split(r" [<>] ", part)[0])
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words and words[0].startswith("regcred"):
            yield words


EXAMPLE_LINES = [
    (name, example.command) for name, command in EVERY.items() for example in command.examples
] + [("regcred", example.command) for example in EXAMPLES]


@pytest.mark.parametrize(("name", "line"), EXAMPLE_LINES)
def test_examples_parse(name, line, monkeypatch):
    for words in commands_in(line):
        program, *arguments = words
        command = PROGRAMS.get(program)
        if command is None:
            assert program == "regcred"
            verb, *arguments = arguments
            command = COMMANDS[verb]
        command.make_context(program, arguments)  # raises where it cannot be meant


@pytest.mark.parametrize("name", [*EVERY])
def test_help_begins_with_an_example_of_the_verb(name):
    command = EVERY[name]
    assert command.examples
    assert any(name in f"{each.command} {each.says}" for each in command.examples)
    with pytest.raises(click.UsageError):  # and a wrong one is seen
        command.make_context(name, ["--no-such-flag"])


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("line", sorted({line for _, line in EXAMPLE_LINES}))
def test_a_broken_example_is_the_same_command(line, width):
    lines = helptext.broken(line, width - 4)
    assert re.sub(r" \\\n +", " ", "\n".join(lines)) == line
    assert all(len(each) <= width - 4 for each in lines)


@pytest.fixture
def workplace(tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "k8s" / "deep").mkdir(parents=True)
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
        "spec:\n  containers:\n  - {name: web, image: ghcr.io/me/web}\n"
    )
    for path in ("deploy/a.yaml", "k8s/deep/b.yaml", "rendered.yaml"):
        (tmp_path / path).write_text(pod)
    (tmp_path / "resources.yaml").write_text(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n"
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: web}\n"
        "  spec: {containers: [{name: web, image: ghcr.io/me/web}]}\n"
    )
    key = '{"type": "service_account", "private_key": "hush", "client_email": "me@example.com"}'
    (tmp_path / "key.json").write_text(key)
    return tmp_path


#: Those that need no cluster → what they read.
RUN_HERE = {
    "regcred inject --secret regcred -f deploy/ | kubectl apply -f -": "",
    "regcred inject --secret regcred -f 'k8s/**/*.yaml' --in-place": "",
    "helm template web ./chart | regcred inject --secret regcred": "rendered.yaml",
    "helm template web ./chart | regcred-post-renderer --secret regcred": "rendered.yaml",
    "REGCRED_SECRET=regcred regcred-krm < resources.yaml": "resources.yaml",
    "regcred secret pull --docker-server=asia.gcr.io --gcp-key key.json --dry-run=client "
    "-o yaml": "",
}


@pytest.mark.parametrize(("line", "read"), RUN_HERE.items())
def test_examples_that_need_no_cluster_run(line, read, workplace):
    assert line in {line for _, line in EXAMPLE_LINES}, "no example any more"
    (words,) = commands_in(line)
    module = {"regcred": "regcred", "regcred-krm": "regcred.cli.krm"}.get(
        words[0], "regcred.cli.postrenderer"
    )
    content = (workplace / read).read_bytes() if read else b""
    env = {"REGCRED_SECRET": "regcred"} if line.startswith("REGCRED_SECRET=regcred ") else {}
    done = run_regcred(*words[1:], cwd=workplace, stdin=content, env=env, module=module)
    said = done.stdout
    if "--in-place" in words:
        said = (workplace / "k8s/deep/b.yaml").read_bytes()
    assert b"kind: Secret" in said or b"imagePullSecrets" in said
    assert b"error" not in done.stderr


# -- exit codes ------------------------------------------------------------------------------

#: What a verb needs so that it reaches for the cluster.
ENOUGH = {
    "login": ("ghcr.io", "-u", "me", "-p", "hush", "--skip-verify"),
    "logout": ("ghcr.io",),
    "check": (),
    "why": (),
    "status": (),
    "secret": ("pull", "--docker-username=me", "--docker-password=hush"),
    "attach": ("pull",),
    "detach": ("pull",),
    "inject": ("--secret", "pull", "--live", "-f", "rendered.yaml"),
}


def test_every_verb_says_its_exit_codes():
    for name, command in EVERY.items():
        without_cluster = name in ("regcred-krm", "completion")
        expected = {0, 1, 2} if without_cluster else set(EXIT_CODES)
        assert set(command.exit_codes) == expected
        text = help_of(command)
        for code in expected:
            assert re.search(rf"^  {code}  \S", text, re.MULTILINE), f"{name} {code}"


def test_exit_codes_are_those_of_the_reference():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()
    table = page[page.index("## Exit codes") :]
    codes = dict(re.findall(r"^\| (\d+) \| (.*) \|$", table.partition("\n## ")[0], re.MULTILINE))
    assert set(codes) >= {str(code) for code in EXIT_CODES}
    for code, said in EXIT_CODES.items():
        assert codes[str(code)].startswith(said.partition(",")[0]), f"{code}: {codes[str(code)]}"


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_usage_is_two_in_all_verbs(verb):
    done = run_regcred(verb, "--no-such-flag", check=2)
    assert done.stdout == b""
    assert done.stderr.startswith(b"error: ")
    assert f"hint: regcred {verb} ".encode() in done.stderr


@pytest.mark.parametrize("verb", ENOUGH)
def test_a_cluster_that_is_not_there_is_three_in_all_verbs(verb, workplace):
    kubeconfig = workplace / "kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: c, user: {}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: c, namespace: team-a}}]\n"
    )
    more = ("-n", "team-a") if verb == "check" else ()
    args = (verb, *ENOUGH[verb], *more, "--kubeconfig", str(kubeconfig))
    done = run_regcred(*args, cwd=workplace, check=3)
    assert b"error: " in done.stderr


def test_every_verb_that_asks_a_cluster_once_is_tried():
    assert set(ENOUGH) == set(VERBS) - {"operator", "credential-provider", "completion"}


# -- what may have been meant ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (("lgin",), "there is no verb 'lgin'", "did you mean regcred login?"),
        (("xyzzy",), "there is no verb 'xyzzy'", "regcred --help"),
        (
            ("login", "--namespce", "x"),
            "login has no flag --namespce",
            "did you mean --namespace? regcred login --help has them all",
        ),
        (("why", "--xyzzy"), "why has no flag --xyzzy", "regcred why --help"),
        (
            ("--verson",),
            "regcred has no flag --verson",
            "did you mean --version? regcred --help has them all",
        ),
    ],
)
def test_the_nearest_is_named(args, message, hint):
    done = run_regcred(*args, check=2)
    assert done.stderr.decode() == f"error: {message}\nhint: {hint}\n"


def test_a_flag_without_its_value_is_told_with_what_it_takes():
    told = run_regcred("login", "x", "--dry-run", check=2).stderr.decode()
    assert told == (
        "error: option '--dry-run' requires an argument: one of none, client, server\n"
        "hint: regcred login --help\n"
    )


def test_without_a_verb_it_is_the_help():
    done = run_regcred(check=2)
    assert done.stdout == b""
    assert done.stderr.decode().splitlines() == run_regcred("--help").stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("variable", "verb"),
    [("REGCRED_TIMEOUT", "login"), ("REGCRED_DRY_RUN", "why"), ("REGCRED_CONCURRENCY", "check")],
)
def test_a_value_that_cannot_be_used_is_said_to_come_from_its_variable(variable, verb):
    done = CliRunner().invoke(COMMANDS[verb], ["x"], env={variable: "abc"})
    assert f"Invalid value for {variable}: 'abc'" in done.output
    flag = f"--{variable.removeprefix('REGCRED_').lower().replace('_', '-')}"
    done = CliRunner().invoke(COMMANDS[verb], ["x", f"{flag}=abc"], env={variable: "abc"})
    assert f"Invalid value for '{flag}'" in done.output
