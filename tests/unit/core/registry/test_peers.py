import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.registry.peers import BadPeerURL, is_off_limits, may_have_password, origin


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://Auth.Example.com/token?x=y", ("https", "auth.example.com", 443)),
        ("http://a:5000", ("http", "a", 5000)),
        ("HTTP://[::1]/", ("http", "::1", 80)),
    ],
)
def test_origin_is_scheme_host_and_port(url, parts):
    assert origin(url) == parts


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/",
        "//a/",
        "https:///token",
        "https://",
        "https://[::1/",
        "https://a:99999/",
        "https://a:x/",
        "https://evil@a/",
        "https://a\\@evil/",
        "https://a b/",
        "https://a\n/",
        "https://é/",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_plain_url_has_no_origin(url):
    with pytest.raises(BadPeerURL):
        origin(url)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata",
    ],
)
def test_metadata_services_are_off_limits(host):
    assert is_off_limits(host)


@pytest.mark.parametrize(
    "host",
    ["auth.docker.io", "10.0.0.1", "127.0.0.1", "::1", "fd00::1", "192.168.1.1", "metadata.io"],
)
def test_other_hosts_are_not(host):
    assert not is_off_limits(host)


@pytest.mark.parametrize(
    ("peer", "registry", "may"),
    [
        ("https://auth.docker.io/token", "https://registry-1.docker.io", True),
        ("https://auth.example.com", "http://example.com:5000", True),
        ("http://auth.example.com", "https://example.com", False),
        ("http://auth.example.com", "http://example.com:5000", False),
        ("http://example.com/token", "https://example.com", False),
        ("http://example.com:5001/token", "http://example.com:5000", True),
        ("http://localhost:5001/token", "http://127.0.0.1:5000", True),
        ("http://localhost:5001/token", "https://localhost:5000", True),
        ("http://localhost/token", "http://example.com", False),
        ("http://example.com/token", "http://localhost:5000", False),
    ],
)
def test_password_goes_out_in_clear_only_where_it_does_anyway(peer, registry, may):
    assert may_have_password(peer, registry) is may


@given(st.text() | st.text("https://[]:@.%a1\\", max_size=20).map("https://{}".format))
def test_any_text_has_an_origin_or_not(url):
    try:
        scheme, host, port = origin(url)
    except BadPeerURL:
        return
    assert scheme in ("http", "https")
    assert host
    assert 0 <= port <= 65535
    is_off_limits(host)
    assert may_have_password(url, "http://a") in (True, False)


@given(st.text())
def test_any_host_is_off_limits_or_not(host):
    assert is_off_limits(host) in (True, False)
