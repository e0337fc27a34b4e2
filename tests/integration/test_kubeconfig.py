"""The kubeconfig loader beside the real kubectl: same files in, same configuration out.

The files come from `tests.support.kubeconfigs`.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from regcred.core.errors import InvalidKubeconfig
from regcred.kube import kubeconfig as kubeconfigs

if TYPE_CHECKING:
    from pathlib import Path

    from regcred.kube.entries import Cluster, User
    from regcred.kube.kubeconfig import Selection
from tests.support.kubeconfigs import Case, Generator

CASES = 300


def as_kubectl_prints(selection: Selection) -> dict[str, Any]:
    """A selection in the shape of ``kubectl config view --flatten --minify -o json``."""
    context = selection.context
    return {
        "kind": "Config",
        "apiVersion": "v1",
        "current-context": selection.name,
        "contexts": [
            {
                "name": selection.name,
                "context": {"cluster": context.cluster, "user": context.user}
                | given({"namespace": context.namespace}),
            }
        ],
        "clusters": [{"name": context.cluster, "cluster": cluster_fields(selection.cluster)}]
        if context.cluster
        else None,
        "users": [{"name": context.user, "user": user_fields(selection.user)}]
        if context.user
        else None,
    }


def cluster_fields(cluster: Cluster) -> dict[str, Any]:
    extensions = sorted(cluster.extensions.items(), key=lambda item: item[0].encode())
    return {"server": cluster.server} | given(
        {
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
            "certificate-authority": cluster.certificate_authority,
            "certificate-authority-data": encoded(cluster.certificate_authority_data),
            "proxy-url": cluster.proxy_url,
            "disable-compression": cluster.disable_compression,
            "extensions": [{"name": name, "extension": value} for name, value in extensions],
        }
    )


def user_fields(user: User) -> dict[str, Any]:
    plugin = user.exec and {
        "command": user.exec.command,
        "args": list(user.exec.args) or None,
        "env": [{"name": name, "value": value} for name, value in user.exec.env] or None,
        "provideClusterInfo": user.exec.provide_cluster_info,
        **given(
            {
                "apiVersion": user.exec.api_version,
                "installHint": user.exec.install_hint,
                "interactiveMode": user.exec.interactive_mode,
            }
        ),
    }
    return given(
        {
            "client-certificate": user.client_certificate,
            "client-certificate-data": encoded(user.client_certificate_data),
            "client-key": user.client_key,
            "client-key-data": encoded(user.client_key_data),
            "token": user.token.reveal(),
            "tokenFile": user.token_file,
            "as": user.impersonate,
            "as-uid": user.impersonate_uid,
            "as-groups": list(user.impersonate_groups),
            "as-user-extra": {k: list(v) or None for k, v in user.impersonate_extra.items()},
            "username": user.username,
            "password": user.password.reveal(),
            "auth-provider": user.auth_provider,
            "exec": plugin,
        }
    )


def given(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def comparable(view: dict[str, Any]) -> dict[str, Any]:
    """kubectl's answer without what regcred does not read, and with one spelling of nothing."""
    view.pop("preferences", None)
    view.pop("extensions", None)
    view["contexts"][0]["context"].pop("extensions", None)
    for entry in view["users"] or ():
        user = entry["user"]
        user.pop("extensions", None)
        if "auth-provider" in user:
            user["auth-provider"] = user["auth-provider"]["name"]
        if plugin := user.get("exec"):
            plugin |= {"args": plugin["args"] or None, "env": plugin["env"] or None}
        for key, values in user.get("as-user-extra", {}).items():
            user["as-user-extra"][key] = values or None
    return view


def unresolved(actual: dict[str, Any], expected: dict[str, Any], case: Case) -> dict[str, Any]:
    """Ours with the paths that ``config view`` leaves relative made relative again.

    kubectl resolves them only when it connects; that ours belong to the folder of one of the
    files is checked here, to which one is seen in the contents of the certificate files.
    """
    folders = {os.path.abspath(os.path.dirname(path)) for path in case.paths()}  # noqa: PTH100, PTH120
    for entry, wanted in zip(actual["users"] or (), expected["users"] or (), strict=True):
        fields = [(entry["user"], wanted["user"], "tokenFile")]
        if "exec" in entry["user"] and "/" in entry["user"]["exec"]["command"]:
            fields.append((entry["user"]["exec"], wanted["user"].get("exec", {}), "command"))
        for ours, theirs, key in fields:
            path = theirs.get(key, "")
            if path and ours.get(key) in {
                path if path.startswith("/") else os.path.normpath(f"{folder}/{path}")
                for folder in folders
            }:
                ours[key] = path
    return actual


def ours(case: Case) -> dict[str, Any] | str:
    try:
        merged = kubeconfigs.read(case.paths(), must_exist=case.explicit is not None)
        selection = kubeconfigs.flatten(kubeconfigs.select(merged, case.context))
    except InvalidKubeconfig as error:
        return error.message
    return as_kubectl_prints(selection)


def theirs(kubectl: Path, case: Case) -> dict[str, Any] | str:
    answer = subprocess.run(
        [kubectl, "config", "view", "--flatten", "--minify", "-o", "json", *case.flags],
        env={**case.env, "KUBERC": "off"},
        cwd=case.cwd,
        capture_output=True,
        check=False,
    )
    return (
        answer.stderr.decode()
        if answer.returncode
        else comparable(json.loads(answer.stdout, parse_int=as_go))
    )


def as_go(digits: str) -> int | float:
    """Go prints large floats without an exponent; beyond 64 bits there are no integers."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def test_reads_and_merges_as_kubectl_does(cluster, tmp_path, monkeypatch):
    cases = []
    for seed in range(CASES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        cases.append(Generator(seed, folder).case())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda case: theirs(cluster.kubectl_path, case), cases))
    accepted = 0
    for seed, (case, expected) in enumerate(zip(cases, answers, strict=True)):
        monkeypatch.chdir(case.cwd)
        actual = ours(case)
        if isinstance(expected, str):
            assert isinstance(actual, str), f"case {seed}: kubectl refuses: {expected}"
        else:
            assert isinstance(actual, dict), f"case {seed}: kubectl accepts it: {actual}"
            assert unresolved(actual, expected, case) == expected, f"case {seed}"
            accepted += 1
    assert CASES / 3 < accepted < CASES  # else the generator has lost its point
