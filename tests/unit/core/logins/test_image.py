import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regcred.core.errors import InvalidImage
from regcred.core.logins.image import ImageReference, parse_image

SHA256 = "sha256:" + "a" * 64
SHA384 = "sha384:" + "0" * 96
SHA512 = "sha512:" + "f" * 128


@pytest.mark.parametrize("text", ["a.example/b", "a.example/b:1", f"a.example/b:1@{SHA256}"])
def test_is_spelled_in_full(text):
    assert str(parse_image(text)) == text


# Facts from the test tables of github.com/distribution/reference (normalize_test.go,
# reference_test.go), and answers of the library itself.
@pytest.mark.parametrize(
    ("text", "name", "tag", "digest"),
    [
        ("ubuntu", "docker.io/library/ubuntu", None, None),
        ("ubuntu:18.04", "docker.io/library/ubuntu", "18.04", None),
        ("docker.io/ubuntu", "docker.io/library/ubuntu", None, None),
        ("docker.io/library/ubuntu", "docker.io/library/ubuntu", None, None),
        ("index.docker.io/ubuntu", "docker.io/library/ubuntu", None, None),
        ("index.docker.io/me/app:1", "docker.io/me/app", "1", None),
        ("dmcgowan/myapp", "docker.io/dmcgowan/myapp", None, None),
        ("docker/docker", "docker.io/docker/docker", None, None),
        ("localhost/app", "localhost/app", None, None),
        ("localhost", "docker.io/library/localhost", None, None),
        ("localhost:5000", "docker.io/library/localhost", "5000", None),
        ("localhost:5000/app:1", "localhost:5000/app", "1", None),
        ("myhost/app", "docker.io/myhost/app", None, None),
        ("myhost:5000/app", "myhost:5000/app", None, None),
        ("MYHOST/app", "MYHOST/app", None, None),
        ("FOO.io/app", "FOO.io/app", None, None),
        ("gcr.io/p/app", "gcr.io/p/app", None, None),
        ("gcr.io/app", "gcr.io/app", None, None),
        ("127.0.0.1:5000/docker/docker", "127.0.0.1:5000/docker/docker", None, None),
        ("[::1]/app", "[::1]/app", None, None),
        ("[fe80::1]:5000/app:t", "[fe80::1]:5000/app", "t", None),
        ("xn--n3h.com:80/x", "xn--n3h.com:80/x", None, None),
        ("a.io/b__c/d---e/f_g.h", "a.io/b__c/d---e/f_g.h", None, None),
        # No domain by the grammar, and yet pulled from there.
        ("my_host.io/app", "my_host.io/app", None, None),
        (f"app@{SHA256}", "docker.io/library/app", None, SHA256),
        (f"gcr.io/p/app:1@{SHA512}", "gcr.io/p/app", "1", SHA512),
        (f"gcr.io/p/app@{SHA384}", "gcr.io/p/app", None, SHA384),
        ("app:" + "t" * 128, "docker.io/library/app", "t" * 128, None),
        ("a.io/" + "x" * 255, "a.io/" + "x" * 255, None, None),
        ("a" * 63, "docker.io/library/" + "a" * 63, None, None),
        (f"{'a' * 64}:latest", f"docker.io/library/{'a' * 64}", "latest", None),
    ],
)
def test_name_is_normalized(text, name, tag, digest):
    image = parse_image(text)
    assert (image.name, image.tag, image.digest) == (name, tag, digest)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" ubuntu", "white space"),
        ("ubuntu\n", "white space"),
        ("https://gcr.io/p/app", "has a scheme"),
        ("Ubuntu", "must be lower-case"),
        ("gcr.io/p/App", "must be lower-case"),
        ("docker.io/Library/ubuntu", "must be lower-case"),
        ("docker///docker", "does not follow"),
        ("-foo/bar", "does not follow"),
        ("foo__.io/bar", "does not follow"),
        ("my_host:5000/app", "does not follow"),
        ("gcr.io:/app", "does not follow"),
        ("gcr.io/app:", "does not follow"),
        ("app:" + "t" * 129, "does not follow"),
        ("app@sha256:abc", "does not follow"),
        ("[::1/app", "does not follow"),
        ("é.io/app", "does not follow"),
        ("/app", "does not follow"),
        ("a" * 64, "64 hexadecimal digits"),
        ("a.io/" + "x" * 256, "longer than 255"),
        ("x" * 248, "longer than 255"),
        (f"app@md5:{'a' * 32}", "algorithm md5 is none of sha256, sha384, sha512"),
        (f"app@sha256:{'a' * 63}", "a sha256 digest is 64 lower-case"),
        (f"app@sha256:{'A' * 64}", "a sha256 digest is 64 lower-case"),
        (f"app@sha256+b64:{'a' * 64}", "algorithm sha256.b64 is none of"),
    ],
)
def test_what_is_no_image_is_refused(text, why):
    with pytest.raises(InvalidImage, match=why) as caught:
        parse_image(text)
    assert repr(text)[:50] in caught.value.message
    assert caught.value.hint


def test_endless_text_is_not_repeated_whole():
    with pytest.raises(InvalidImage) as caught:
        parse_image("X" * 100_000)
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("text", "reference"),
    [("app", "latest"), ("app:1", "1"), (f"app@{SHA256}", SHA256), (f"app:1@{SHA256}", SHA256)],
)
def test_reference_is_what_a_pull_asks_for(text, reference):
    assert parse_image(text).reference == reference


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ubuntu", "registry-1.docker.io"),
        ("gcr.io/p/app", "gcr.io"),
        ("localhost:5000/app", "localhost:5000"),
    ],
)
def test_registry_host_is_what_is_dialed(text, host):
    assert parse_image(text).registry_host == host


COMPONENT = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
PATHS = st.lists(COMPONENT, min_size=2, max_size=4).map("/".join)
LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,5}[a-zA-Z0-9])?", fullmatch=True)
DOMAINS = st.one_of(
    st.builds("{}.{}".format, LABEL, LABEL),
    st.builds("{}:{}".format, LABEL, st.integers(0, 70000)),
    st.just("localhost"),
    st.just("docker.io"),
    st.just("[2001:db8::1]:443"),
)
TAGS = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
DIGESTS = st.none() | st.sampled_from([SHA256, SHA384, SHA512])
IMAGES = st.builds(ImageReference, DOMAINS, PATHS, TAGS, DIGESTS)


@given(IMAGES)
def test_normalized_references_stay_as_they_are(image):
    assert parse_image(str(image)) == image


@given(
    st.text()
    | st.text("ab.A/:@_-é[]0 \n", max_size=30)
    | st.builds("{}{}".format, IMAGES.map(str), st.text(max_size=2))
)
@example("\ud800")
def test_any_text_is_an_image_or_refused(text):
    try:
        image = parse_image(text)
    except InvalidImage:
        return
    assert parse_image(str(image)) == image
