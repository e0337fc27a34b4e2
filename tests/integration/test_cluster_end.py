"""A cluster ends with its owner, or by ``down``, and leaves nothing but its logs."""

import json
import secrets
import shutil
import signal
import subprocess
import sys

import pytest

from cluster import Cluster, ClusterError
from cluster.binaries import sources
from cluster.paths import CHECKOUT, Folder
from cluster.processes import await_end
from tests.support.owned import owned_cluster


def test_cluster_ends_when_its_owner_is_killed():
    with owned_cluster() as owned:
        assert len(owned.processes) == 4  # the inner supervisor and the control plane
        owned.owner.send_signal(signal.SIGKILL)
        assert await_end([owned.supervisor, *owned.processes], timeout=60) == []
        assert [part.name for part in owned.folder.iterdir()] == ["logs"]
        shutil.rmtree(owned.folder)


def test_cluster_ends_on_control_c():
    with owned_cluster() as owned:
        owned.owner.send_signal(signal.SIGINT)
        assert await_end([owned.supervisor, *owned.processes], timeout=60) == []
        owned.owner.wait()
        assert not owned.folder.exists()


def cluster_command(*arguments):
    command = [sys.executable, "-m", "cluster", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_up_status_env_down():
    name = f"test-{secrets.token_hex(4)}"
    assert cluster_command("status", "--name", name).returncode == 1
    up = cluster_command("up", "--name", name)
    try:
        assert up.returncode == 0, up.stderr
        assert "is up already" in cluster_command("up", "--name", name).stderr
        processes = Cluster.open(name).processes

        status = cluster_command("status", "--name", name)
        assert status.returncode == 0
        running = [line.split()[0] for line in status.stdout.splitlines()]
        assert running == ["supervisor", "etcd", "kube-apiserver", "kube-controller-manager"]

        env = cluster_command("env", "--name", name).stdout
        script = f'{env}\n"$REGCRED_CLUSTER_KUBECTL" get namespace default -o json'
        got = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
        assert json.loads(got.stdout)["status"]["phase"] == "Active"
    finally:
        down = cluster_command("down", "--name", name)
    assert down.returncode == 0, down.stderr
    assert [process for process in processes.values() if process.runs()] == []
    assert not Folder.named(name).root.exists()
    assert "there is no cluster" in cluster_command("down", "--name", name).stderr


def test_failed_start_names_the_log_and_leaves_no_process(monkeypatch, tmp_path):
    etcd = tmp_path / "etcd"
    says_version = f"echo 'etcd Version: {sources()[1].module.version}'"
    etcd.write_text(f"#!/bin/sh\n[ $1 = --version ] && {says_version} || echo broken; exit 7\n")
    etcd.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ClusterError) as caught:
        Cluster().start()
    assert caught.value.message == "etcd ended with exit code 7"
    assert caught.value.log.endswith("/logs/etcd.log\nbroken")
    (folder,) = tmp_path.glob("regcred-*")
    assert [part.name for part in folder.iterdir()] == ["logs"]
