import pytest

from regcred.core.credential import Password
from regcred.core.formats.gojsonread import read
from regcred.core.logins.helperlogin import is_not_found, login


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ('{"ServerURL":"s","Username":"u","Secret":"p"}', ("u", "p")),
        ('{"USERNAME":"u","secret":"é\\n"}', ("u", "é\n")),  # Go's names have no case
        ('{"Username":"a","Username":"u","Secret":"p"}', ("u", "p")),
        ('{"Username":5,"Secret":null}', ("", "")),
        ("{}", ("", "")),
    ],
)
def test_what_a_helper_prints(document, found):
    username, secret = login(read(document))
    assert (username, secret) == (found[0], Password(found[1]))


def test_what_it_says_where_there_is_no_login():
    assert is_not_found(b"credentials not found in native keychain\n")
    assert not is_not_found(b"no credentials server URL\n")
    assert not is_not_found(b"\xff")
