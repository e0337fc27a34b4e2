from base64 import b64encode
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.errors import (
    BadCredentials,
    InvalidRegistry,
    RegistryBusy,
    RegistryFailing,
    RegistryProtocolError,
    RegistryRefused,
)
from regcred.core.registry.tokenflow import Request, Response, authenticate

PASSWORD = "hunter2:é"
ME = Credential("registry.example.com", "me", Password(PASSWORD))
BASIC = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()

REGISTRY = "https://registry.example.com"
PING = f"{REGISTRY}/v2/"
REALM = "https://auth.example.com/token"
OK = Response(200)
ASKS_BASIC = Response(401, ['Basic realm="r"'])
ASKS_BEARER = Response(401, [f'Bearer realm="{REALM}",service="a registry"'])
TOKEN = Response(200, json={"token": "t0k", "expires_in": 300})


def bearer(realm):
    return Response(401, [f'Bearer realm="{realm}"'])


def redirect(location, status=302):
    return Response(status, location=location)


def drive(responses, credential=ME, registry=REGISTRY):
    """Run the flow against scripted responses; the outcome or error, and all requests."""
    flow = authenticate(registry, credential)
    requests = []
    answers = iter(responses)
    try:
        requests.append(next(flow))
        while True:
            requests.append(flow.send(next(answers)))
    except StopIteration as done:
        assert next(answers, None) is None, "not all responses were asked for"
        return done.value, requests


def fails(responses, error=RegistryProtocolError, *, exactly=True, **more):
    """The error of the flow, which names the registry and not the password."""
    with pytest.raises(error) as caught:
        drive(responses, **more)
    assert type(caught.value) is error or not exactly
    assert "hunter2" not in caught.value.message + caught.value.hint
    return caught.value


def authorizations(requests):
    return [r.authorization and r.authorization.reveal() for r in requests]


def test_basic_login():
    outcome, requests = drive([ASKS_BASIC, OK])
    assert [(r.method, r.url) for r in requests] == [("GET", PING), ("GET", PING)]
    assert authorizations(requests) == [None, BASIC]
    assert outcome.asked
    assert outcome.authorization == Password(BASIC)
    assert outcome.token is None


def test_token_login():
    outcome, requests = drive([ASKS_BEARER, TOKEN, OK])
    assert [(r.method, r.url) for r in requests] == [
        ("GET", PING),
        ("GET", f"{REALM}?service=a+registry&account=me"),
        ("GET", PING),
    ]
    assert authorizations(requests) == [None, BASIC, "Bearer t0k"]
    assert outcome.asked
    assert outcome.authorization == Password("Bearer t0k")
    assert outcome.token.lifetime == 300


def test_bearer_comes_before_basic():
    challenges = ['Basic realm="r", Bearer realm="https://auth.example.com/token"']
    _, requests = drive([Response(401, challenges), TOKEN, OK])
    assert authorizations(requests)[-1] == "Bearer t0k"


def test_scope_of_the_challenge_is_asked_for():
    challenge = Response(401, [f'Bearer realm="{REALM}?a=b#c",scope="repository:x:pull"'])
    _, requests = drive([challenge, TOKEN, OK])
    query = parse_qs(urlsplit(requests[1].url).query)
    assert query == {"a": ["b"], "scope": ["repository:x:pull"], "account": ["me"]}


def test_relative_realm_is_the_registrys():
    _, requests = drive([bearer("/token"), TOKEN, OK])
    assert requests[1].url == f"{REGISTRY}/token?account=me"


@pytest.mark.parametrize("status", [404, 405])
def test_oauth_form_where_get_is_not_known(status):
    answers = [ASKS_BEARER, Response(status), Response(200, json={"access_token": "t"}), OK]
    outcome, requests = drive(answers)
    request = requests[2]
    assert (request.method, request.url, request.authorization) == ("POST", REALM, None)
    assert dict(parse_qsl(request.form.decode())) == {
        "grant_type": "password",
        "client_id": "regcred",
        "service": "a registry",
        "username": "me",
        "password": PASSWORD,
    }
    assert outcome.authorization == Password("Bearer t")


