import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidDockerConfig, InvalidRegistry
from regcred.core.logins.clientconfig import parse_client_config, server_names

LOGIN = {"auth": "dTpw"}


def parse(**fields):
    return parse_client_config(json.dumps(fields), source="the file")


@pytest.mark.parametrize(
    ("registry", "names"),
    [
        ("gcr.io", ("gcr.io",)),
        ("https://gcr.io/p", ("gcr.io",)),
        ("localhost:5000", ("localhost:5000",)),
        ("docker.io", ("https://index.docker.io/v1/", "index.docker.io", "docker.io")),
        (
            "https://index.docker.io/v1/",
            ("https://index.docker.io/v1/", "index.docker.io", "docker.io"),
        ),
    ],
)
def test_docker_knows_registries_by_host(registry, names):
    assert server_names(registry) == names


def test_helper_of_the_registry_comes_before_the_store():
    config = parse(credHelpers={"gcr.io": "gcloud", "index.docker.io": "hub"}, credsStore="pass")
    assert config.helper("gcr.io/p") == ("gcloud", "gcr.io")
    assert config.helper("quay.io") == ("pass", "quay.io")
    assert config.helper("docker.io") == ("hub", "index.docker.io")
    assert parse(credsStore="pass").helper("docker.io") == ("pass", "https://index.docker.io/v1/")


def test_empty_helper_means_the_file():
    config = parse(credHelpers={"gcr.io": ""}, credsStore="pass")
    assert config.helper("gcr.io") == ("", "gcr.io")
    assert parse().helper("gcr.io") == ("", "gcr.io")


@pytest.mark.parametrize("field", ["credsStore", "credHelpers", "auths"])
def test_null_is_nothing(field):
    config = parse(**{field: None})
    assert not config.creds_store
    assert not config.cred_helpers
    assert not config.auths


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("gcr.io", "gcr.io"),
        ("gcr.io/p", "gcr.io/p"),
        ("https://gcr.io", "gcr.io"),
        ("https://gcr.io/v2/", "gcr.io/p"),
        ("gcr.io/v2/", "https://gcr.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "https://index.docker.io/v1/"),
        ("http://localhost:5000/", "localhost:5000"),
    ],
)
def test_entry_is_found_by_name_or_host(key, registry):
    entry = parse(auths={"other": LOGIN, key: LOGIN}).entry(registry)
    assert entry is not None
    assert entry.registry == key


def test_exact_name_comes_first():
    config = parse(auths={"https://gcr.io": LOGIN, "gcr.io": LOGIN, "gcr.io/p": LOGIN})
    assert config.entry("gcr.io").registry == "gcr.io"
    assert config.entry("gcr.io/p").registry == "gcr.io/p"


def test_other_registries_have_no_entry():
    assert parse(auths={"gcr.io": LOGIN}).entry("eu.gcr.io") is None


def test_what_is_no_registry_is_refused():
    with pytest.raises(InvalidRegistry):
        parse().entry("a b")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"credsStore": 1}, "credsStore names no credential helper"),
        ({"credsStore": "../../bin/sh"}, "credsStore names no credential helper"),
        ({"credHelpers": {"gcr.io": "a b"}}, "gcr.io names no credential helper"),
        ({"credHelpers": {"gcr.io": None}}, "gcr.io names no credential helper"),
        ({"credHelpers": ["gcr.io"]}, "credHelpers is a list"),
        ({"auths": {"gcr.io": {"auth": "!"}}}, "entry 'gcr.io'"),
    ],
)
def test_broken_configuration_is_refused(fields, why):
    with pytest.raises(InvalidDockerConfig, match=why) as caught:
        parse(**fields)
    assert caught.value.message.startswith("the file")


def test_null_is_an_empty_configuration_as_in_go():
    found = parse_client_config("null", source="x")
    assert (list(found.auths), found.cred_helpers, found.creds_store) == ([], {}, "")


@given(st.text() | st.dictionaries(st.sampled_from(["credsStore", "credHelpers"]), st.text()))
def test_any_text_is_parsed_or_refused(fields):
    text = fields if isinstance(fields, str) else json.dumps(fields)
    with suppress(InvalidDockerConfig):
        assert parse_client_config(text, source="x").source == "x"
