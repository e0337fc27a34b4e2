import hashlib
import json
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidRegistry, RegcredError
from regcred.core.logins.image import parse_image
from regcred.core.problem import Reason
from regcred.core.registry import imagemanifest, pullflow
from regcred.core.registry.access import Access
from regcred.core.registry.httpmessage import Request, Response
from regcred.core.registry.imagemanifest import OCI_INDEX, OCI_MANIFEST
from regcred.core.registry.platform import Platform
from regcred.core.registry.pullflow import Renewal

HOST = "registry.example.com"
URL = f"https://{HOST}"
REALM = "https://auth.example.com/token"
ME = Credential(HOST, "me", Password("hunter2"))
BASIC = "Basic " + b64encode(b"me:hunter2").decode()
AMD64 = Platform("linux", "amd64")
APP = f"{HOST}/team/app:1"

MANIFEST = json.dumps({"config": {}, "layers": []}).encode()
INDEX = json.dumps(
    {
        "manifests": [
            {"platform": {"os": "linux", "architecture": "386"}},
            {"platform": {"os": "linux", "architecture": "amd64"}},
            {"platform": {"os": "unknown", "architecture": "unknown"}},
        ]
    }
).encode()


def digest(body):
    return f"sha256:{hashlib.sha256(body or MANIFEST).hexdigest()}"


def head(body=MANIFEST, media_type=OCI_MANIFEST, **more):
    fields = {"content_type": media_type, "digest": digest(body), "length": len(body)} | more
    return Response(200, **fields)


def got(body=MANIFEST, media_type=OCI_MANIFEST, **more):
    fields = {"content_type": media_type, "digest": digest(body), "body": body} | more
    return Response(200, **fields)


def says(status, code=""):
    return Response(status, json={"errors": [{"code": code, "message": "no hunter2"}]})


def redirect(location):
    return Response(307, location=location)


ASKS_BEARER = Response(401, [f'Bearer realm="{REALM}",service="s"'])
ASKS_BASIC = Response(401, ['Basic realm="r"'])
TOKEN = Response(200, json={"token": "t0k", "expires_in": 300})


def drive(flow, access, requests, answers):
    """Drive a flow, and the renewals that it asks for."""
    reply = None
    while True:
        try:
            step = flow.send(reply)
        except StopIteration as done:
            return done.value
        if isinstance(step, Renewal):
            renewal = access.renew(step.scope, step.answer, step.refused, 0.0)
            reply = drive(renewal, access, requests, answers)
        else:
            requests.append(step)
            reply = next(answers)


class Drive:
    def __init__(self, credential=ME, registry=URL):
        self.access = Access(registry, credential)
        self.requests = []

    def probe(self, responses, image=APP, platform=AMD64, **more):
        self.requests = []
        answers = iter(responses)
        flow = pullflow.probe(parse_image(image), self.access, platform, 0.0, **more)
        try:
            answer = drive(flow, self.access, self.requests, answers)
        except RegcredError as error:
            answer = pullflow.failed(error)
        assert next(answers, None) is None, "not all responses were asked for"
        answer = answer.without(self.access.login.secrets())
        assert self.access.login.credential is None or "hunter2" not in repr(answer)
        assert BASIC.removeprefix("Basic ") not in repr(answer)
        return answer

    @property
    def seen(self):
        """Method, path and authorization of each request."""
        return [
            (r.method, urlsplit(r.url).path, r.authorization and r.authorization.reveal())
            for r in self.requests
        ]


def probe(responses, image=APP, credential=ME, platform=AMD64, registry=URL, **more):
    return Drive(credential, registry).probe(responses, image, platform, **more)


PATH = "/v2/team/app/manifests"


def test_image_is_there():
    drive = Drive()
    answer = drive.probe([head(), got()])
    assert answer.reason == Reason.OK
    assert answer.message == "team/app:1 is there"
    assert (answer.digest, answer.media_type) == (digest(MANIFEST), OCI_MANIFEST)
    assert (answer.platforms, answer.chosen) == ((), "")
    assert drive.seen == [
        ("HEAD", f"{PATH}/1", None),
        ("GET", f"{PATH}/{digest(MANIFEST)}", None),
    ]
    assert {r.accept for r in drive.requests} == {imagemanifest.ACCEPT}
    assert [r.keep for r in drive.requests] == [0, imagemanifest.LARGEST]


