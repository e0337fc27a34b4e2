"""Where commands begin and end in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.cli.main import VERBS
from regcred.core import commandline
from regcred.core.commandline import commands, is_one, lines


def test_our_verbs_are_those_that_there_are():
    assert VERBS.keys() == commandline.OURS


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("regcred login is in the way", ["regcred login"]),
        (
            "regcred login a.example -n b, or (kubectl get a)",
            ["regcred login a.example -n b", "kubectl get a"],
        ),
        ("one: kubectl get a; two", ["kubectl get a"]),
        ("kubectl get a ; two", ["kubectl get a"]),
        ("kubectl get pods that wait", ["kubectl get pods"]),
        (
            "kubectl get a | base64 -d | regcred secret b -n c and",
            ["kubectl get a | base64 -d | regcred secret b -n c"],
        ),
        (
            "kubectl set image a b=c && kubectl rollout status a shows it",
            ["kubectl set image a b=c && kubectl rollout status a"],
        ),
        ("kubectl regcred login x writes it", ["kubectl regcred login x"]),
        ("kubectl --context a get b or not", ["kubectl --context a get b"]),
        (
            """kubectl patch a -p '{"b": "c, d; or e"}' or""",
            ["""kubectl patch a -p '{"b": "c, d; or e"}'"""],
        ),
        (
            """kubectl patch a -p '{"b": ["it'"'"'s, e"]}', or""",
            ["""kubectl patch a -p '{"b": ["it'"'"'s, e"]}'"""],
        ),
        ("""kubectl label a "b, \\" c" so that""", ["""kubectl label a "b, \\" c\""""]),
        ("regcred login whoever's, or kubectl's", ["regcred login whoever's"]),
        ("regcred login 'that is not closed, or", ["regcred login 'that is not closed, or"]),
        ("docker login a.example writes it", ["docker login a.example"]),
        ("helm template … | regcred inject …", ["helm template … | regcred inject …"]),
        ("find . -exec 'kubectl get a' or", []),
        ("regcred works, and kubectl too; a/kubectl get a", []),
    ],
)
def test_lines(text, typed):
    assert [text[begin:end] for begin, end in lines(text)] == typed


def test_commands_of_a_line():
    text = "so: kubectl get a -o 'b c' | base64 -d | regcred secret d --dry-run=client, or"
    assert [(each.program, each.verb, each.words) for each in commands(text)] == [
        ("kubectl", "get", ("a", "-o", "'b c'")),
        ("regcred", "secret", ("d", "--dry-run=client")),
    ]
    assert [text[each.at :][:6] for each in commands(text)] == ["get a ", "secret"]


def test_a_hint_that_is_nothing_else():
    assert is_one("kubectl describe pod a -n b")
    assert not is_one("kubectl describe pod a -n b shows it")
    assert not is_one("see kubectl describe pod a")
    assert not is_one("")


WORDS = st.sampled_from(
    ["kubectl", "regcred", "get", "login", "a", "'", '"', "\\", "|", "&&", ";", ",", ")", "is", " "]
)


@given(st.lists(WORDS).map("".join) | st.lists(WORDS).map(" ".join))
def test_lines_follow_each_other_and_hold_their_commands(text):
    at = 0
    for begin, end in lines(text):
        assert at <= begin < end <= len(text)
        at = end
    for each in commands(text):
        assert any(begin < each.at < end for begin, end in lines(text))
        assert text.startswith(each.verb, each.at)
