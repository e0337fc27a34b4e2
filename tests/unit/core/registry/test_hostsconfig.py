import pytest

from regcred.core.registry.hostsconfig import BadHosts, HostConfig, folders, from_files, parse


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("docker.io", ("docker.io", "_default")),
        ("a.example.com:5000", ("a.example.com_5000_", "a.example.com:5000", "_default")),
    ],
)
def test_folders_of_a_host(host, there):
    assert folders(host) == there


def test_certificates_without_a_hosts_toml():
    files = ["b.cert", "b.key", "a.crt", "c.cert", "readme", "d.key"]
    config = from_files(files)
    assert config == HostConfig(ca=("a.crt",), clients=(("b.cert", "b.key"), ("c.cert", "c.cert")))


@pytest.mark.parametrize(
    ("text", "server", "api"),
    [
        ("", "", "/v2"),
        ('server = ""', "", "/v2"),
        ('server = "https://r.example.com"', "https://r.example.com", "/v2"),
        ('server = "r.example.com:5000"', "https://r.example.com:5000", "/v2"),
        ('server = "http://r.example.com/"', "http://r.example.com", "/v2"),
        ('server = "https://r.example.com/v2"', "https://r.example.com", "/v2"),
        ('server = "https://r.example.com/a/b/"', "https://r.example.com", "/a/b/v2"),
        ('server = "https://r.example.com/a"\noverride_path = true', "https://r.example.com", "/a"),
    ],
)
def test_server(text, server, api):
    config = parse(text)
    assert (config.server, config.api) == (server, api)


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ('ca = "a.crt"', HostConfig(ca=("a.crt",))),
        ('ca = ["a.crt", "/b.crt"]', HostConfig(ca=("a.crt", "/b.crt"))),
        ('client = "c.pem"', HostConfig(clients=(("c.pem", "c.pem"),))),
        ('client = ["c.pem", "d.pem"]', HostConfig(clients=(("c.pem",) * 2, ("d.pem",) * 2))),
        ('client = [["c.cert", "c.key"]]', HostConfig(clients=(("c.cert", "c.key"),))),
        ("skip_verify = true", HostConfig(skip_verify=True)),
        ('[host."https://m"]\nca = "m.crt"', HostConfig(mirrors=("https://m",))),
    ],
)
def test_settings(text, config):
    assert parse(text) == config


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("server = ", "not TOML"),
        ("server = 1", "'server' is no text"),
        ('server = "http://a b"', "'server' cannot be asked"),
        ("host = 1", "'host' is no table"),
        ("skip_verify = 1", "'skip_verify' is neither"),
        ("ca = 1", "'ca' is neither"),
        ("ca = [1]", "'ca' is neither"),
        ("client = 1", "'client' is neither"),
        ('client = [["a"]]', "'client' has a pair that is none"),
        ('client = [["a", "b", "c"]]', "'client' has a pair that is none"),
        ('[host."https://r"]\ncapabilities = 1', "'capabilities' is no list"),
        ("a = " + "[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_told(text, why):
    with pytest.raises(BadHosts, match=why):
        parse(text, "r")


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ('[host."https://r:5000"]\nca = "a.crt"', HostConfig("https://r:5000", ca=("a.crt",))),
        ('[host."http://R:5000/v2"]', HostConfig("http://R:5000")),
        ('[host."r:5000"]\nskip_verify = true', HostConfig("https://r:5000", skip_verify=True)),
        ('[host."https://r:5000"]\ncapabilities = ["push"]\nca = "a"', HostConfig()),
        (
            'server = "https://x"\nca = "top"\n[host."https://m"]\n[host."https://x:443"]\n'
            'ca = "own"\nclient = "c"',
            HostConfig(
                "https://x:443", "/v2", ("own", "top"), (("c", "c"),), False, ("https://m",)
            ),
        ),
        (
            'server = "https://x"\n[host."https://r:5000"]',
            HostConfig("https://x", mirrors=("https://r:5000",)),
        ),
    ],
)
def test_an_entry_that_is_the_registry_is_no_mirror(text, config):
    assert parse(text, "r:5000") == config


def test_an_entry_that_is_no_table():
    with pytest.raises(BadHosts, match=r"'host\.r' is no table"):
        parse('host = {"r" = 1}', "r")