def test_token_is_fetched_once():
    drive = Drive()
    assert drive.probe([ASKS_BEARER, TOKEN, head(), got()]).reason == Reason.OK
    assert [authorization for _, _, authorization in drive.seen] == [
        None,
        BASIC,
        "Bearer t0k",
        "Bearer t0k",
    ]
    assert drive.probe([head(), got()]).reason == Reason.OK
    assert len(drive.seen) == 2


def test_token_for_another_image_comes_before_the_registry_asks():
    drive = Drive()
    drive.probe([ASKS_BEARER, TOKEN, head(), got()])
    assert drive.probe([TOKEN, head(), got()], f"{HOST}/other").reason == Reason.OK
    assert "scope=repository%3Aother%3Apull" in drive.requests[0].url


def test_basic_goes_with_every_request():
    drive = Drive()
    assert drive.probe([ASKS_BASIC, head(), got()]).reason == Reason.OK
    assert drive.probe([head(), got()], f"{HOST}/other").reason == Reason.OK
    assert [authorization for _, _, authorization in drive.seen] == [BASIC, BASIC]


def test_digest_is_asked_for_and_kept_to():
    image = f"{HOST}/team/app@{digest(MANIFEST)}"
    drive = Drive()
    assert drive.probe([head(digest=""), got()], image).digest == digest(MANIFEST)
    assert [path for _, path, _ in drive.seen] == [f"{PATH}/{digest(MANIFEST)}"] * 2
    answer = probe([head(), got(b"{}")], image)
    assert answer.reason == Reason.NOT_FOUND
    assert f"it should be {digest(MANIFEST)}, and is {digest(b'{}')}" in answer.message


def test_registry_need_not_name_the_digest():
    drive = Drive()
    answer = drive.probe([head(digest=""), got(digest="")])
    assert (answer.reason, answer.digest) == (Reason.OK, digest(MANIFEST))
    assert [path for _, path, _ in drive.seen] == [f"{PATH}/1"] * 2


def test_registry_need_not_know_head():
    drive = Drive()
    assert drive.probe([Response(405), got()]).reason == Reason.OK
    assert [method for method, _, _ in drive.seen] == ["HEAD", "GET"]


def test_head_may_be_left_out():
    drive = Drive()
    answer = drive.probe([got()], head=False)
    assert (answer.reason, answer.digest) == (Reason.OK, digest(MANIFEST))
    assert drive.seen == [("GET", f"{PATH}/1", None)]
    answer = probe([got(b"{}", digest=digest(MANIFEST))], head=False)
    assert "not what its digest says" in answer.message
    answer = probe([says(404, "NAME_UNKNOWN")], head=False)
    assert answer.message == f"{HOST} has no repository team/app"


def test_platform_of_an_index():
    answer = probe([head(INDEX, OCI_INDEX), got(INDEX, OCI_INDEX)])
    assert answer.reason == Reason.OK
    assert answer.message == "team/app:1 is there for linux/amd64"
    assert answer.platforms == ("linux/386", "linux/amd64")
    assert answer.chosen == "linux/amd64"


def test_any_platform_will_do_where_none_is_asked_for():
    answer = probe([head(INDEX, OCI_INDEX), got(INDEX, OCI_INDEX)], platform=None)
    assert (answer.reason, answer.chosen) == (Reason.OK, "")
    assert answer.platforms == ("linux/386", "linux/amd64")


def test_missing_platform_lists_those_present():
    answer = probe(
        [head(INDEX, OCI_INDEX), got(INDEX, OCI_INDEX)], platform=Platform("linux", "arm64")
    )
    assert answer.reason == Reason.PLATFORM_MISSING
    assert answer.message == (
        "team/app:1 is not there for linux/arm64, only for linux/386, linux/amd64"
    )
    assert answer.platforms == ("linux/386", "linux/amd64")
    assert answer.digest == digest(INDEX)


