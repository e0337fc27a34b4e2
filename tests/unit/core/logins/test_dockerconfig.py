import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    UndecodableDockerConfig,
    UselessDockerConfig,
)
from regcred.core.logins.authentry import build_dockerconfigjson
from regcred.core.logins.dockerconfig import (
    DockerConfig,
    decode_auth,
    parse_dockercfg,
    parse_dockerconfigjson,
)


def b64(text):
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def parse(text):
    return parse_dockerconfigjson(text, source="the file")


def logins(config):
    return {key: (entry.username, entry.password.reveal()) for key, entry in config.items()}


ME = Credential("gcr.io", "me", Password("s3cret"))


# What `kubectl create secret docker-registry` v1.37.2 writes.
@pytest.mark.parametrize(
    ("credential", "content"),
    [
        (
            Credential("asia.gcr.io", "_json_key", Password('{"a": "<&>"}\n'), "me@example.com"),
            '{"auths":{"asia.gcr.io":{"username":"_json_key","password":"{\\"a\\": '
            '\\"\\u003c\\u0026\\u003e\\"}\\n","email":"me@example.com",'
            '"auth":"X2pzb25fa2V5OnsiYSI6ICI8Jj4ifQo="}}}',
        ),
        (
            Credential("https://index.docker.io/v1/", "u", Password("é\u2028")),
            '{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"é\\u2028",'
            '"auth":"dTrDqeKAqA=="}}}',
        ),
        (
            Credential("r", "u", Password("\udcff")),
            '{"auths":{"r":{"username":"u","password":"\\ufffd","auth":"dTr/"}}}',
        ),
        (Credential("r", "", Password("")), '{"auths":{"r":{"auth":"Og=="}}}'),
    ],
)
def test_document_is_kubectls(credential, content):
    assert build_dockerconfigjson([credential]) == content.encode()
    assert DockerConfig().with_credential(credential).to_json() == content.encode()


def test_registries_are_sorted_as_go_sorts_maps():
    names = ["z", "a", "é", "Z", "a/b", "\U0001f600", "\uffff"]
    built = build_dockerconfigjson([Credential(n, "u", Password("p")) for n in names])
    assert list(json.loads(built)["auths"]) == ["Z", "a", "a/b", "z", "é", "\uffff", "\U0001f600"]


@pytest.mark.parametrize(
    ("entry", "username", "password"),
    [
        ('{"username":"u","password":"p"}', "u", "p"),
        ('{"USERNAME":"u","Password":"p"}', "u", "p"),
        ('{"username":"u","pa\u017f\u017fword":"p"}', "u", "p"),
        (f'{{"username":"x","password":"y","auth":"{b64("u:p")}"}}', "u", "p"),
        (f'{{"auth":"{b64("u:p:q")}"}}', "u", "p:q"),
        (f'{{"auth":"{b64("u:")}"}}', "u", ""),
        (f'{{"auth":"{b64("u:pp").rstrip("=")}"}}', "u", "pp"),
        ('{"auth":"dT\\r\\npw\\n"}', "u", "p"),
        ('{"username":"u","auth":"","password":"p"}', "u", "p"),
        ('{"username":"a","username":"u","username":null,"password":"p"}', "u", "p"),
        ('{"username":"u","password":"p","email":"x","extra":[1,{"auth":2}]}', "u", "p"),
        ('{"username":"u\\ud800","password":"p"}', "u\ufffd", "p"),
        (f'{{"auth":"{b64("u:" + chr(0xDCFF))}"}}', "u", "\udcff"),
        # Trailing bits are dropped, as Go drops them.
        ('{"auth":"dTpwcR=="}', "u", "pq"),
    ],
)
def test_login_is_the_one_that_kubelet_takes(entry, username, password):
    text = f'{{"auths":{{"gcr.io":{entry}}}}}'
    assert logins(parse(text)) == {"gcr.io": (username, password)}
    assert logins(parse(text.encode())) == {"gcr.io": (username, password)}
    legacy = parse_dockercfg(f'{{"gcr.io":{entry}}}', source="the file")
    assert logins(legacy) == {"gcr.io": (username, password)}
    parse(text).require_usable("the file")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("null", []),
        ("{}", []),
        (' {"auths": null} \n', []),
        ('{"auths":{}}', []),
        ('{"Auths":{"a":{}},"AUTHS":{"b":{}}}', ["a", "b"]),
        ('{"auths":{"a":{}},"auths":null}', []),
        ('{"auths":{"a":{},"b":{},"a":{}}}', ["a", "b"]),
        ('{"auths":{"a":{}},"HttpHeaders":{"X":"y","Z":null}}', ["a"]),
        ('{"auths":{"a":{}},"HttpHeaders":null,"n":[1e999,-0.5,' + "9" * 5000 + "]}", ["a"]),
        (b'{"auths":{"\xff\xe2\x82":{}}}', ["\ufffd\ufffd\ufffd"]),
    ],
)
def test_odd_documents_decode_as_in_go(text, keys):
    assert list(parse(text)) == keys


