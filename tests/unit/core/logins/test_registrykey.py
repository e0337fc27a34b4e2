import re
from contextlib import suppress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from regcred.core.errors import InvalidImage, InvalidRegistry
from regcred.core.logins.image import parse_image
from regcred.core.logins.registrykey import (
    DOCKER_HUB_KEY,
    RegistryKey,
    display,
    endpoint_host,
    is_docker_hub,
    is_loopback,
    login_key,
    matches,
    never_matches,
    parse_registry,
    warnings,
)


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("gcr.io", "gcr.io", ""),
        ("https://gcr.io", "gcr.io", ""),
        ("http://gcr.io:5000/", "gcr.io:5000", ""),
        (DOCKER_HUB_KEY, "index.docker.io", ""),
        ("https://index.docker.io/v1", "index.docker.io", "/v1"),
        ("gcr.io/v2/", "gcr.io", ""),
        ("gcr.io/v2/p", "gcr.io", "/p"),
        ("gcr.io/v2/v2/", "gcr.io", "/v2/"),
        ("gcr.io/v2//", "gcr.io", "//"),
        ("gcr.io/p/", "gcr.io", "/p/"),
        ("*.gcr.io", "*.gcr.io", ""),
        ("u:p@gcr.io/x", "gcr.io", "/x"),
        ("gcr.io/x?y#z", "gcr.io", "/x"),
        ("[::1]:5000", "[::1]:5000", ""),
        ("[fe80::1%25eth%200]", "[fe80::1%eth 0]", ""),
        ("gcr.io:", "gcr.io:", ""),
        ("gcr.io/%41%2F", "gcr.io", "/A/"),
        ("%c3%a9.io", "é.io", ""),
        ("é.io/%ff", "é.io", "/\udcff"),
        ("HTTPS://gcr.io", "HTTPS:", "//gcr.io"),
        ("", "", ""),
    ],
)
def test_key_is_read_as_kubelet_does(text, host, path):
    key = parse_registry(text)
    assert (key.text, key.host, key.path, key.index) == (text, host, path, host + path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gcr io", "cannot have ' '"),
        ("gcr.io\t", "control character"),
        ("gcr.io:*", "port is not a number"),
        ("gcr.io:5x", "port is not a number"),
        ("::1", "IPv6 address must stand in .brackets"),
        ("[::1", "] that ends the IPv6 address is missing"),
        ("[1.2.3.4]", "is not an IPv6 address"),
        ("[::1%25]", "zone is empty"),
        ("[::1%25a b]", "cannot have ' '"),
        ("[::1%25%41%ff]", "cannot have %ff"),
        ("[::1]x", "port is not a number"),
        ("[[::1]]", "can only begin an IPv6 address"),
        ("gcr[0-9].io", "can only begin an IPv6 address"),
        ("gcr%41.io", "cannot have %41"),
        ("gcr%.io", "cannot have '%'"),
        ("gcr.io/%zz", "not followed by two hexadecimal"),
        ("gcr.io/x#%", "not followed by two hexadecimal"),
        ("%@gcr.io", "not followed by two hexadecimal"),
        ("a b@gcr.io", "user before the @"),
        ("{}.io", "cannot have '{'"),
        ("gcr\\.io", r"cannot have '\\\\'"),
    ],
)
def test_what_kubelet_drops_is_refused(text, why):
    with pytest.raises(InvalidRegistry, match=why) as caught:
        parse_registry(text)
    assert caught.value.hint
    assert re.search("kubelet drops it, since .*" + why, never_matches(text))
    assert not matches(text, "gcr.io/x")