def test_platforms_without_end_are_counted_and_not_named(monkeypatch):
    named = []
    name_of = imagemanifest.name_of
    monkeypatch.setattr(imagemanifest, "name_of", lambda s: named.append(s) or name_of(s))
    images = [{"platform": {"os": "linux", "architecture": f"a{n}"}} for n in range(9_999)]
    images.append({"platform": {"os": "linux", "architecture": "amd64"}})
    body = json.dumps({"manifests": images}).encode()
    said = [head(body, OCI_INDEX), got(body, OCI_INDEX)]
    answer = probe(said)
    assert (answer.reason, answer.chosen) == (Reason.OK, "linux/amd64")
    assert (len(answer.platforms), answer.unnamed, len(named)) == (50, 9_950, 50)
    answer = probe(said, platform=Platform("linux", "arm64"))
    assert answer.reason == Reason.PLATFORM_MISSING
    assert answer.message.endswith("only for linux/a0, linux/a1, linux/a2 and 9997 more")
    assert (len(answer.platforms), answer.unnamed, len(named)) == (50, 9_950, 100)


def test_index_may_not_say_the_platform():
    body = b'{"manifests":[{}]}'
    answer = probe([head(body, OCI_INDEX), got(body, OCI_INDEX)])
    assert (answer.reason, answer.platforms, answer.chosen) == (Reason.OK, (), "")


LARGE = imagemanifest.LARGEST + 1
EMPTY = b'{"manifests":[]}'


@pytest.mark.parametrize(
    ("responses", "why"),
    [
        ([head(media_type="application/json")], "of the type 'application/json'"),
        ([head(media_type="")], "of no type"),
        ([Response(405), got(media_type="application/json")], "of the type 'application/json'"),
        ([head(digest="sha256:x")], "under a digest that is none"),
        ([head(length=LARGE)], f"{LARGE} bytes large"),
        ([head(), got(None)], "larger than any manifest"),
        ([head(), got(b"{}", digest=digest(MANIFEST))], "not what its digest says"),
        ([head(b"[]"), got(b"[]")], "no JSON object"),
        ([head(EMPTY, OCI_INDEX), got(EMPTY, OCI_INDEX)], "an index without an image"),
        ([head(digest=""), got(media_type=OCI_INDEX)], "an index that lists no images"),
    ],
)
def test_what_no_node_pulls(responses, why):
    answer = probe(responses)
    assert answer.reason == Reason.NOT_FOUND
    assert answer.message.startswith(f"what {HOST} has as team/app:1 is ")
    assert why in answer.message
    assert answer.hint


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ([says(404, "NAME_UNKNOWN")], "no repository team/app"),
        ([says(404, "MANIFEST_UNKNOWN"), Response(200)], "no tag 1 in its repository team/app"),
        ([says(404, "MANIFEST_UNKNOWN"), says(404, "NAME_UNKNOWN")], "no repository team/app"),
        ([says(404, "MANIFEST_UNKNOWN"), Response(403)], "no team/app:1"),
        ([Response(404)], "no team/app:1"),
    ],
)
@pytest.mark.parametrize("credential", [ME, None])
def test_tag_or_repository_is_missing(responses, message, credential):
    drive = Drive(credential)
    answer = drive.probe([Response(404), *responses])
    assert answer.reason == Reason.NOT_FOUND
    assert answer.message == f"{HOST} has {message}"
    assert ("not logged in" in answer.hint) is (credential is None)
    assert not drive.requests[-1].accept or len(responses) == 1


def test_digest_is_missing():
    image = f"{HOST}/team/app@{digest(MANIFEST)}"
    answer = probe([Response(404), says(404, "MANIFEST_UNKNOWN")], image)
    assert answer.message == f"{HOST} has no team/app@{digest(MANIFEST)}"


def test_what_was_there_may_be_gone():
    assert probe([head(), Response(404)]).reason == Reason.NOT_FOUND
    assert probe([head(), Response(500)]).reason == Reason.UNREACHABLE


@pytest.mark.parametrize(
    ("responses", "reason", "message"),
    [
        ([Response(401), Response(401)], Reason.UNAUTHORIZED, "(auth.example.com) does not accept"),
        ([Response(403), TOKEN], Reason.FORBIDDEN, "lets user 'me' in, but not pull team/app"),
        ([TOKEN, Response(403), says(403)], Reason.FORBIDDEN, "not pull team/app: no ********"),
        ([TOKEN, ASKS_BEARER, TOKEN, ASKS_BEARER, says(401)], Reason.FORBIDDEN, "no ********"),
        ([Response(429)], Reason.RATE_LIMITED, "auth.example.com takes no more requests"),
        ([Response(200)], Reason.UNREACHABLE, "answers without a token"),
    ],
)
def test_token_that_does_not_do(responses, reason, message):
    answer = probe([ASKS_BEARER, *responses])
    assert answer.reason == reason
    assert message in answer.message
    assert answer.hint


