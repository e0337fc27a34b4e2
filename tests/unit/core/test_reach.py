"""Commands in hints carry the cluster that a run was given, and no others do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.cli.main import VERBS, cli
from regcred.core import commandline
from regcred.core.commandline import KUBECTL
from regcred.core.pods import mend
from regcred.core.pods.stuck import StuckPod
from regcred.core.reach import OURS, Reach
from tests.support.raising import commands, hints, texts

PROD = Reach(context="prod")
FILE = Reach(kubeconfig="kube/a b")
BOTH = Reach("~/config", "admin@prod")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kubectl get namespaces", "kubectl --context prod get namespaces"),
        (
            "regcred login ghcr.io -n team --restart",
            "regcred login --context prod ghcr.io -n team --restart",
        ),
        (
            "kubectl rollout resume deploy/a -n b && kubectl rollout restart deploy/a -n b",
            "kubectl --context prod rollout resume deploy/a -n b && "
            "kubectl --context prod rollout restart deploy/a -n b",
        ),
        (
            "make it: kubectl create role x; see it (kubectl get roles), or not",
            "make it: kubectl --context prod create role x; "
            "see it (kubectl --context prod get roles), or not",
        ),
        (  # The flags are those of who may not.
            "check with: kubectl auth can-i get pods; whoever may grant it: kubectl create role x",
            "check with: kubectl --context prod auth can-i get pods; "
            "whoever may grant it: kubectl create role x",
        ),
        ("regcred why says how it is now", "regcred why --context prod says how it is now"),
        ("regcred login, or a PullCredential", "regcred login --context prod, or a PullCredential"),
        ("regcred inject --secret a --live -f b", None),
        ("regcred check IMAGE", "regcred check --context prod IMAGE"),
    ],
)
def test_a_command_that_asks_a_cluster_names_it(text, said):
    assert Reach().in_text(text) == text
    if said is None:
        verb = " ".join(text.split()[:2])
        said = text.replace(verb, f"{verb} --context prod")
    assert PROD.in_text(text) == said
    assert PROD.in_text(said) == said, "said twice it is the same"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("regcred login a.b -n c", "regcred login --ca-file 'my ca.pem' a.b -n c"),
        ("regcred why -n c", "regcred why --ca-file 'my ca.pem' -n c"),
        ("regcred check a.b/c", "regcred check --ca-file 'my ca.pem' a.b/c"),
        ("regcred login a.b --skip-verify", "regcred login a.b --skip-verify"),
        ("regcred login a.b --ca-file x", "regcred login a.b --ca-file x"),
        ("regcred status -n c", "regcred status -n c"),
        ("kubectl get pods", "kubectl get pods"),
    ],
)
def test_a_command_that_asks_a_registry_trusts_whom_this_one_does(text, said):
    reach = Reach(ca_file="my ca.pem")
    assert reach.in_text(text) == said
    assert reach.in_text(said) == said


def test_of_both_the_cluster_comes_first():
    both = Reach(context="prod", ca_file="ca.pem").in_text("regcred login a.b")
    assert both == "regcred login --context prod --ca-file ca.pem a.b"


@pytest.mark.parametrize(
    "text",
    [
        "docker login ghcr.io",
        "helm template … | regcred inject …",
        "regcred secret a --docker-server=b --dry-run=client -o yaml prints one, and more",
        "regcred inject --in-place -f a",
        "regcred check --offline IMAGE --docker-config FILE, or --secret-file FILE",
        "regcred check --no-cluster -f FILE",
        "regcred why --help",
        "kubectl patch --local -f - -o yaml -p '{}'",
        "regcred credential-provider --from ecr",
        "source <(regcred completion bash)",
        "run regcred on a terminal; kubectl would take it, and kubectl's words are these",
        "REGCRED_SECRET=regcred why not; a/kubectl get x; my-kubectl get x",
        "gzip -dc 'kubectl get a.gz' | docker load",
        "kubectl get a --context other",
        "regcred login a --kubeconfig=b",
        "--context and --kubeconfig name a cluster",
    ],
)
def test_nothing_else_is_touched(text):
    assert PROD.in_text(text) == text


def test_what_is_about_the_file_gets_the_file():
    assert PROD.in_text("kubectl config view") == "kubectl config view"
    assert FILE.in_text("kubectl config view") == "kubectl --kubeconfig 'kube/a b' config view"


def test_both_are_said_so_that_a_shell_takes_them():
    assert BOTH.in_text("regcred why -n a") == (
        "regcred why --kubeconfig '~/config' --context admin@prod -n a"
    )
    assert Reach(context="a; rm -rf").in_text("kubectl get a") == (
        "kubectl --context 'a; rm -rf' get a"
    )


def test_every_command_of_a_mend():
    pod = StuckPod("team", "a", "uid", ("b",), "default", (), None)
    flags = "--context prod"
    assert PROD.in_text(mend.recreate(pod, "pull").command) == (
        f"kubectl {flags} get pod a -n team -o yaml | kubectl patch --local -f - -o yaml "
        '-p \'{"spec":{"imagePullSecrets":[{"name":"pull"}]}}\' | '
        f"kubectl {flags} replace --force -f -"
    )
    assert PROD.in_text(mend.copy("pull", "there", "here").command) == (
        f"kubectl {flags} get secret pull -n there -o jsonpath='{{.data.\\.dockerconfigjson}}' | "
        f"base64 -d | regcred secret {flags} pull -n here "
        "--from-file=.dockerconfigjson=/dev/stdin"
    )


@given(st.text("abc 'k=;|&-"), st.text("abc 'k=;|&-"))
def test_what_stands_around_a_command_stays(before, after):
    said = PROD.in_text(f"{before} kubectl get {after}")
    assert said.replace("--context prod ", "") == f"{before} kubectl get {after}"


def test_our_verbs_are_those_that_take_a_cluster():
    takes = {
        verb
        for verb in VERBS
        if {"context", "kubeconfig"} <= {param.name for param in cli.get_command(None, verb).params}
    }
    assert set(OURS) == takes


HINTS = sorted({text for _, node in hints() for text in texts(node)})
#: Words of a sentence that `raising.commands` takes for a kind or a name.
SENTENCE = ("lists", "names", "shows", "tries", "the")


@pytest.mark.parametrize("text", HINTS)
def test_commands_of_a_hint_are_those_that_it_names(text):
    """So each is one that click or kubectl takes: `test_every_error` and `test_hints_kubectl`."""
    named = []
    for program, words in commands(text):
        while program == "kubectl" and words[-1] in SENTENCE:
            words.pop()
        if program == "kubectl" or words[0] in VERBS:
            named.append((program, *words))
    found = [(each.program, each.verb, *each.words) for each in commandline.commands(text)]
    assert found == named


def test_a_command_is_missed_neither_behind_quotes_nor_in_them():
    text = 'regcred secret a --docker-email "a, b" --dry-run=client'
    assert PROD.in_text(text) == text
    text = "kubectl annotate ns a 'b=c; d' && kubectl get ns"
    assert PROD.in_text(text) == (
        "kubectl --context prod annotate ns a 'b=c; d' && kubectl --context prod get ns"
    )


NAMED = sorted(
    {
        (program, words[0])
        for _, node in hints()
        for text in texts(node)
        for program, words in commands(text)
        if words and words[0] in (VERBS if program == "regcred" else words)
    }
)


@pytest.mark.parametrize(("program", "verb"), NAMED, ids=" ".join)
def test_every_verb_that_a_hint_names_is_known(program, verb):
    """One that is new is put among those that ask a cluster, or here."""
    if program == "regcred":
        assert verb in OURS or verb in ("completion", "credential-provider")
    else:
        assert verb in KUBECTL or verb in ("config",)