def test_credential_need_not_be_utf8():
    odd = Credential("r", "m\udcff", Password("p\udcff"))
    _, requests = drive([ASKS_BEARER, Response(404), TOKEN, OK], odd)
    assert requests[1].url.endswith("account=m%FF")
    assert authorizations(requests)[1] == "Basic " + b64encode(b"m\xff:p\xff").decode()
    assert b"username=m%FF&password=p%FF" in requests[2].form


def test_nobody_gets_an_anonymous_token():
    outcome, requests = drive([bearer(REALM), TOKEN, OK], None)
    assert requests[1] == Request("GET", REALM)
    assert outcome.authorization == Password("Bearer t0k")


def test_registry_that_does_not_ask_is_tried_with_the_password():
    outcome, requests = drive([OK, OK])
    assert authorizations(requests) == [None, BASIC]
    assert not outcome.asked
    assert outcome.authorization is None


def test_registry_that_does_not_ask_nobody_is_done():
    outcome, requests = drive([OK], None)
    assert len(requests) == 1
    assert not outcome.asked


SAID = {"errors": [{"code": "UNAUTHORIZED", "message": "no such\nuser me:hunter2:é"}]}


@pytest.mark.parametrize(
    ("responses", "who"),
    [
        ([ASKS_BASIC, Response(401, json=SAID)], ""),
        ([ASKS_BASIC, Response(403, json=SAID)], ""),
        ([OK, Response(401, json=SAID)], ""),
        ([ASKS_BEARER, Response(401, json=SAID)], " (auth.example.com)"),
        ([ASKS_BEARER, Response(403, json=SAID)], " (auth.example.com)"),
        ([ASKS_BEARER, Response(404), Response(401, json=SAID)], " (auth.example.com)"),
        ([ASKS_BEARER, TOKEN, Response(401, json=SAID)], ""),
        ([bearer("/token"), Response(401, json=SAID)], ""),
    ],
)
def test_wrong_password_names_registry_and_user_and_what_was_said(responses, who):
    error = fails(responses, BadCredentials)
    assert error.message == (
        f"registry.example.com{who} does not accept user 'me' with this password: "
        "UNAUTHORIZED no such user me:********"
    )
    assert "check user name and password" in error.hint


def test_nobody_is_told_that_a_login_is_needed():
    error = fails([ASKS_BASIC], BadCredentials, credential=None)
    assert error.message == (
        "registry.example.com asks for a user name and password, and none is given"
    )
    error = fails([ASKS_BEARER, Response(401)], BadCredentials, credential=None)
    assert error.message == "auth.example.com lets nobody in without a login"


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (Response(404), "is no registry: it has no /v2/"),
        (Response(200, is_foreign=True), "is no registry: it answers with a web page"),
        (Response(401), "no WWW-Authenticate header"),
        (Response(401, ["Negotiate, NTLM"]), r"neither Bearer nor Basic \(only negotiate, ntlm\)"),
        (Response(401, ['Bearer service="s"']), "does not say where to get it"),
        (bearer("http://auth.example.com/token"), "sent to auth.example.com in clear text"),
        (bearer("http://registry.example.com/token"), "in clear text"),
        (bearer("http://127.0.0.1/token"), "an address that no registry may lead to"),
        (bearer("https://169.254.169.254/latest"), "an address that no registry may lead to"),
        (bearer("http://[fd00:ec2::254]/latest"), "an address that no registry may lead to"),
        (bearer("https://metadata.google.internal/x"), "an address that no registry may lead to"),
        (bearer("ftp://auth.example.com"), "leads to 'ftp://auth.example.com': it is no http"),
        (bearer("https://me@auth.example.com"), "it is no http or https URL with just a host"),
        (bearer("https://["), "it is no URL"),
        (bearer("https://a b/"), "characters that a URL cannot have"),
        (redirect("http://169.254.169.254/v2/"), "an address that no registry may lead to"),
        (redirect("file:///etc/passwd"), "it is no http or https URL"),
        (redirect("https://["), "it is no URL"),
    ],
)
def test_what_is_no_registry_or_not_safe_is_refused(response, why):
    assert fails([response]).message.startswith("registry.example.com ")
    with pytest.raises(RegistryProtocolError, match=why):
        drive([response])