def test_wrong_password_is_not_shown_for_the_next_image():
    drive = Drive()
    drive.probe([ASKS_BASIC, ASKS_BASIC, Response(401)])
    assert drive.probe([], f"{HOST}/other").reason == Reason.UNAUTHORIZED


def test_basic_login_that_may_not_pull():
    said = Response(401, ASKS_BASIC.challenges, json=says(401).json)
    answer = probe([ASKS_BASIC, ASKS_BASIC, Response(200), said])
    assert "lets user 'me' in, but not pull team/app: no ********" in answer.message
    assert answer.reason == Reason.FORBIDDEN


@pytest.mark.parametrize(
    ("responses", "reason", "message"),
    [
        ([ASKS_BASIC], Reason.UNAUTHORIZED, "asks for a user name and password"),
        ([ASKS_BEARER, says(401)], Reason.UNAUTHORIZED, "lets nobody in without a login"),
        (
            [ASKS_BEARER, TOKEN, ASKS_BEARER, TOKEN, ASKS_BEARER, says(401)],
            Reason.UNAUTHORIZED,
            "lets nobody pull team/app without a login",
        ),
        ([Response(403), says(403)], Reason.FORBIDDEN, "lets nobody pull team/app without"),
    ],
)
def test_nobody_is_told_that_a_login_is_needed(responses, reason, message):
    answer = probe(responses, credential=None)
    assert answer.reason == reason
    assert message in answer.message
    assert answer.hint


def test_merged_token_that_is_too_large_is_made_small():
    drive = Drive()
    drive.access.want("repository:other:pull")
    answer = drive.probe([ASKS_BEARER, TOKEN, Response(431), TOKEN, head(), got()])
    assert answer.reason == Reason.OK
    assert drive.requests[1].url.count("scope=") == 2
    assert drive.requests[3].url.count("scope=") == 1


@pytest.mark.parametrize(
    ("responses", "reason", "message"),
    [
        ([Response(429)], Reason.RATE_LIMITED, "takes no more requests for now"),
        ([Response(503)], Reason.UNREACHABLE, "HTTP status 503"),
        ([Response(302), Response(302)], Reason.UNREACHABLE, "HTTP status 302"),
        ([head(media_type="text/html")], Reason.UNREACHABLE, "answers with a web page"),
        ([Response(404), Response(404, is_foreign=True)], Reason.UNREACHABLE, "is no registry"),
        ([Response(401)], Reason.UNREACHABLE, "neither Bearer nor Basic"),
        ([Response(401, ["Bearer service=s"])], Reason.UNREACHABLE, "no realm"),
        (
            [Response(401, ["Bearer realm=https://169.254.169.254/"])],
            Reason.UNREACHABLE,
            "no registry may lead to",
        ),
        ([redirect("/v2/x")] * 11, Reason.UNREACHABLE, "redirects in circles"),
        ([redirect("http://169.254.169.254/")], Reason.UNREACHABLE, "no registry may lead to"),
        ([redirect("https://127.0.0.1/")], Reason.UNREACHABLE, "no registry may lead to"),
        ([redirect("https://[")], Reason.UNREACHABLE, "it is no URL"),
        ([redirect("ftp://hunter2/")], Reason.UNREACHABLE, "leads to 'ftp://********/'"),
    ],
)
def test_what_is_no_registry(responses, reason, message):
    answer = probe(responses)
    assert answer.reason == reason
    assert message in answer.message
    assert answer.message.startswith(HOST)


def test_how_long_to_wait_is_told():
    answer = probe([Response(429, retry_after="120")])
    assert answer.hint == "try again in 120 seconds"
    assert probe([Response(429, retry_after="hunter2")]).hint == "try again later"


def test_redirect_within_the_registry_keeps_the_login():
    drive = Drive()
    moved = redirect("/v2/moved")
    assert drive.probe([ASKS_BASIC, moved, head(), got()]).reason == Reason.OK
    assert drive.seen[2] == ("HEAD", "/v2/moved", BASIC)