BROKEN = [
    ("", "it is empty"),
    (" \n", "it is empty"),
    ("\ufeff{}", "byte order mark"),
    ("{", "Expecting property name .* line 1, column 2"),
    ('{"auths":{}', "Expecting ',' delimiter at line 1, column 12"),
    ('{"auths":{}}x', "something follows after its end, at character 13"),
    ('{"auths":{}}{}', "something follows after its end"),
    ('{"auths":{},}', "not a docker config"),
    ('{"a":NaN}', "it has NaN in it"),
    ('{"a":-Infinity}', "it has -Infinity in it"),
    ('{"a":01}', "not a docker config"),
    ('{"a":"\x01"}', "not a docker config"),
    ('{"a":"\\x"}', "not a docker config"),
    ("[" * 100_000, "nested too deeply"),
    ("[]", "the document is a list and not an object"),
    ('"hunter2"', "the document is a string and not an object"),
    ("1", "the document is a number and not an object"),
    ('{"auths":[]}', "auths is a list and not an object"),
    ('{"auths":true}', "auths is true and not an object"),
    ('{"auths":{},"HttpHeaders":{"X":1}}', "HttpHeaders: X is a number and not a string"),
    ('{"auths":{},"httpheaders":[]}', "httpheaders is a list and not an object"),
    ('{"auths":{"gcr.io":"hunter2"}}', "entry 'gcr.io' is a string and not an object"),
    ('{"auths":{"gcr.io":{"username":1}}}', "entry 'gcr.io': username is a number and not a str"),
    ('{"auths":{"gcr.io":{"Password":{}}}}', "entry 'gcr.io': Password is an object and not a"),
    ('{"auths":{"gcr.io":{"auth":"hunter2!"}}}', "entry 'gcr.io': auth is not standard base64"),
    ('{"auths":{"gcr.io":{"auth":"aHVudGVyMg"}}}', "entry 'gcr.io': auth has no colon"),
    # A later entry of that name does not save it.
    ('{"auths":{"a":{"auth":"="},"a":{}}}', "entry 'a': auth is not standard base64"),
    ('{"auths":{"https://u:hunter2@a":{"auth":"="}}}', "entry 'https://...@a': auth is not"),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_what_kubelet_cannot_decode_is_refused(text, why):
    with pytest.raises(UndecodableDockerConfig, match=why) as caught:
        parse(text)
    assert caught.value.message.startswith("the file")
    assert "unter2" not in caught.value.message


@pytest.mark.parametrize(("text", "why"), [BROKEN[0], ("[]", "a list"), ('{"a":1}', "entry 'a'")])
def test_legacy_form_is_as_strict(text, why):
    with pytest.raises(UndecodableDockerConfig, match=why):
        parse_dockercfg(text, source="the file")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("null", "it is null"),
        ("{}", "neither username nor password"),
        ('{"auth":"Og=="}', "neither username nor password"),
        ('{"password":"hunter2"}', "a password and no username"),
        ('{"auth":"Omh1bnRlcjI="}', "a password and no username"),
        ('{"identitytoken":"hunter2"}', "only identitytoken, which kubelet ignores"),
        ('{"RegistryToken":"hunter2"}', "only RegistryToken, which kubelet ignores"),
        ('{"identitytoken":""}', "neither username nor password"),
    ],
)
def test_entry_without_username_decodes_but_is_useless(entry, why):
    config = parse(f'{{"auths":{{"gcr.io":{entry},"ok":{{"username":"u","password":"p"}}}}}}')
    assert why in config["gcr.io"].useless
    assert config["gcr.io"].username == ""
    assert config["ok"].useless == ""
    with pytest.raises(UselessDockerConfig, match=f"entry 'gcr.io' has no login .*{why}") as caught:
        config.require_usable("the file")
    assert "hunter2" not in caught.value.message
    config.without("gcr.io").require_usable("the file")


@pytest.mark.parametrize(
    ("entry", "token"),
    [
        ('{"identitytoken":"hunter2"}', "hunter2"),
        ('{"auth":"bWU6","IdentityToken":"hunter2"}', "hunter2"),
        ('{"identitytoken":1}', ""),
        ('{"identitytoken":null}', ""),
        ('{"registrytoken":"hunter2"}', ""),
    ],
)
def test_identity_token_is_kept_for_docker(entry, token):
    entry = parse(f'{{"auths":{{"gcr.io":{entry}}}}}')["gcr.io"]
    assert entry.identity_token.reveal() == token
    assert "hunter2" not in repr(entry)


def test_identity_token_is_written_as_docker_does():
    made = parse('{"auths":{"gcr.io":{"auth":"dTpw"}}}').with_identity_token(
        "gcr.io", Password('hunter"2')
    )
    assert made.to_json() == b'{"auths":{"gcr.io":{"identitytoken":"hunter\\"2"}}}'
    assert parse(made.to_json())["gcr.io"] == made["gcr.io"]


def test_document_without_entries_is_useless():
    with pytest.raises(UselessDockerConfig, match="the file has no login in it"):
        parse('{"gcr.io":{"auth":"dTpw"}}').require_usable("the file")


