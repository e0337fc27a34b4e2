import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidInput
from regcred.core.logins import gcpkey

KEY = {
    "type": "service_account",
    "project_id": "p",
    "private_key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
    "client_email": "puller@p.iam.gserviceaccount.com",
}


def test_the_file_is_the_password_as_the_shell_would_give_it():
    content = json.dumps(KEY, indent=2) + "\n\n"
    first, second = gcpkey.credentials(content.encode(), ["asia.gcr.io", "eu.gcr.io"], source="k")
    assert (first.registry, second.registry) == ("asia.gcr.io", "eu.gcr.io")
    assert first.username == "_json_key"
    assert first.password.reveal() == content.rstrip("\n")
    assert first.email == KEY["client_email"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(KEY)[:-5], "not complete JSON"),
        ("", "not complete JSON"),
        ("[" * 100_000, "not complete JSON"),
        ("[]", "some other JSON"),
        ('{"type": "authorized_user", "refresh_token": "hush"}', "a person's login"),
        ('{"type": "external_account"}', "workload identity"),
        ('{"type": []}', "some other JSON"),
        (json.dumps(KEY | {"private_key": ""}), "no private_key"),
        (json.dumps(KEY | {"client_email": 1}), "no client_email"),
    ],
)
def test_what_is_no_key_is_refused_by_name(content, said):
    with pytest.raises(InvalidInput, match=said) as caught:
        gcpkey.credentials(content.encode(), ["asia.gcr.io"], source="key.json")
    assert "key.json" in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.hint


@given(st.binary())
def test_never_crashes(content):
    with pytest.raises(InvalidInput):
        gcpkey.credentials(content, ["asia.gcr.io"], source="key.json")
