import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regcred.core.registry.challenge import Challenge, parse_challenges

BASIC = Challenge("basic", {"realm": "r"})


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        (" , ,", []),
        ("Basic", [Challenge("basic")]),
        ('Basic realm="r"', [BASIC]),
        ("BASIC REALM=r", [BASIC]),
        ('basic\t realm \t=\t "r" ,', [BASIC]),
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
            [
                Challenge(
                    "bearer",
                    {"realm": "https://auth.docker.io/token", "service": "registry.docker.io"},
                )
            ],
        ),
        (
            'Bearer realm="r",scope="repository:a/b:pull,push",error="invalid_token"',
            [
                Challenge(
                    "bearer",
                    {"realm": "r", "scope": "repository:a/b:pull,push", "error": "invalid_token"},
                )
            ],
        ),
        # RFC 9110, section 11.6.1
        (
            'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
            [
                Challenge("basic", {"realm": "simple"}),
                Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ],
        ),
        ('Negotiate, Basic realm="r"', [Challenge("negotiate"), BASIC]),
        ('Negotiate YII==, Basic realm="r"', [Challenge("negotiate", {}, "YII=="), BASIC]),
        ('Basic realm="r", Negotiate YII/+~._-', [BASIC, Challenge("negotiate", {}, "YII/+~._-")]),
        ('Basic realm="a, Bearer realm=b"', [Challenge("basic", {"realm": "a, Bearer realm=b"})]),
        ('Basic realm="r", realm="x"', [BASIC]),
        # Not by the grammar, but met.
        (
            "Bearer realm=https://a/t?x=y,service=s",
            [Challenge("bearer", {"realm": "https://a/t?x=y", "service": "s"})],
        ),
        ('Bearer realm="r" service="s"', [Challenge("bearer", {"realm": "r", "service": "s"})]),
        ('Basic realm="r" Negotiate', [BASIC, Challenge("negotiate")]),
        ('Basic realm="r', [BASIC]),
        ('Basic realm="r\\', [BASIC]),
        ("Basic realm=", [Challenge("basic", {}, "realm=")]),
        ("Basic a=1,b= ,c=2", [Challenge("basic", {"a": "1", "b": "", "c": "2"})]),
        ('realm="r", Basic', [Challenge("basic")]),
        ('@"(Basic realm="r")', [BASIC]),
        ('Bearer realm="é\\ü"', [Challenge("bearer", {"realm": "éü"})]),
    ],
)
def test_header_is_read(header, challenges):
    assert parse_challenges([header]) == challenges


def test_headers_are_read_in_order():
    headers = ['Basic realm="r"', "", "Bearer, Negotiate"]
    assert [c.scheme for c in parse_challenges(headers)] == ["basic", "bearer", "negotiate"]


TOKENS = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=8)
NAMES = TOKENS.map(str.lower)
PARAMS = st.dictionaries(NAMES, st.text('abc ,="\\\té:/Basic', max_size=12), max_size=4)
TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,12}={0,2}", fullmatch=True)
CHALLENGES = st.one_of(
    st.builds(Challenge, NAMES, PARAMS), st.builds(Challenge, NAMES, st.just({}), TOKEN68)
)


@st.composite
def headers(draw):
    """A header that RFC 9110 allows, and the challenges in it."""
    challenges = draw(st.lists(CHALLENGES, max_size=4))
    space = st.sampled_from(["", " ", "\t ", "  "])
    parts = []
    for challenge in challenges:
        scheme = draw(st.sampled_from([str.upper, str.title, str]))(challenge.scheme)
        params = [
            draw(st.sampled_from([str.upper, str]))(name)
            + draw(space)
            + "="
            + draw(space)
            + draw(written(value))
            for name, value in challenge.params.items()
        ]
        first, *others = params or [challenge.token68]
        parts += [f"{scheme} {first}" if first else scheme, *others]
    commas = [draw(space) + draw(st.sampled_from([",", ", ,"])) + draw(space) for _ in parts]
    return "".join(part + comma for part, comma in zip(parts, commas, strict=True)), challenges


@st.composite
def written(draw, value):
    if value and all(c in "abc/:" for c in value) and draw(st.booleans()):
        return value
    pairs = ["\\" + c if c in '"\\' or draw(st.booleans()) else c for c in value]
    return '"' + "".join(pairs) + '"'


@given(headers())
def test_what_the_grammar_allows_is_read(header_and_challenges):
    header, challenges = header_and_challenges
    assert parse_challenges([header]) == challenges


@given(st.lists(st.text() | st.text('Basic realm="\\, =\t;', max_size=40)))
@example(['a="' + "\\" * 4_000])
@example(["a " * 4_000])
@example(["a=" * 4_000])
@example([", " * 4_000])
def test_any_header_is_read(texts):
    for challenge in parse_challenges(texts):
        assert challenge.scheme == challenge.scheme.lower() != ""
