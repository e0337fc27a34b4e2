"""Settings that cannot be meant, in words that lead to what can."""

import pytest

from regcred.core.errors import MintFailed
from regcred.minters import settings
from tests.support.providers.desk import failure


@pytest.mark.parametrize(
    "url",
    ["gitlab.example.com", "https://me@gitlab.example.com", "https://", "https://a b", "ftp://a"],
)
def test_what_a_url_has_to_be(url):
    with pytest.raises(MintFailed) as raised:
        settings.base_url({"url": url}, "url", "https://gitlab.com")
    assert raised.value.message == (
        "url has to be an https URL, as in https://registry.example.com, and without a login"
    )


async def test_a_key_that_the_secret_has_not(desk):
    at = await desk("a.example.com", secrets={"gl": {"tokn": "t"}})
    error = await failure(
        settings.secret_text({"secretRef": {"name": "gl"}}, at, "token"), hides=[]
    )
    assert error.message == "Secret gl has no key token; it has tokn"
    assert error.hint == "rename the key, or set secretRef.key to the one to use"


async def test_a_secret_that_nobody_names(desk):
    error = await failure(settings.secret_text({}, await desk("a.example.com"), "token"), hides=[])
    assert error.message == "secretRef is required"
    assert error.hint == "it names a Secret in the operator's namespace"
