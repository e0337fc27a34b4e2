from regcred.core.answer import Answer
from regcred.core.problem import Reason


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
