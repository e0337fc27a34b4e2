"""What the pages of providers have one type here, typed on a real API server.

What is typed at a provider is marked on the page, and not run. What asks one (``--from``) is parsed
by tests/unit/test_sources_page.py, and run against servers of ours by tests of the minters.
"""

import json
import re

import pytest
import yaml

from tests.support.pages import Reader, Step
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.google import Google
from tests.support.providers.serving import Clock, serve
from tests.support.release import CRD
from tests.support.sourcespage import ELSEWHERE, PAGES, REFERENCE

#: Of how-to, and the reference.
NAMES = (
    "acr.md",
    "docker-hub.md",
    "ecr.md",
    "github.md",
    "gitlab.md",
    "google.md",
    "harbor.md",
    "other-registries.md",
    "quay.md",
    "sources.md",
)
PATHS = {path.name: path for path in (*PAGES.values(), REFERENCE)}
BLOCK = re.compile(rf"^({re.escape(ELSEWHERE)}\n)?```(sh|yaml)\n([\s\S]*?)^```", re.MULTILINE)
FROM = " --from "
#: What is read by whom is for the minters' tests.
FILES = ("id.txt", "key.txt", "token.txt", "password.txt", "secret.txt", "user.txt", "app.pem")
NO_POD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}}
DOCKER = {"auths": {key: {"auth": "YTpi"} for key in ("ghcr.io", "registry.internal:5000")}}


@pytest.fixture(scope="module")
def crd(cluster):
    """The API server knows PullCredentials; what was not there before goes again."""
    names = cluster.kubectl("get", "crd", "--output=name").stdout.decode().split()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRD))
    yield
    if not any(name.endswith("/pullcredentials.regcred.dev") for name in names):
        cluster.kubectl("delete", "-f", str(CRD))


@pytest.fixture
def reader(cluster, crd, tmp_path):
    """Somebody with the page's namespaces and files, who is asked nothing by the network."""
    reader = Reader(cluster, tmp_path, namespaces=["regcred-system", "team-a"])
    for name in FILES:
        (tmp_path / name).write_text("hush")
    (tmp_path / "key.json").write_text(json.dumps(Google(Clock()).account("puller").key_file()))
    (tmp_path / "config.json").write_text(json.dumps(DOCKER))
    reader.env["DOCKER_CONFIG"] = str(tmp_path)
    # What is in the checkout's deploy would be asked about at its registry.
    (tmp_path / "deploy").unlink()
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "app.yaml").write_text(yaml.safe_dump(NO_POD))
    spaces = [reader.own(name) for name in ("regcred-system", "team-a")]
    for name in spaces:
        cluster.create_namespace(name)
    yield reader
    cluster.kubectl("delete", "namespace", *spaces, "--wait=false")


@pytest.fixture
def given(cluster):
    """Has the API server take an object as long as the test runs."""
    texts = []

    def give(text):
        cluster.kubectl("apply", "--validate=strict", "-f", "-", stdin=text.encode())
        texts.append(text)

    yield give
    for text in texts:
        cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text.encode())


def test_these_are_all():
    assert sorted(PATHS) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_one_types_here(reader, given, name):
    typed = 0
    for elsewhere, language, text in BLOCK.findall(PATHS[name].read_text()):
        if language == "yaml" and "kind" in yaml.safe_load(text):
            given(text)
        if language == "yaml" or elsewhere:
            continue
        for command in text.splitlines():
            # helm: of its values the unit tests know.
            if not command.startswith("helm ") and FROM not in command:
                reader.type(Step("", command), extra(command))
                typed += 1
    assert typed


def test_status_says_when_a_login_of_gitlab_ends(reader):
    """The page's own words; the address of GitLab is given besides."""
    text = PATHS["gitlab.md"].read_text()
    (command, output) = re.search(
        r"^```console\n\$ (.*)\n([\s\S]*?)^```", text, re.MULTILINE
    ).groups()
    asking = next(
        line for line in text.splitlines() if line.startswith("regcred login ") and FROM in line
    )
    provider = GitLab(Clock(), {"groups/example": 7}, {"hush": AccessToken(role="Owner")})
    with serve(provider.app()) as served:
        reader.type(Step("", asking), f" --set url={served.url} --skip-verify")
        reader.type(Step("", command, output))
    (made,) = provider.deploy_tokens
    assert made.name.startswith("regcred-login-")


def extra(command):
    """What keeps a login from asking the registry."""
    return " --skip-verify" if command.startswith("regcred login ") else ""
