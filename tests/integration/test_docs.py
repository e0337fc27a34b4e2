"""What README and the reference say is run here as it stands there."""

import base64
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.support.cli import run_regcred
from tests.support.rights import await_right

ROOT = Path(__file__).parents[2]
KEY = {
    "type": "service_account",
    "private_key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
    "client_email": "puller@project.iam.gserviceaccount.com",
}


def shell_block(heading: str) -> list[str]:
    """The commands of the first ``sh`` block after `heading` in README.md."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```sh\n(.*?)```", text[text.index(heading) :], re.DOTALL)[1]
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def pulled_by(kubectl, namespace):
    """What a new Pod in `namespace` would pull with."""
    secret, account = (
        json.loads(kubectl("get", what, "-n", namespace, "-o", "json").stdout)
        for what in ("secret/regcred", "serviceaccount/default")
    )
    return secret["type"], secret["data"], account["imagePullSecrets"]


def test_one_command_does_what_the_three_do(cluster, kubectl, regcred, namespace, tmp_path):
    key = json.dumps(KEY, indent=2) + "\n"
    (tmp_path / "key.json").write_text(key)
    three = shell_block("The three commands")
    (one,) = shell_block("The one that replaces them")
    assert f"```sh\n{one}\n```" in (ROOT / "docs/index.md").read_text()
    other = f"{namespace}-three"
    cluster.create_namespace(other)
    for command in three[:2]:
        words = [w.replace("$(cat key.json)", key.rstrip("\n")) for w in shlex.split(command)]
        assert words[0] == "kubectl"
        kubectl(*(other if w == "team-a" else w for w in words[1:]))
    words = shlex.split(one)
    assert (words[0], words[-1]) == ("regcred", "--restart")
    arguments = [namespace if w == "team-a" else w for w in words[1:]]
    # The registry of the example is not here to be asked.
    regcred(*arguments, "--skip-verify", cwd=tmp_path)

    ours, theirs = pulled_by(kubectl, namespace), pulled_by(kubectl, other)
    cluster.api.delete_namespace(other)
    assert (ours[0], ours[2]) == (theirs[0], theirs[2])
    ours_auths, theirs_auths = (
        json.loads(base64.b64decode(data[".dockerconfigjson"])) for data in (ours[1], theirs[1])
    )
    assert ours_auths == theirs_auths


def test_the_rights_in_the_reference_are_enough(cluster, kubectl, namespace, htpasswd_registry):
    text = (ROOT / "docs/reference/rights.md").read_text()
    role = re.search(r"<!-- rights:begin -->\n```yaml\n(.*?)```", text, re.DOTALL)[1]
    kubectl("apply", "-n", namespace, "-f", "-", stdin=role.encode())
    kubectl("create", "serviceaccount", "deployer", "-n", namespace)
    bind = ("create", "rolebinding", "deployer", "--role=regcred-login")
    kubectl(*bind, f"--serviceaccount={namespace}:deployer", "-n", namespace)
    token = kubectl("create", "token", "deployer", "-n", namespace).stdout.decode()
    kubeconfig = cluster.users.with_token(token)
    env = {"KUBECONFIG": str(kubeconfig)}
    await_right(kubectl, kubeconfig, "create", "secrets", namespace)
    login = ("login", htpasswd_registry.address, "-u", htpasswd_registry.username)
    password = htpasswd_registry.password.encode()

    done = run_regcred(*login, "--password-stdin", "-n", namespace, stdin=password, env=env)
    assert b"warning" not in done.stderr
    assert b"Attached  serviceaccount/default" in done.stdout
    done = run_regcred("logout", "--all", "-n", namespace, env=env)
    assert b"Deleted   secret/regcred" in done.stdout
    assert kubectl("get", "secrets", "-n", namespace, "-o", "name").stdout == b""


def test_what_the_reference_shows_of_inject(tmp_path):
    text = (ROOT / "docs/reference/inject.md").read_text()
    block = re.search(r"<!-- inject:begin -->\n```console\n(.*?)```", text, re.DOTALL)[1]
    shown = [part.partition("\n")[::2] for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    (first, content), *shown = shown
    command, name = first.split()
    assert command == "cat"
    (tmp_path / name).write_text(content)
    assert len(shown) > 2
    for command, expected in shown:
        program, *arguments = shlex.split(command)
        assert program == "regcred"
        done = run_regcred(*arguments, cwd=tmp_path, check=None)
        assert (done.stdout + done.stderr).decode() == expected


def test_what_the_reference_shows_of_status(kubectl, regcred, world, tmp_path):
    text = (ROOT / "docs/reference/status.md").read_text()
    block = re.search(r"<!-- status:begin -->\n```console\n\$ (.*?)\n(.*?)```", text, re.DOTALL)
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    where = ("-n", world.namespace)
    login = ("login", "asia.gcr.io", "--gcp-key", "key.json", "--skip-verify")
    regcred(*login, *where, cwd=tmp_path)
    flags = ("--docker-server=quay.io", "--docker-username=me", "--docker-password=hush")
    kubectl("create", "secret", "docker-registry", "robot", *flags, *where)
    regcred("attach", "old", *where)
    world.with_list("build")
    for image in ("quay.io/me/app:1", "ghcr.io/me/app:1"):
        world.refused_pod(image.split(".")[0], image, serviceAccountName="build")
    done = regcred(*shlex.split(block[1].replace("team-a", world.namespace))[1:])
    shown = done.stdout.decode().replace(world.namespace, "team-a")
    columns = [re.split("  +", line) for line in shown.splitlines()]
    assert columns == [re.split("  +", line) for line in block[2].splitlines()]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")),
    ],
)
def test_links_to_files_lead_somewhere(page):
    path = ROOT / page
    text = re.sub(r"^( *)```[\s\S]*?^\1```", "", path.read_text(), flags=re.MULTILINE)
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (path.parent / target).exists(), f"{page}: {target}"
