import pytest

from regcred.core.registry import proxy


@pytest.mark.parametrize(
    ("server", "env", "through"),
    [
        ("https://api:6443", {}, ""),
        ("https://api:6443", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://api:6443", {"https_proxy": "http://p:3128"}, "http://p:3128"),
        ("https://api:6443", {"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "http://a"),
        ("https://api:6443", {"HTTP_PROXY": "http://p:3128"}, ""),
        ("http://api:8080", {"HTTP_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://api:6443", {"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://p"}, ""),
        ("https://127.0.0.9:6443", {"HTTPS_PROXY": "http://p"}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://p"}, ""),
    ],
)
def test_the_variable_of_the_scheme_decides(server, env, through):
    assert proxy.from_environment(server, env) == through


@pytest.mark.parametrize(
    ("server", "no_proxy", "direct"),
    [
        ("https://api.corp.example:6443", "*", True),
        ("https://api.corp.example:6443", "corp.example", True),
        ("https://api.corp.example:6443", ".corp.example", True),
        ("https://api.corp.example:6443", "*.corp.example", True),
        ("https://api.corp.example:6443", "*corp.example", False),
        ("https://api.corp.example:6443", " CORP.example ,x", True),
        ("https://corp.example:6443", "corp.example", True),
        ("https://corp.example:6443", ".corp.example", False),
        ("https://api.corp.example:6443", "corp.example:6443", True),
        ("https://api.corp.example:6443", "corp.example:443", False),
        ("https://api.corp.example", "corp.example:443", True),
        ("https://notcorp.example:6443", "corp.example", False),
        ("https://api.corp.example:6443", "", False),
        ("https://10.1.2.3:6443", "10.0.0.0/8", True),
        ("https://10.1.2.3:6443", "10.1.2.3", True),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", True),
        ("https://10.1.2.3:6443", "10.1.2.3:443", False),
        ("https://10.1.2.3:6443", "192.168.0.0/16,.3", False),
        ("https://10.1.2.3:6443", "rubbish/99", False),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://[fd00::1]:6443", "fd00::1", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
    ],
)
def test_no_proxy(server, no_proxy, direct):
    env = {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": no_proxy}
    assert (proxy.from_environment(server, env) == "") is direct
    env = {"HTTPS_PROXY": "http://p:3128", "no_proxy": no_proxy}
    assert (proxy.from_environment(server, env) == "") is direct


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("socks5://u:hunter2@p:1080", "SOCKS"),
        ("ftp://u:hunter2@p", "'ftp'"),
        ("http://u:hunter2@p:99999", "not a URL"),
        ("hunter2", "not a URL"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_not_shown(url, says):
    with pytest.raises(proxy.BadProxy, match=says) as caught:
        proxy.checked(url, "proxy-url of cluster 'prod'")
    assert str(caught.value).startswith("the proxy-url of cluster 'prod' ")
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_the_variable_that_is_wrong_is_named():
    env = {"https_proxy": "socks5://u:hunter2@p:1080"}
    with pytest.raises(proxy.BadProxy, match="the environment's https_proxy is a SOCKS proxy"):
        proxy.from_environment("https://registry.example.com/v2/", env)
    assert proxy.from_environment("http://registry.example.com/v2/", env) == ""


@pytest.mark.parametrize(
    ("env", "hosts"),
    [
        ({}, set()),
        ({"HTTPS_PROXY": "http://u:p@Proxy.corp:3128", "no_proxy": "x"}, {"proxy.corp"}),
        ({"https_proxy": "a:1", "HTTP_PROXY": "http://[::1]:2"}, {"a", "::1"}),
        ({"HTTPS_PROXY": "http://[", "HTTP_PROXY": "b"}, {"b"}),
        ({"HTTPS_PROXY": "http://:3128"}, set()),
    ],
)
def test_hosts_of_all_proxies(env, hosts):
    assert proxy.hosts(env) == hosts
