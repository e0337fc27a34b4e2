from base64 import b64encode
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    BadCredentials,
    RegistryBusy,
    RegistryDenied,
    RegistryFailing,
    RegistryProtocolError,
)
from regcred.core.registry import access
from regcred.core.registry.access import Access
from regcred.core.registry.httpmessage import Response

REGISTRY = "https://registry.example.com"
REALM = "https://auth.example.com/token"
ME = Credential("registry.example.com", "me", Password("hunter2"))
BASIC = "Basic " + b64encode(b"me:hunter2").decode()
ASKS_BASIC = Response(401, ['Basic realm="r"'])


def scope(name):
    return f"repository:{name}:pull"


def asks(name="a", more=""):
    return Response(401, [f'Bearer realm="{REALM}",service="s",scope="{scope(name)}{more}"'])


def token(value="t0k", lifetime=100):
    return Response(200, json={"token": value, "expires_in": lifetime})


def renew(opened, name, answer, responses, refused=None, now=0.0):
    """The grant, and all requests."""
    flow = opened.renew(scope(name), answer, refused, now)
    requests, answers = [], iter(responses)
    try:
        requests.append(next(flow))
        while True:
            requests.append(flow.send(next(answers)))
    except StopIteration as done:
        assert next(answers, None) is None, "not all responses were asked for"
        return done.value, requests


def fails(error, *arguments, **more):
    with pytest.raises(error) as caught:
        renew(*arguments, **more)
    assert type(caught.value) is error
    assert "hunter2" not in caught.value.message + caught.value.hint
    return caught.value


def scopes_of(request):
    return parse_qs(urlsplit(request.url).query).get("scope", [])


def test_scopes_that_are_wanted_come_in_one_token():
    opened = Access(REGISTRY, ME)
    for name in ("a", "b", "c"):
        opened.want(scope(name))
    assert opened.grant(scope("a"), 0) is None
    assert not opened.takes_tokens
    grant, requests = renew(opened, "b", asks("b"), [token()])
    assert [scopes_of(r) for r in requests] == [[scope("b"), scope("a"), scope("c")]]
    assert requests[0].authorization == Password(BASIC)
    assert grant.authorization == Password("Bearer t0k")
    assert opened.takes_tokens
    assert {opened.grant(scope(name), 89.9) for name in "abc"} == {grant}
    assert opened.grant(scope("d"), 0) is None


def test_token_is_renewed_before_it_expires_and_without_being_told():
    opened = Access(REGISTRY, ME)
    first, _ = renew(opened, "a", asks(), [token("one")])
    assert opened.grant(scope("a"), 90) is None
    second, requests = renew(opened, "a", None, [token("two")], now=90)
    assert second is not first
    assert scopes_of(requests[0]) == [scope("a")]
    assert opened.grant(scope("a"), 100) is second


def test_who_comes_second_finds_the_token_there():
    opened = Access(REGISTRY, ME)
    opened.want(scope("b"))
    first, _ = renew(opened, "a", asks(), [token()])
    assert renew(opened, "b", asks("b"), []) == (first, [])


def test_scope_of_the_challenge_is_asked_for_too():
    _, requests = renew(Access(REGISTRY, ME), "a", asks("lib/a", " x:y:z"), [token()])
    assert scopes_of(requests[0]) == [scope("a"), scope("lib/a"), "x:y:z"]


def test_scope_need_not_be_in_the_challenge():
    challenge = Response(401, [f'Bearer realm="{REALM}"'])
    _, requests = renew(Access(REGISTRY, ME), "a", challenge, [token()])
    assert scopes_of(requests[0]) == [scope("a")]


def test_tokens_do_not_get_too_large():
    opened = Access(REGISTRY, ME)
    for number in range(50):
        opened.want(scope(f"a{number}"))
    _, requests = renew(opened, "a0", asks("a0"), [token()])
    assert len(scopes_of(requests[0])) == access.MOST_SCOPES
    _, requests = renew(opened, "a20", None, [token()])
    assert scopes_of(requests[0])[0] == scope("a20")
    assert len(scopes_of(requests[0])) == access.MOST_SCOPES
    long = Access(REGISTRY, ME)
    for number in range(9):
        long.want(scope(f"{number}" * 300))
    _, requests = renew(long, "0" * 300, asks("0" * 300), [token()])
    assert len(scopes_of(requests[0])) == 4


def test_refused_together_is_asked_for_alone_from_then_on():
    opened = Access(REGISTRY, ME)
    for name in ("a", "b", "c"):
        opened.want(scope(name))
    grant, requests = renew(opened, "a", asks(), [Response(403), token()])
    assert [scopes_of(r) for r in requests] == [list(map(scope, "abc")), [scope("a")]]
    assert grant.scopes == {scope("a")}
    _, requests = renew(opened, "b", None, [token()])
    assert [scopes_of(r) for r in requests] == [[scope("b")]]


