"""What is written for the processes, and the small parts that are pure."""

import json
import tomllib
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster import bcrypt, controlplane, kubeconfig, ports
from cluster.node import Node, containerd_config, kubelet_config
from cluster.paths import Folder, cache_folder, last_lines, write_private
from cluster.pki import KeyPair
from cluster.state import State


def test_cache_folder():
    assert cache_folder({"REGCRED_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/regcred")
    assert cache_folder({}) == Path.home() / ".cache" / "regcred"


def test_private_file_is_private_also_when_it_was_not(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)


def test_last_lines_name_the_file(tmp_path):
    log = tmp_path / "a.log"
    assert last_lines(log) == f"(no log at {log})"
    log.write_text("".join(f"{number}\n" for number in range(30)))
    assert last_lines(log, 2) == f"--- the end of {log}\n28\n29"


def test_free_ports_are_different_and_not_ephemeral():
    found = ports.free_ports(50)
    assert len(set(found)) == 50
    assert all(20000 <= port < 32000 for port in found)


def test_bcrypt_is_salted():
    first, second = bcrypt.hashed("secret"), bcrypt.hashed("secret")
    assert first != second
    assert first.startswith("$2b$05$")
    assert len(first) == 60


def test_control_plane_listens_on_loopback_only(tmp_path):
    folder = Folder(tmp_path)
    folder.make()
    keys = controlplane.make_keys(folder)
    where = controlplane.Ports(1, 2, 3)
    etcd = controlplane.etcd(Path("etcd"), folder, where)
    urls = [word.split("=")[-1] for word in etcd if "http" in word]
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    tokens = controlplane.write_tokens(folder, {"ann": ("t", ("a", "b"))})
    assert tokens.read_text() == 't,ann,ann,"a,b"\n'
    server = controlplane.api_server(Path("kube-apiserver"), keys, tokens, where)
    assert "--bind-address=127.0.0.1" in server
    manager = controlplane.controller_manager(Path("kcm"), keys, Path("kubeconfig"))
    assert "--secure-port=0" in manager


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_containerd_config_is_toml_whatever_the_folder(name):
    folder = Path("/") / name
    config = tomllib.loads(containerd_config(folder, folder / "s"))
    assert config["root"] == str(folder / "containerd")
    assert config["grpc"]["address"] == str(folder / "s")


def test_kubelet_config_keeps_to_the_cluster(tmp_path):
    node = Node(Folder(tmp_path / "regcred-x"))
    server = KeyPair(Path("c"), Path("k"))
    config = kubelet_config(node, Path("ca"), server, 1)
    assert config["address"] == "127.0.0.1"
    assert config["cgroupRoot"] == "/regcred-x"
    assert Path(config["podLogsDir"]).is_relative_to(tmp_path)
    json.dumps(config)


def test_kubeconfig_file(tmp_path):
    (tmp_path / "ca").write_text("ca")
    config = kubeconfig.render(
        name="n", server="https://127.0.0.1:1", ca=tmp_path / "ca", user={"token": "t"}
    )
    written = kubeconfig.write(tmp_path / "config", config)
    assert yaml.safe_load(written.read_text()) == config
    assert config["clusters"][0]["cluster"]["certificate-authority-data"] == "Y2E="


def test_state_round_trip(tmp_path):
    from cluster.processes import ProcessId
    from cluster.registries import Registry

    folder = Folder(tmp_path)
    assert State.load(folder) is None
    state = State(
        name="n",
        supervisor=ProcessId(1, 2),
        api_port=3,
        kubectl=Path("/k"),
        node=True,
        registries={
            "tls": Registry("tls", "127.0.0.1:4", Path("/r"), Path("/ca")),
            "token": Registry("token", "127.0.0.1:5", Path("/t")),
        },
        processes={"etcd": ProcessId(6, 7)},
    )
    state.save(folder)
    assert State.load(folder) == state
    assert folder.state.stat().st_mode & 0o777 == 0o600