# The cases of kubelet's own tests are among these (keyring_test.go).
@pytest.mark.parametrize(
    ("key", "image", "matched"),
    [
        ("*.kubernetes.io", "prefix.kubernetes.io/x", True),
        ("prefix.*.io", "prefix.kubernetes.io/x", True),
        ("prefix.kubernetes.*", "prefix.kubernetes.io/x", True),
        ("*-good.kubernetes.io", "prefix-good.kubernetes.io/x", True),
        ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah", True),
        ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar", True),
        ("*.kubernetes.io:1111/blah", "prefix.kubernetes.io:1111/blah", True),
        ("*.kubernetes.io", "kubernetes.io/x", False),
        ("*.*.kubernetes.io", "prefix.kubernetes.io/x", False),
        ("*kubernetes.io", "a.kubernetes.io/x", False),
        ("*kubernetes.io", "kubernetes.io/x", True),
        ("kubernetes.io", "kubernetes.com/x", False),
        ("k*.io", "quay.io/x", False),
        ("*.kubernetes.io:1234/blah", "prefix.kubernetes.io:1111/blah", False),
        ("prefix.*.io/foo", "prefix.kubernetes.io:1111/foo/bar", False),
        ("https://*.docker.io/v2/", "prefix.docker.io/path", True),
        ("a*b*c.io", "abc.io/x", True),
        ("a*b*c.io", "axbybc.io/x", True),
        ("a*b*c.io", "axc.io/x", False),
        ("a**c.io", "ac.io/x", True),
        ("ab*ba.io", "aba.io/x", False),
        ("gcr.io", "gcr.io/p/app", True),
        ("gcr.io", "eu.gcr.io/p/app", False),
        ("gcr.io:443", "gcr.io/p/app", False),
        ("gcr.io:", "gcr.io/p/app", True),
        ("gcr.io/proj", "gcr.io/project2/app", True),
        ("gcr.io/proj/", "gcr.io/project2/app", False),
        ("gcr.io/%3Fx", "gcr.io/app", True),
        ("gcr.io/%2541", "gcr.io/app", False),
        ("gcr.io/%25zz", "gcr.io/app", False),
        ("docker.io", "docker.io/library/x", True),
        (DOCKER_HUB_KEY, "docker.io/library/x", False),
        ("[::1]:5000", "[::1]:5000/x", True),
        ("[::1]", "[::1]/x", False),
        ("[FE80::1]", "F/x", True),
        ("GCR.io", "gcr.io/x", False),
        ("gcr.io", "not an image", False),
    ],
)
def test_match_is_kubelets(key, image, matched):
    assert matches(key, image) is matched
    assert matches(parse_registry(key), image) is matched


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "it has no host"),
        ("/x", "it has no host"),
        (":5000", "it has no host"),
        ("https://index.docker.io/v1", "slash at its end is missing; write https://index.docker"),
        ("index.docker.io/me", "only without a path; write docker.io/me"),
        ("hub.docker.com", "a web site and no registry; write https://index.docker.io/v1/"),
        ("hub.docker.com/r/me/app", "a web site and no registry"),
        ("myreg", "write myreg:PORT, or the full host name"),
        ("HTTPS://gcr.io", "a host has a dot or a port"),
        ("[::1]", "takes an IPv6 address without a port for a pattern"),
        ("gcr..io", "an empty part between dots"),
        ("gcr.io.", "an empty part between dots"),
        ("my_reg:5000", "no image's host can be my_reg:5000"),
        ("-gcr.io", "no image's host can be -gcr.io"),
        ("gcr.io,quay.io", "no image's host can be gcr.io,quay.io"),
        ("asia.gcr.io/p/app:latest", "tag and digest do not belong here; write asia.gcr.io/p/app$"),
        (f"gcr.io/x@sha256:{'a' * 64}", "tag and digest do not belong here; write gcr.io/x$"),
        ("gcr.io/Proj", "repositories are lower-case; write gcr.io/proj"),
        ("gcr.io/*", "a . works in the host only"),
        ("gcr.io//x", "no empty part between slashes"),
        ("gcr.io/ x", "no repository's name can begin with ' x'"),
        ("gcr.io/" + "x" * 256, "no repository's name can begin with 'x"),
        ("gcr.io/%41", "kubelet decodes % escapes"),
        ("gcr.io/%25zz", "kubelet decodes % escapes"),
        ("docker.io/" + "x" * 254, "no repository's name can begin with 'x"),
    ],
)
def test_key_that_can_match_nothing_says_why(key, why):
    assert re.search(why, never_matches(key))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("gcr.io", ""),
        (DOCKER_HUB_KEY, ""),
        ("localhost", ""),
        ("gcr.io/proj/", ""),
        ("user@gcr.io", "ignores the user"),
        ("https://user@gcr.io", "ignores the user"),
        ("gcr.io?x", "ignores what follows"),
        ("GCR.io", "same upper-case letters"),
        ("my_reg.io", "underscore"),
        ("gcr.io:443", "written with :443"),
        ("*", "only hosts without a dot"),
        ("x*", "only hosts without a dot"),
        ("*.docker.io", "never matches Docker Hub's images"),
        ("registry-1.docker.io", "never matches Docker Hub's images"),
        ("gcr.io/v2", "beginning of a path"),
        ("gcr.io/proj", "gcr.io/proj2 matches as well"),
    ],
)
def test_unusual_keys_are_warned_of(key, said):
    assert never_matches(key) == ""
    found = warnings(parse_registry(key))
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("gcr.io", "gcr.io"),
        ("https://GCR.io/", "gcr.io"),
        ("HTTP://localhost:5000", "localhost:5000"),
        ("gcr.io/v2/", "gcr.io"),
        ("https://gcr.io/v2", "gcr.io"),
        ("gcr.io/v1/p/", "gcr.io/p"),
        ("asia-docker.pkg.dev/proj/repo/", "asia-docker.pkg.dev/proj/repo"),
        ("docker.io", DOCKER_HUB_KEY),
        ("index.docker.io", DOCKER_HUB_KEY),
        (DOCKER_HUB_KEY, DOCKER_HUB_KEY),
        ("https://registry-1.docker.io/v2/", DOCKER_HUB_KEY),
        ("hub.docker.com/r/me/app", DOCKER_HUB_KEY),
        ("index.docker.io/me", "docker.io/me"),
        ("*.azurecr.io", "*.azurecr.io"),
    ],
)
def test_login_writes_the_key_that_matches(text, key):
    assert login_key(text).text == key


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("me:hunter2@gcr.io", "has a user in it"),
        ("me:h/unter2@gcr.io", "port is not a number"),
        ("gcr.io?hunter2", "a . or # has no place in it"),
        ("gcr.io/p/app:latest", "write gcr.io/p/app"),
        ("gcr.io/Proj", "write gcr.io/proj"),
        ("my reg", "cannot have ' '"),
        ("myreg", "write myreg:PORT"),
        ("", "it has no host"),
    ],
)
def test_login_refuses_what_matches_nothing(text, why):
    with pytest.raises(InvalidRegistry) as caught:
        login_key(text)
    assert re.search(why, f"{caught.value.message}; {caught.value.hint}")
    assert "unter2" not in caught.value.message.replace("gcr.io?hunter2", "")


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("gcr.io/p", "gcr.io"),
        ("GCR.io:", "gcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        (DOCKER_HUB_KEY, "registry-1.docker.io"),
        ("docker.io/me", "registry-1.docker.io"),
    ],
)
def test_endpoint_is_the_host_to_dial(key, host):
    assert endpoint_host(parse_registry(key)) == host