def test_token_that_the_registry_refuses_is_fetched_for_one_alone():
    opened = Access(REGISTRY, ME)
    for name in ("a", "b"):
        opened.want(scope(name))
    both, _ = renew(opened, "a", asks(), [token("both")])
    opened.want(scope("c"))
    alone, requests = renew(opened, "a", asks(), [token("alone")], refused=both)
    assert scopes_of(requests[0]) == [scope("a")]
    assert opened.grant(scope("a"), 0) is alone
    assert opened.grant(scope("b"), 0) is both


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Response(429), RegistryBusy), (Response(200, json={}), RegistryProtocolError)],
)
def test_not_every_failure_is_the_number_of_scopes(answer, error):
    opened = Access(REGISTRY, ME)
    opened.want(scope("b"))
    fails(error, opened, "a", asks(), [answer])


def test_wrong_password_is_shown_twice_and_never_again():
    opened = Access(REGISTRY, ME)
    error = fails(BadCredentials, opened, "a", asks(), [Response(401), Response(401)])
    assert opened.refusal is error
    fails(BadCredentials, opened, "b", None, [])


def test_scope_that_is_refused_does_not_make_the_password_wrong():
    opened = Access(REGISTRY, ME)
    error = fails(RegistryDenied, opened, "a", asks(), [Response(403), token()])
    assert error.message == "registry.example.com lets user 'me' in, but not pull a"
    fails(RegistryDenied, opened, "b", None, [Response(403)])
    assert opened.refusal is None


def test_nobody_is_refused_once():
    opened = Access(REGISTRY, None)
    fails(BadCredentials, opened, "a", asks(), [Response(401)])
    assert opened.refusal is None


def test_token_service_that_fails_otherwise():
    fails(RegistryFailing, Access(REGISTRY, ME), "a", asks(), [Response(500)])


def test_basic():
    opened = Access(REGISTRY, ME)
    grant, requests = renew(opened, "a", ASKS_BASIC, [])
    assert (grant.authorization, requests) == (Password(BASIC), [])
    assert opened.grant(scope("b"), 1e9) is grant
    assert not opened.takes_tokens


def test_basic_that_is_refused_is_tried_at_the_door_once():
    opened = Access(REGISTRY, ME)
    grant, _ = renew(opened, "a", ASKS_BASIC, [])
    again, requests = renew(opened, "a", ASKS_BASIC, [Response(200)], refused=grant)
    assert again is grant
    assert [(r.url, r.authorization) for r in requests] == [(f"{REGISTRY}/v2/", Password(BASIC))]
    assert renew(opened, "b", ASKS_BASIC, [], refused=grant) == (grant, [])


def test_basic_that_is_refused_at_the_door_is_wrong():
    opened = Access(REGISTRY, ME)
    grant, _ = renew(opened, "a", ASKS_BASIC, [])
    error = fails(BadCredentials, opened, "a", ASKS_BASIC, [Response(401)], refused=grant)
    assert opened.refusal is error


def test_basic_asks_nobody_each_time():
    opened = Access(REGISTRY, None)
    error = fails(BadCredentials, opened, "a", ASKS_BASIC, [])
    assert "none is given" in error.message
    assert opened.refusal is None


def test_identity_token_goes_by_form():
    opened = Access(REGISTRY, Credential("", "", Password("hunter2")))
    opened.want(scope("b"))
    grant, requests = renew(opened, "a", asks(), [Response(200, json={"access_token": "t"})])
    assert (requests[0].method, requests[0].url, requests[0].authorization) == ("POST", REALM, None)
    assert dict(parse_qsl(requests[0].form.decode())) == {
        "client_id": "regcred",
        "grant_type": "refresh_token",
        "service": "s",
        "scope": f"{scope('a')} {scope('b')}",
        "refresh_token": "hunter2",
    }
    assert grant.authorization == Password("Bearer t")


def test_identity_token_that_is_refused():
    opened = Access(REGISTRY, Credential("", "", Password("hunter2")))
    error = fails(BadCredentials, opened, "a", asks(), [Response(401), Response(401)])
    assert error.message == (
        "registry.example.com (auth.example.com) does not accept this identity token"
    )
    denied = fails(
        RegistryDenied,
        Access(REGISTRY, Credential("", "", Password("hunter2"))),
        "a",
        asks(),
        [Response(401), token()],
    )
    assert "lets this login in" in denied.message


def test_another_address_knows_what_is_wanted():
    opened = Access(REGISTRY, ME)
    opened.want(scope("b"))
    moved = opened.at("http://registry.example.com")
    assert moved.login.registry == "http://registry.example.com"
    challenge = Response(401, ['Bearer realm="http://registry.example.com/t"'])
    _, requests = renew(moved, "a", challenge, [token()])
    assert scopes_of(requests[0]) == [scope("a"), scope("b")]


def test_grants_hide_themselves():
    opened = Access(REGISTRY, ME)
    grant, _ = renew(opened, "a", asks(), [token("s3cret")])
    assert "s3cret" not in repr(grant)
    assert set(opened.login.secrets()) == {"s3cret", "hunter2", BASIC.removeprefix("Basic ")}