@pytest.mark.parametrize(
    "responses", [[ASKS_BASIC, redirect(f"https://a b/{part}")] for part in (PASSWORD, BASIC[6:])]
)
def test_what_a_registry_repeats_of_the_password_is_hidden(responses):
    message = fails(responses).message
    assert "https://a b/********" in message
    assert message.startswith("registry.example.com ")


@pytest.mark.parametrize(
    "responses",
    [
        [ASKS_BASIC, redirect("https://x-hunter2.example.com/")],
        [ASKS_BASIC, redirect("https://x-hunter2.example.com.registry.example.com/")],
        [bearer("http://x-hunter2.example.com/")],
        [bearer("https://x-hunter2.example.com/"), Response(418)],
    ],
)
def test_nor_is_it_shown_as_the_name_of_a_host(responses):
    mine = Credential("registry.example.com", "me", Password("Hunter2"))
    message = fails(responses, RegistryRefused, credential=mine, exactly=False).message
    assert "x-********.example.com" in message


def test_a_password_that_is_part_of_the_registrys_name_is_not_told_by_a_gap_in_it():
    mine = Credential("registry.example.com", "me", Password("Example"))
    there = "https://x-example.registry.example.com"
    with pytest.raises(RegistryProtocolError) as caught:
        drive([ASKS_BASIC, redirect(there)], credential=mine)
    assert "https://x-********.registry.example.com" in caught.value.message


def test_metadata_service_is_refused_to_nobody_too():
    assert (
        "no registry may lead to"
        in fails([bearer("http://169.254.169.254/")], credential=None).message
    )


@pytest.mark.parametrize("body", [None, {}, [], "t", {"token": ["t"]}, {"token": "a\r\nb"}])
def test_answer_without_a_token_is_refused(body):
    error = fails([ASKS_BEARER, Response(200, json=body)])
    assert error.message == "auth.example.com answers without a token"


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ([Response(302)], "answers with HTTP status 302"),
        ([Response(418, json=SAID)], "answers with HTTP status 418: UNAUTHORIZED no such"),
        ([ASKS_BEARER, Response(400)], "auth.example.com answers with HTTP status 400"),
        ([ASKS_BEARER, Response(204)], "auth.example.com answers with HTTP status 204"),
    ],
)
def test_other_answers_are_passed_on(responses, message):
    error = fails(responses, RegistryRefused)
    assert message in error.message
    assert error.hint.startswith("check host and port")


@pytest.mark.parametrize(
    ("responses", "status"), [([Response(503)], 503), ([ASKS_BASIC, Response(500)], 500)]
)
def test_registry_that_fails_has_an_error_of_its_own(responses, status):
    error = fails(responses, RegistryFailing)
    assert error.message == f"registry.example.com answers with HTTP status {status}"
    assert error.hint == "try again later"


def test_busy_registry_has_an_error_of_its_own():
    error = fails([Response(429)], RegistryBusy)
    assert error.message == "registry.example.com takes no more requests for now"
    assert error.hint == "try again later"


def test_plain_http_to_a_tls_port_is_guessed():
    error = fails([Response(400)], RegistryRefused, registry="http://registry.example.com")
    assert "leave out --plain-http" in error.hint


def test_realm_may_be_in_clear_where_the_registry_is():
    registry = "http://registry.example.com:5000"
    _, requests = drive([bearer("http://registry.example.com/t"), TOKEN, OK], registry=registry)
    assert requests[1].authorization is not None
    fails([bearer("http://auth.example.com/t")], registry=registry)


