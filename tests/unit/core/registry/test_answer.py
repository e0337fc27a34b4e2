import inspect
import re

from regcred.core.problem import Reason
from regcred.core.registry import pullflow
from regcred.core.registry.answer import REASONS, Answer


def test_secrets_are_taken_out_wherever_they_stand():
    answer = Answer(
        Reason.OK, "a Hunter2 b", "hunter2x", "sha256:hunter2", "x/hunter2", ("linux/hunter2",)
    )
    clean = answer.without(["hunter2", "hunter2x", "b"])
    assert clean.message == "a ******** b"
    assert clean.hint == "********"
    assert clean.media_type == "x/********"
    assert clean.platforms == ("linux/********",)


def test_nothing_to_hide_changes_nothing():
    answer = Answer(Reason.OK, "all is well")
    assert answer.without(["hunter2", "all"]) is answer


def test_the_reasons_are_those_that_a_pull_gives():
    given = re.findall(r"\bReason\.([A-Z_]+)", inspect.getsource(pullflow))
    assert {Reason[name] for name in given} == REASONS
