"""No secret of a runtime's text is shown, and no image's name or digest is lost."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.pods.pullredact import MOST, show
from regcred.core.pods.pulltext import Network, PullError, parse
from regcred.core.problem import Reason

DIGEST = "sha256:7272a6e0f728e95c8641d219676605f3b9e4759abbdb6b39e5bbd194ce55ebaf"
TAG = "GitActionsNew-2e7e78f7bb157128f1853b0dc06bf7ccd13156d7"
LONG = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2ln"


@pytest.mark.parametrize(
    "text",
    [
        f'Failed to pull image "registry.example.com/team/app:{TAG}": odd',
        f"reading manifest {TAG} in registry.example.com/team/app: odd",
        f'pulling "registry.example.com/team/app@{DIGEST}" is odd',
        f"pulling registry.example.com:5000/team/app@{DIGEST} is odd",
        f"layer-{DIGEST} is odd",
        f"docker://registry.example.com:5000/team/app:{TAG}@{DIGEST}: odd",
        "docker://nginx:latest: odd",
        f'Head "https://registry.example.com/v2/team/app/manifests/{TAG}": odd',
        f"https://registry.example.com/v2/team/app/blobs/{DIGEST}?ns=docker.io odd",
        "https://auth.example.com/token?scope=repository%3Ateam%2Fapp%3Apull&service=it odd",
        f'image "registry.example.com/team/app:{TAG}": registry.example.com/team/app:{TAG} is odd',
        'image "registry.example.com/team/secret:v1-with-a-long-name-1": odd',
        "Pod team-a/octarine-guardrails-enforcer-5888cf98bf-xzklp is odd",
        "open /var/lib/containerd/tmpmounts/containerd-mount252943319/lib: odd",
        "sha256-7272a6e0f728e95c8641d219676605f3b9e4759abbdb6b39e5bbd194ce55ebaf.sig is odd",
        "https://[2001:db8::1]:5000/v2/ odd",
        "no basic auth credentials, no bearer token, Basic authentication: odd",
        'challenge: Bearer realm="https://auth.example.com/token",service="it": odd',
        "failed to fetch oauth token: unexpected thing: odd",
        "invalid username/password: unauthorized thing: odd",
        "may require authorization: server message: odd",
        "may require authorization: authorization failed: odd",
        "https://registry.example.com/v2/#",
        "mail me@example.com, odd",
        "an-odd-word-that-has-no-digit-at-all-but-is-Long",
        "123456789012345678901234567890",
    ],
)
def test_what_is_no_secret_stays(text):
    assert show(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@h.example/v2/", "https://********@h.example/v2/"),
        ("https://pw@h.example/v2/x", "https://********@h.example/v2/x"),
        ('parse "https://me:p w@h.example/": odd', 'parse "https://********@h.example/": odd'),
        ("https://me:p/w@h.example/x", "https://********@h.example/x"),
        ("https://me:p?w@h.example/x", "https://********@h.example/x"),
        ("https://me:12/34@h.example/x", "https://********@h.example/x"),
        ("https://me:pw", "https://me:********"),
        ('proxy "http://me:p]#w@h.example:3128"', 'proxy "http://********@h.example:3128"'),
        ("docker://me:pw@h.example/x:1", "docker://********@h.example/x:1"),
        ("://me:pw@h.example", "://********@h.example"),
        ("me:pw@h.example/x", "********@h.example/x"),
        (f"me:pw@h.example/x@{DIGEST}", f"********@h.example/x@{DIGEST}"),
        ("https://h.example/x?sig=pw&ns=a", "https://h.example/x?sig=********&ns=a"),
        ("https://h.example/x?pw", "https://h.example/x?********"),
        ("https://h.example/x?", "https://h.example/x?"),
        ("https://h.example/x#pw=1", "https://h.example/x#********"),
        (f"https://h.example/x?{LONG}=1", "https://h.example/x?********"),
        (f"https://h.example/x?ns={JWT}", "https://h.example/x?ns=********"),
        (f"https://h.example/s/{LONG}/x", "https://h.example/s/********/x"),
        (f"https://h.example/sha256/{LONG}/x", "https://h.example/sha256/********/x"),
        (
            "https://h.example/sha256/72/7272a6e0f728e95c8641d219676605f3b9e4759abbdb6b39e5bbd194c"
            "e55ebaf/data",
            "https://h.example/sha256/72/7272a6e0f728e95c8641d219676605f3b9e4759abbdb6b39e5bbd194c"
            "e55ebaf/data",
        ),
        (f"https://h.example/v2/{JWT}/x", "https://h.example/v2/********/x"),
        ("https://h.example/x?a=1\\u0026sig=pw", "https://h.example/x?a=********\\u0026sig=********"),
        ('\\"https://h.example/x?sig=p w\\", odd', '\\"https://h.example/x?sig=********\\", odd'),
        ('"https://h.example/x?sig=p w', '"https://h.example/x?sig=********'),
        ("password=http://pw odd", "password=******** odd"),
        ("Authorization: Basic pw", "Authorization: ********"),
        ("Authorization: Bearer pw odd", "Authorization: ******** odd"),
        ('{"Authorization":"Bearer pw"}', '{"Authorization":********'),
        ("authorization: pw odd", "authorization: ******** odd"),
        ("sent Basic bWU6cHc= there", "sent Basic ******** there"),
        ("sent bearer pw there", "sent bearer ******** there"),
        ('{"password":"p\\"w x","a":1}', '{"password":********,"a":1}'),
        ('{\\"token\\":\\"p w\\",\\"a\\":1}', '{\\"token\\":********,\\"a\\":1}'),
        ('{"auth": "bWU6cHc="}', '{"auth": ********}'),
        ('{"identitytoken":"pw', '{"identitytoken":********'),
        ("client_secret=p,w odd", "client_secret=******** odd"),
        ("password: p'w odd", "password: ******** odd"),
        ("X-Amz-Security-Token=pw odd", "X-Amz-Security-Token=******** odd"),
        ("sig=pw se=pw odd", "sig=******** se=******** odd"),
        ("the token registry.example.com/team/app:1 is odd",) * 2,
        (f"a {LONG} b", "a ******** b"),
        (f"a {JWT} b", "a ******** b"),
        ("a AKIAIOSFODNN7EXAMPLE b", "a ******** b"),
        ("a ghp_abcdefghij b", "a ******** b"),
        ("a 01234567-89ab-cdef-0123-456789abcdef b", "a ******** b"),
        (f"a sha256:{LONG} b", "a sha256:******** b"),
        ("a " + "0f" * 32 + " b", "a ******** b"),
        ("<AWSAccessKeyId>pw x</AWSAccessKeyId>", "<AWSAccessKeyId>********</AWSAccessKeyId>"),
        ('invalid decoded auth: "me pw"', "invalid decoded auth: ********"),
        ("invalid character 'p' in literal", "invalid character ******** in literal"),
        ("invalid character '\\'' in literal", "invalid character ******** in literal"),
        ('invalid character " " in host name', "invalid character ******** in host name"),
        ("invalid character '<' looking", "invalid character '<' looking"),
        ('invalid port ":pw" after host', "invalid port ******** after host"),
        ("cannot unmarshal number 123.4 into", "cannot unmarshal number ******** into"),
        ('unmarshal object key "p w" into x',) * 2,
        ('cannot unmarshal object key "p w" into x', "cannot unmarshal object key ******** into x"),
        (f'token: registry.example.com/{LONG}x: not found', "token: ******** not found"),
        ("\x1b[31mred\x1b[0m\x1b]0;title\x07 a\nb\tc\x00d\u202ee\ud800", "red a b c d e"),
    ],
)  # fmt: skip
def test_secrets_are_hidden(text, shown):
    assert show(text) == shown
    assert show(shown) == shown


def test_what_the_wrapping_stood_between_is_redacted_as_well():
    said = parse("401 Unauthorized: token: rpc error: code = Unknown desc = pw")
    assert said.text == "401 Unauthorized: token: ********"


def test_a_long_text_shows_its_beginning_and_its_end():
    shown = show("begin " + "word " * 5_000 + "end")
    assert len(shown) == MOST
    assert shown.startswith("begin word")
    assert shown.endswith("word end")
    assert show(shown) == shown


def test_a_very_long_text_is_not_cut_within_a_word():
    assert show("https://me:12" + "3" * 200_000 + "@h.example") == ""
    assert show("a https://me:12" + "3" * 200_000 + "@h.example") == "a"


@pytest.mark.parametrize(
    "piece",
    ["a", "a1", "@", "a:@", "://", '"', '\\"', "token: ", "token=", "x:y@", "<key>", " in a/b",
     'image "a/b" ', "(Mirrors also failed: [", "eyJ", "&", "'", "Bearer ", "status code ["],
)  # fmt: skip
def test_megabytes_take_no_time(piece):
    # No clock: what takes more than linear time would run into pytest's time-out.
    assert isinstance(parse(piece * (1_000_000 // len(piece))), PullError)


@given(st.text(max_size=2_000))
def test_any_text_gets_an_answer(text):
    said = parse(text)
    assert said.text.isprintable()
    assert len(said.text) <= MOST
    assert (said.network is not None) == (said.reason is Reason.UNREACHABLE)
    assert parse(said.text).reason in (said.reason, Reason.UNKNOWN)


PIECES = st.sampled_from(
    ['"', "\\", "://", "@", ":", "/", "?", "&", "=", " ", "\n", "token", "password", "Bearer ",
     "Authorization: ", "https://", "docker://", 'image "a/b:1"', DIGEST, "401 Unauthorized",
     "not found", "rpc error: code = NotFound desc = ", "Error: ", "a", "1", "A", "'", "<key>",
     'Back-off pulling image "x": ', "denied: ", "i/o timeout", "x509: ", "(Mirrors also failed: [",
     "]): ", "ErrImagePull: ", "\x1b[1m", "********",
     'failed to "StartContainer" for "x" with E: "']
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_text_of_their_words_gets_an_answer(text):
    said = parse(text)
    assert said.text.isprintable()
    assert parse(said.text).reason in (said.reason, Reason.UNKNOWN)


LETTERS = string.ascii_letters + string.digits
#: What a password may have; Go encodes the rest where it writes a URL's user.
PUNCTUATION = "!#$%()*+,-./;=?[]^_{|}~"
MARK = "Xq7Zk"
plain = st.text(LETTERS, max_size=12).map(lambda rest: f"{MARK}{rest}")
odd = st.text(LETTERS + PUNCTUATION, max_size=12).map(lambda rest: f"{MARK}{rest}{MARK}")
encoded = st.text(LETTERS + "$&+,;=%-_.~", max_size=12).map(lambda rest: f"{MARK}{rest}{MARK}")
long = st.text(LETTERS, min_size=20, max_size=80).map(lambda rest: f"{MARK}{rest}")
value = st.text(LETTERS + "%-_.~+/:@,!*()$[]", max_size=30).map(lambda rest: f"{MARK}{rest}{MARK}")
PLACES = [
    *[
        (form, encoded)
        for form in (
            'Head "https://me:{}@h.example/v2/": EOF',
            "Get https://me:{}@h.example:5000/v2/: EOF",
            "https://{}@h.example/x",
            "docker://me:{}@h.example/x:1: EOF",
            "(https://me:{}@h.example), EOF",
        )
    ],
    *[
        (form, odd)
        for form in (
            'invalid proxy address "http://me:{}@h.example:3128": EOF',
            'parse "https://me:{}@h.example/": EOF',
            "password={} EOF",
            "password: {} EOF",
            "sent Bearer {} EOF",
            "sent Basic {} EOF",
            "Authorization: Basic {} EOF",
            "Authorization: Bearer {} EOF",
            "authorization: bearer {} EOF",
            '{{"password":"{}","a":1}}',
            '{{\\"token\\": \\"{}\\"}}',
            "X-Amz-Signature={} EOF",
            "sig={} EOF",
        )
    ],
    *[
        (f'failed to do request: Get "https://h.example/x?ns=a&{name}={{}}&z=1": EOF', value)
        for name in (
            "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "Signature", "sig",
            "se", "sp", "sv", "AWSAccessKeyId", "Expires", "token", "access_token", "refresh_token",
            "account", "client_id", "x",
        )
    ],
    ("Get https://h.example/x?{}: EOF", value),
    ("Get https://h.example/x?a=1\\u0026sig={} EOF", plain),
    ("Get https://h.example/#access_token={} EOF", plain),
    ("me:{}@h.example/x", plain),
    ("got {} there", long.map(lambda s: f"{s}1a")),
    ("got:{}: there", long.map(lambda s: f"{s}1a")),
    ("got eyJ{} there", plain),
    ("got eyJh.eyJ{}.x there", plain),
    ("got ghp_{} there", plain.map(lambda s: f"{s}abcdef")),
    ("<AWSAccessKeyId>{}</AWSAccessKeyId>", odd),
    ('invalid decoded auth: "{}"', odd),
]  # fmt: skip
AROUND = [
    "{}",
    'Failed to pull image "h.example/team/app:1": rpc error: code = Unknown desc = {}',
    'Back-off pulling image "h.example/team/app:1": ErrImagePull: [{}, 401 Unauthorized]',
    "initializing source docker://h.example/team/app:1: reading manifest 1 in h.example/app: {}",
    "(Mirrors also failed: [m.example/x:1: {}]): h.example/x:1: unauthorized: no",
    "failed to \"StartContainer\" for \"x\" with ErrImagePull: \"{}\"",
    "a\n{}\n\x1b[31mb",
]  # fmt: skip


@given(st.sampled_from(PLACES).flatmap(lambda p: p[1].map(p[0].format)), st.sampled_from(AROUND))
def test_a_secret_never_shows(text, around):
    said = parse(around.format(text))
    assert MARK not in said.text
    assert MARK.lower() not in said.host


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("x509: certificate signed by unknown authority", Network.TLS),
        ("dial tcp: lookup x: no such host", Network.DNS),
        ("unexpected status code 500", Network.OTHER),
    ],
)
def test_the_network_is_named(text, network):
    assert parse(text).network is network


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # An image's name, whatever it is, is not what happened.
        ('resolve reference "r.io/denied: ": r.io/toomanyrequests:1: odd', Reason.UNKNOWN),
        ("https://r.io/v2/manifest_unknown/404: 401 Unauthorized", Reason.UNAUTHORIZED),
        ('Failed to pull image "unauthorized/x509:1": odd', Reason.UNKNOWN),
        # kubelet's own word counts where the runtime says nothing else.
        ("rpc error: code = NotFound desc = odd", Reason.NOT_FOUND),
        ("rpc error: code = PermissionDenied desc = odd", Reason.FORBIDDEN),
        ("RegistryUnavailable: odd", Reason.UNREACHABLE),
        # Somebody who may ask was told so.
        ("[rpc error: code = A desc = 401 Unauthorized, r.io/x:1: not found]", Reason.NOT_FOUND),
        ("[403 Forbidden, 401 Unauthorized]", Reason.FORBIDDEN),
        ("[401 Unauthorized, i/o timeout]", Reason.UNAUTHORIZED),
        ("certificate has expired or is not yet valid", Reason.UNREACHABLE),
        ("", Reason.UNKNOWN),
        ("Error: ", Reason.UNKNOWN),
        ('Failed to pull image "x": ', Reason.UNKNOWN),
    ],
)  # fmt: skip
def test_what_counts(text, reason):
    assert parse(text).reason is reason


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Get https://me:pw@H.example./v2/: 401 Unauthorized", "h.example"),
        ("Get https://[2001:db8::1]:5000/v2/: 401 Unauthorized", "[2001:db8::1]:5000"),
        ("reading manifest 1 in team/app: unauthorized: no", ""),
        ("reading manifest 1 in localhost/app: unauthorized: no", "localhost"),
        ("proxyconnect tcp: EOF", ""),
        ("proxyconnect tcp: dial tcp: lookup Proxy.example on 10.0.0.1:53: odd", "proxy.example"),
    ],
)
def test_the_host(text, host):
    assert parse(text).host == host


def test_secrets_that_are_known_are_hidden_wherever_they_stand():
    text = "failed to pull: bad password hunter2Secret for bob, or aHVudGVyMg== or abc: 401"
    found = parse(text, hide={"hunter2Secret", "aHVudGVyMg==", "abc"})
    assert "hunter2Secret" not in found.text
    assert "aHVudGVyMg==" not in found.text
    assert "bob, or ******** or abc" in found.text


UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
POD = f"pod=web-767868b8bf-ccznt_team-a({UID})"
CALLED = (POD, "web-767868b8bf-ccznt-of-a-long-name-1", UID)


@pytest.mark.parametrize(
    "text",
    [
        f"back-off 10s restarting failed container=app {POD}",
        f"the pod {UID} is gone",
        'pod "web-767868b8bf-ccznt-of-a-long-name-1" is gone',
    ],
)
def test_what_a_pod_is_called_is_shown(text):
    assert show(text, CALLED) == text
    assert show(text) != text or "name" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token: {UID}", "token: ********"),
        (f"password={UID} x", "password=******** x"),
        (f"Bearer {LONG}{UID}", "Bearer ********"),
        (f"{LONG}={UID}", "********" * 2),
        (f"pod=other-1_team-a({UID[:-1]}1)", "pod=other-1_team-a(********)"),
        (f"container={LONG} {POD}", f"********{POD}"),
        (f"https://me:{UID}@r.example.com/v2/ {UID}", f"https://********@r.example.com/v2/ {UID}"),
        (f"https://r.example.com/a?sig={UID}", "https://r.example.com/a?sig=********"),
    ],
)
def test_beside_what_a_pod_is_called_secrets_are_hidden(text, shown):
    assert LONG not in show(text, CALLED)
    assert show(text, CALLED).replace(" ", "") == shown.replace(" ", "")