def test_registry_itself_may_be_anywhere():
    _, requests = drive([bearer("/token"), TOKEN, OK], registry="https://169.254.10.1:5000")
    assert requests[1].url == "https://169.254.10.1:5000/token?account=me"


def has_secret(request):
    return request.authorization is not None or request.form is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_registry_elsewhere_may_not_lead_to_this_machine(host):
    error = fails([bearer(f"https://{host}:8443/token")])
    assert "no registry may lead to" in error.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status):
    _, requests = drive([redirect("/v2/x", status), ASKS_BASIC, redirect("y", status), OK])
    assert [r.url for r in requests] == [PING, PING + "x", PING, PING + "y"]
    assert authorizations(requests) == [None, None, BASIC, BASIC]


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example.com/v2/",
        "//evil.example.com/v2/",
        "http://registry.example.com/v2/",
        "https://registry.example.com:8443/v2/",
    ],
)
@pytest.mark.parametrize(
    "before", [[], [ASKS_BASIC], [OK], [bearer("/token")], [bearer("/token"), TOKEN]]
)
def test_redirect_to_another_origin_gets_no_secret(before, location):
    error = fails([*before, redirect(location)])
    assert "sends the login on to" in error.message


def test_form_with_the_password_is_never_redirected():
    error = fails([bearer("/token"), Response(405), redirect("/token2", 307)])
    assert "sends the login on to" in error.message


def test_circles_end():
    error = fails([redirect("/v2/")] * 6)
    assert error.message == "registry.example.com redirects in circles"


@pytest.mark.parametrize("registry", ["ftp://a", "https://", "https://a b", "registry.example.com"])
def test_what_is_no_address_is_refused(registry):
    fails([], InvalidRegistry, registry=registry)


def test_nothing_shows_the_secrets():
    outcome, requests = drive([ASKS_BEARER, Response(404), TOKEN, OK])
    shown = repr([outcome, requests, TOKEN, ME]) + str(outcome)
    assert "hunter2" not in shown
    assert "t0k" not in shown
    assert BASIC not in shown


HOSTS = st.sampled_from(
    ["registry.example.com", "evil.example.com", "169.254.169.254", "localhost", "[::1]", "a:1"]
)
URLS = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["https://", "http://", "//"]),
        HOSTS,
        st.sampled_from(["", "/v2/", "/token?x=y"]),
    ),
    st.text(max_size=10),
    st.text("htps:/@[]\\ .a%", max_size=20),
)
CHALLENGES = st.one_of(
    st.just('Basic realm="r"'), URLS.map('Bearer realm="{}"'.format), st.text(max_size=20)
)
RESPONSES = st.builds(
    Response,
    st.sampled_from([200, 401, 302, 307, 404, 405, 403, 500]),
    st.lists(CHALLENGES, max_size=2),
    URLS,
    st.booleans(),
    st.none() | st.just({"token": "t"}) | st.dictionaries(st.just("token"), st.integers()),
)


@given(
    st.lists(RESPONSES, min_size=12, max_size=12),
    st.sampled_from([REGISTRY, "http://registry.example.com", "http://localhost:5000"]),
    st.sampled_from([ME, None]),
)
def test_password_goes_only_where_it_may(responses, registry, credential):
    flow = authenticate(registry, credential)
    answers = iter(responses)
    try:
        request = next(flow)
        while True:
            url = urlsplit(request.url)
            assert url.hostname != "169.254.169.254"
            if has_secret(request):
                assert url.scheme == "https" or registry.startswith("http:")
                bearer_token = (request.authorization or Password("")).reveal() == "Bearer t"
                assert not bearer_token or f"{url.scheme}://{url.netloc}" == registry
                if url.scheme == "http":
                    loopback = {"localhost", "::1"}
                    home = urlsplit(registry).hostname
                    assert url.hostname == home or {url.hostname, home} <= loopback
            assert credential or not has_secret(request) or bearer_token
            request = flow.send(next(answers))
    except (RegistryRefused, StopIteration):
        return