TEXT = (
    b'{ "credsStore" : "x",\n "auths": {"b": { "auth" :"dTpw", "n": 1.10, "k":"\\u0041\xff" }, '
    b'"a":{}},"big":1e400}'
)


def test_what_is_not_touched_stays_verbatim():
    config = parse(TEXT).with_credential(ME).without("a").without("nothing")
    assert config.to_json() == (
        b'{"credsStore":"x","auths":{"b":{ "auth" :"dTpw", "n": 1.10, "k":"\\u0041\xff" },'
        b'"gcr.io":{"username":"me","password":"s3cret","auth":"bWU6czNjcmV0"}},"big":1e400}'
    )


def test_login_is_replaced_in_its_place():
    config = parse(TEXT).with_credential(Credential("b", "v", Password("q")))
    assert list(config) == ["b", "a"]
    assert logins(config)["b"] == ("v", "q")


def test_entry_knows_what_it_holds():
    entry = DockerConfig().with_credential(ME)["gcr.io"]
    assert entry.credential == ME
    assert entry.holds(ME)
    assert not entry.holds(Credential("eu.gcr.io", "me", Password("s3cret")))
    assert not entry.holds(Credential("gcr.io", "you", Password("s3cret")))
    assert not entry.holds(Credential("gcr.io", "me", Password("other")))
    assert not entry.holds(Credential("gcr.io", "me", Password("s3cret"), "me@example.com"))
    mailed = Credential("gcr.io", "me", Password("s3cret"), "me@example.com")
    assert DockerConfig().with_credential(mailed)["gcr.io"].holds(ME)


def test_nothing_shows_the_password():
    config = parse('{"HttpHeaders":{"X":"s3cret"}}').with_credential(ME)
    assert "s3cret" not in repr(config) + str(config) + repr(config["gcr.io"])
    assert "bWU6czNjcmV0" not in repr(config)


@pytest.mark.parametrize("auth", ["dTpw", "dTo=", "dTo", "dTpwcA==", "dTpwcA", "dT\npw\r\n"])
def test_auth_is_base64_padded_or_not(auth):
    username, password = decode_auth(auth)
    assert username == "u"
    assert password.reveal() in ("", "p", "pp")


@pytest.mark.parametrize(
    "auth",
    ["d", "dTpwc", "dTpw=", "dTo==", "dTpwcA=", "dT pw", "dTpw ", "dTp-", "dTp_", "=", "dTpé"],
)
def test_auth_that_is_not_base64_is_refused(auth):
    with pytest.raises(UndecodableDockerConfig):
        decode_auth(auth)


# What Go could put into a string: no lone surrogates, but bytes that are not UTF-8.
BYTES = st.binary(max_size=20).map(lambda b: b.decode("utf-8", "surrogateescape"))
WORDS = st.text(max_size=20) | BYTES
USERNAMES = WORDS.filter(lambda text: text and ":" not in text)
CREDENTIALS = st.builds(
    Credential, st.text(max_size=20), USERNAMES, WORDS.map(Password), st.text(max_size=5)
)


@given(st.lists(CREDENTIALS, max_size=4, unique_by=lambda c: c.registry))
def test_what_is_built_is_what_kubelet_reads(credentials):
    config = parse(build_dockerconfigjson(credentials))
    assert {key: entry.credential for key, entry in config.items()} == {
        credential.registry: credential for credential in credentials
    }


@given(WORDS.filter(lambda t: ":" not in t), WORDS, st.booleans())
def test_auth_round_trip(username, password, padded):
    auth = b64(f"{username}:{password}")
    assert decode_auth(auth if padded else auth.rstrip("=")) == (username, Password(password))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each),
    max_leaves=8,
)
FIELDS = st.sampled_from(["username", "Password", "auth", "email", "identitytoken", "x"])
AUTHS = st.text(max_size=8) | WORDS.map(b64)
ENTRIES = st.dictionaries(FIELDS, AUTHS | VALUES, max_size=4) | VALUES
DOCUMENTS = st.fixed_dictionaries(
    {"auths": st.dictionaries(st.text(max_size=4), ENTRIES, max_size=3) | VALUES},
    optional={"HttpHeaders": VALUES, "credsStore": VALUES},
)


@given(st.binary() | st.text() | DOCUMENTS.map(json.dumps) | VALUES.map(json.dumps))
@example("\ud800")
def test_any_text_is_parsed_or_refused(text):
    for parse_as in (parse_dockerconfigjson, parse_dockercfg):
        try:
            config = parse_as(text, source="x")
        except UndecodableDockerConfig:
            continue
        again = parse(config.to_json())
        assert again.entries == config.entries
        if again and not any(entry.useless for entry in again.values()):
            again.require_usable("x")


@given(DOCUMENTS.map(json.dumps), CREDENTIALS)
def test_merging_touches_one_entry(text, credential):
    try:
        before = parse(text)
    except UndecodableDockerConfig:
        return
    after = parse(before.with_credential(credential).to_json())
    assert after[credential.registry].holds(credential)
    assert after.without(credential.registry).entries == before.without(credential.registry).entries
    assert after.others.keys() == before.others.keys()
