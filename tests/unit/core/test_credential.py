import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password

SECRET = "hunter2"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{!r:>20}".format,
        "%s".__mod__,
        "%r".__mod__,
        lambda p: f"{p:>20}",
        lambda p: repr([p, {"a": p}]),
        lambda p: repr(Credential("r", "u", p)),
        lambda p: str(vars(type(p))),
    ],
)
def test_password_hides_itself(show):
    assert SECRET not in show(Password(SECRET))


def test_password_is_not_in_tracebacks():
    try:
        password = Password(SECRET)
        raise ValueError(password)
    except ValueError as error:
        lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert "********" in "".join(lines)
    # The line of source that made it is there, its value is not.
    assert SECRET not in "".join(lines)


@pytest.mark.parametrize("keep", [pickle.dumps, copy.copy, copy.deepcopy])
def test_password_is_not_stored_or_copied(keep):
    with pytest.raises(TypeError, match="not to be pickled"):
        keep(Password(SECRET))


@given(st.text(), st.text())
def test_passwords_are_equal_as_their_texts(one, other):
    assert (Password(one) == Password(other)) is (one == other)
    assert bool(Password(one)) is bool(one)
    assert Password(one).reveal() == one
    assert hash(Password(one)) == hash(Password(one))


def test_password_is_no_string():
    assert Password(SECRET) != SECRET
    assert Password("\udcff") == Password("\udcff")
    assert hash(Password(SECRET)) != hash(SECRET)