@pytest.mark.parametrize(("key", "why"), [("*.gcr.io", "is a pattern"), ("", "has no host")])
def test_key_without_one_host_has_no_endpoint(key, why):
    with pytest.raises(InvalidRegistry, match=why):
        endpoint_host(parse_registry(key))


def test_docker_hub_is_known_by_its_names():
    assert is_docker_hub(parse_registry("Docker.io/me"))
    assert not is_docker_hub(parse_registry("gcr.io"))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:5000",
        "127.0.0.1",
        "127.1.2.3:5000",
        "[::1]",
        "[::1]:5000",
        "::1",
        "::ffff:127.0.0.1",
    ],
)
def test_loopback_is_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["gcr.io", "localhost.example.com", "128.0.0.1:5000", "[::2]:5000", "", "127.0.0.1.x"]
)
def test_others_are_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gcr.io", "'gcr.io'"),
        ("https://me:hunter2@gcr.io", "'https://***@gcr.io'"),
        ("me:hun/ter2@gcr.io", "'***@gcr.io'"),
        (f"gcr.io/x@sha256:{'a' * 64}", f"'gcr.io/x@sha256:{'a' * 64}'"),
        ("x" * 1000, f"'{'x' * 200}…'"),
    ],
)
def test_display_hides_passwords(text, shown):
    assert display(text) == shown