@pytest.mark.parametrize(
    "elsewhere",
    [f"http://{HOST}", f"https://{HOST}:8443", "https://cdn.example.com", "//cdn.example.com"],
)
def test_redirect_to_others_carries_no_login(elsewhere):
    drive = Drive()
    away = redirect(f"{elsewhere}/x")
    back = redirect(f"{URL}/v2/back")
    answer = drive.probe([ASKS_BASIC, away, back, head(), away, got()])
    assert answer.reason == Reason.OK
    carried = [r.authorization is not None for r in drive.requests]
    # Who came back from elsewhere might have been sent anywhere.
    assert carried == [False, True, False, False, True, False]


def test_login_that_others_ask_for_is_not_given():
    away = redirect("https://cdn.example.com/x")
    asks = Response(401, ['Basic realm="hunter2"'])
    answer = probe([ASKS_BASIC, away, asks, away, asks])
    assert answer.reason == Reason.UNAUTHORIZED
    assert "sends the pull on to https://cdn.example.com, which wants a login" in answer.message


def test_failure_elsewhere_names_who_failed():
    away = redirect("https://cdn.example.com/x")
    assert "https://cdn.example.com answers with" in probe([away, Response(500)]).message


def test_web_page_of_a_proxy_before_a_registry_that_is_down():
    answer = probe([Response(502, content_type="text/html", is_foreign=True)])
    assert (answer.reason, answer.hint) == (Reason.UNREACHABLE, "try again later")
    assert answer.message == f"{HOST} answers with HTTP status 502"


def test_registry_may_lie_elsewhere():
    drive = Drive(registry="https://mirror.example.com")
    drive.probe([head(), got()], api="/a/v2", namespace=HOST)
    assert drive.requests[0].url == (
        f"https://mirror.example.com/a/v2/team/app/manifests/1?ns={HOST}"
    )


def test_host_that_cannot_be_asked():
    assert pullflow.failed(InvalidRegistry("x")).reason == Reason.BAD_REFERENCE


URLS = st.one_of(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["https://", "http://", "//", ""]),
        st.sampled_from([HOST, "evil.example.com", "169.254.169.254", "localhost", "a:1"]),
        st.sampled_from(["", "/v2/", "/token?x=y"]),
    ),
    st.text("htps:/@[]\\ .a%", max_size=20),
)
RESPONSES = st.builds(
    Response,
    st.sampled_from([200, 200, 401, 401, 307, 404, 405, 403, 429, 431, 500]),
    st.lists(st.one_of(st.just("Basic"), URLS.map('Bearer realm="{}"'.format)), max_size=2),
    URLS,
    st.booleans(),
    st.none() | st.just({"token": "t0k"}) | st.just({"errors": [{"code": "MANIFEST_UNKNOWN"}]}),
    st.sampled_from([OCI_MANIFEST, OCI_INDEX, "text/html", ""]),
    st.sampled_from(["", digest(MANIFEST), "hunter2"]),
    st.none() | st.integers(),
    st.text(max_size=3),
    st.sampled_from([MANIFEST, INDEX, b"", None]),
)


@given(
    st.lists(RESPONSES, min_size=60, max_size=60),
    st.sampled_from([ME, None, Credential("", "", Password("hunter2"))]),
)
def test_whatever_comes_there_is_an_answer_and_no_leak(responses, credential):
    """However hostile, it ends, and password and token go nowhere that they must not."""
    driven = Drive(credential)
    driven.access.want("repository:other:pull")
    flow = pullflow.probe(parse_image(APP), driven.access, AMD64, 0.0)
    answers = iter(responses)
    try:
        answer = drive(flow, driven.access, driven.requests, answers)
    except RegcredError as error:
        answer = pullflow.failed(error)
    answer = answer.without(driven.access.login.secrets())
    assert isinstance(answer.reason, Reason)
    assert "hunter2" not in repr(answer)
    for request in driven.requests:
        assert isinstance(request, Request)
        url = urlsplit(request.url)
        assert url.hostname not in ("169.254.169.254", "localhost")
        if request.form or (request.authorization or Password("")).reveal() == BASIC:
            assert url.scheme == "https"
        if (request.authorization or Password("")).reveal() == "Bearer t0k":
            assert f"{url.scheme}://{url.netloc}" == URL
