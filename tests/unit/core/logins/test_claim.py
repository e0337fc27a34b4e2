import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.logins import claim
from regcred.core.logins.registrykey import never_matches
from tests.support.pullcredentials import REFUSED_REGISTRIES, TAKEN_REGISTRIES

texts = st.lists(
    st.sampled_from(
        ["ghcr.io", "docker.io", "*", ".", "/", "a", "A", ":", "5", "@", "?", "-", "%41"]
    ),
    max_size=5,
).map("".join)


@pytest.mark.parametrize("text", TAKEN_REGISTRIES)
def test_what_some_image_matches_can_be_claimed(text):
    assert claim.refusal(text) == ""
    assert claim.identity(text)


@pytest.mark.parametrize(("text", "why"), REFUSED_REGISTRIES)
def test_what_cannot_be_claimed(text, why):
    assert claim.refusal(text) == why


@given(texts)
def test_nothing_is_claimed_that_could_not_match(text):
    assert claim.refusal(text) or not never_matches(text)


@given(texts)
def test_an_identity_can_be_listed_in_an_annotation(text):
    identity = claim.identity(text)
    assert identity is None or not set(identity) & set(",=@?#")


def test_a_password_is_not_repeated():
    assert "hunter2" not in claim.refusal("puller:hunter2@ghcr.io")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ghcr.io", "https://ghcr.io/"),
        ("ghcr.io/team", "http://ghcr.io/v2/team"),
        ("docker.io", "https://index.docker.io/v1/"),
        ("docker.io", "index.docker.io"),
    ],
)
def test_spellings_of_one_registry(one, other):
    assert claim.identity(one) == claim.identity(other)


def test_others_are_not_one():
    spelled = ["ghcr.io", "ghcr.io/a", "ghcr.io/a/", "ghcr.io:443", "*.io", "docker.io/a"]
    assert len({claim.identity(each) for each in spelled}) == len(spelled)
    assert claim.identity("ghcr") is None


@pytest.mark.parametrize(
    ("claimed", "registry", "covered"),
    [
        ("ghcr.io", "ghcr.io", True),
        ("ghcr.io", "ghcr.io/team", True),
        ("ghcr.io/team", "ghcr.io", False),
        ("*.pkg.dev", "asia.pkg.dev", True),
        ("*.pkg.dev", "*.pkg.dev", True),
        ("asia.pkg.dev", "*.pkg.dev", False),
        ("https://index.docker.io/v1/", "docker.io", True),
        ("docker.io", "docker.io/team", True),
        ("ghcr.io", "ghcr.io:443", False),
        ("ghcr", "ghcr.io", False),
    ],
)
def test_what_a_claim_covers(claimed, registry, covered):
    assert claim.covers(claimed, registry) is covered