LABELS = st.from_regex(r"[a-zA-Z0-9*_]([a-zA-Z0-9*_-]{0,4}[a-zA-Z0-9*])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=3).map(".".join),
    st.sampled_from(["docker.io", "index.docker.io", "localhost", "[2001:db8::1]", "*.docker.*"]),
)
PORTS = st.sampled_from(["", "", ":5000", ":443", ":"])
PATHS = st.one_of(
    st.just(""),
    st.sampled_from(["/", "/v1/", "/v2", "/p/", "/p/a:t", "/P", "//", "/%3F", "/%41", "/p.", "/_"]),
    st.text("ab/._-", max_size=8).map("/{}".format),
    st.integers(250, 256).map(lambda n: "/" + "x" * n),
)
KEYS = st.builds("{}{}{}{}".format, st.sampled_from(["", "https://", "u@"]), HOSTS, PORTS, PATHS)
# Images are made from keys, so that near misses are frequent.
IMAGES = st.builds(
    "{}{}/{}".format,
    HOSTS.map(lambda h: h.replace("*", "x")),
    PORTS,
    st.sampled_from(["", "x", "p/", "p/x", "library/"]).map("{}y".format),
)


def image_of(key):
    """An image that the key matches, made without a look at how never_matches decides."""
    host = key.host.replace("*", "q")
    if "." not in host and ":" not in host.rstrip(":"):
        host = "localhost" if matches(host_only(key), "localhost/x") else key.host.replace("*", "Q")
    path = key.path.partition("?")[0] or "/"
    for end in ("", "q", "/q"):
        try:
            image = parse_image(host.removesuffix(":") + path + end)
        except InvalidImage:
            continue
        if matches(key, image.name):
            return image
    return None


def host_only(key):
    return parse_registry(key.host)


def on_bare_ipv6(name):
    return name.partition("/")[0].endswith("]")


@given(KEYS)
@example("docker.io/" + "x" * 253)
@example("docker.io/" + "x" * 254)
@example("*l*")
def test_key_matches_some_image_or_says_why_not(text):
    key = parse_registry(text)
    if never_matches(key):
        assert image_of(key) is None
    elif key.index != "index.docker.io":
        assert image_of(key) is not None


@given(KEYS, IMAGES)
def test_key_that_says_it_never_matches_never_does(text, image):
    try:
        name = parse_image(image).name
    except InvalidImage:
        assume(False)
    assume(not on_bare_ipv6(name))
    if never_matches(text):
        assert not matches(text, name)


@given(st.text() | KEYS.flatmap(lambda k: st.text(max_size=2).map(k.__add__)))
@example("\ud800")
@example("[::1%25\udcff]/\udcff%ff")
def test_any_text_is_a_registry_or_refused(text):
    why = never_matches(text)
    try:
        key = parse_registry(text)
    except InvalidRegistry:
        assert why
        return
    assert all(warnings(key))
    with suppress(InvalidRegistry):
        assert login_key(text).text
    with suppress(InvalidRegistry):
        assert endpoint_host(key)


@given(KEYS)
def test_what_login_writes_is_stable_and_matches(text):
    try:
        key = login_key(text)
    except InvalidRegistry:
        return
    assert login_key(key.text) == key
    assert never_matches(key) == ""


def test_an_ipv6_address_with_a_port_has_images():
    assert never_matches("[::1]:5000") == ""
    assert matches("[::1]:5000", "[::1]:5000/app")


@pytest.mark.parametrize("key", ["a.example/%0a", "a.example:5/%25"])
def test_an_index_that_is_no_url_matches_nothing(key):
    assert "decodes % escapes" in never_matches(key)


@pytest.mark.parametrize("text", ["[" + ":" * 9000 + "]", "a" * 9000, "r/" + "A" * 9000])
def test_of_a_key_without_end_a_part_is_said(text):
    assert len(never_matches(text)) <= 1000
    assert all(len(warning) < 1100 for warning in warnings(RegistryKey(text, "r", f"/{text}")))
    with pytest.raises(InvalidRegistry) as caught:
        login_key(text)
    assert len(caught.value.message) + len(caught.value.hint) < 3000


def test_a_key_that_is_read_as_it_was_written():
    key = login_key("r.example.com/v1/v2/team")
    assert key.text == "r.example.com/team"
    assert login_key(key.text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://https://r.example.com:5000/team", "r.example.com:5000/team"),
        ("HTTP://https://docker.io", "https://index.docker.io/v1/"),
    ],
)
def test_schemes_go_from_the_beginning(text, key):
    assert login_key(text).text == key
    assert login_key(key).text == key


def test_a_scheme_elsewhere_is_none():
    with pytest.raises(InvalidRegistry):
        login_key("r.example.com/https://x")
