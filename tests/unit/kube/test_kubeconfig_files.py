import contextlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidKubeconfig
from regcred.kube import kubeconfig as kubeconfigs
from regcred.kube import kubeconfigpaths
from regcred.kube.kubeconfig import Kubeconfig

TWO = """
clusters:
- {name: prod, cluster: {server: "https://prod:6443", certificate-authority: ca.pem}}
- {name: dev, cluster: {server: "https://dev:6443"}}
users:
- {name: ann, user: {token: secret-of-ann, client-key: ../keys/k}}
contexts:
- {name: prod, context: {cluster: prod, user: ann, namespace: shop}}
- {name: dev, context: {cluster: dev, user: ann}}
current-context: dev
"""


def parse(text: str, path: str = "/home/ann/.kube/config") -> Kubeconfig:
    return kubeconfigs.parse(text.encode(), path=path)


def test_paths_belong_to_the_folder_of_their_file():
    config = parse(TWO)
    assert config.clusters["prod"].certificate_authority == "/home/ann/.kube/ca.pem"
    assert config.users["ann"].client_key == "/home/ann/keys/k"


def test_paths_of_a_relative_file_belong_to_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse(TWO, "sub/config").users["ann"].client_key == str(tmp_path / "keys" / "k")


@pytest.mark.parametrize(
    ("command", "resolved"),
    [("aws", "aws"), ("./get", "/k/get"), ("../bin/get", "/bin/get"), ("/bin/get", "/bin/get")],
)
def test_a_command_with_a_slash_is_a_path(command, resolved):
    text = f"users: [{{name: u, user: {{exec: {{command: '{command}'}}}}}}]"
    plugin = parse(text, "/k/config").users["u"].exec
    assert plugin is not None
    assert plugin.command == resolved


def test_the_first_file_wins_entry_by_entry():
    other = parse(
        """
        clusters: [{name: prod, cluster: {server: "https://other"}}, {name: third, cluster: {}}]
        users: [{name: ann, user: {username: more}}]
        current-context: prod
        """,
        "/etc/kube",
    )
    merged = kubeconfigs.merge([parse(TWO), other])
    assert merged.clusters["prod"].server == "https://prod:6443"
    assert merged.users["ann"].username == ""
    assert set(merged.clusters) == {"prod", "dev", "third"}
    assert merged.current_context == "dev"
    assert kubeconfigs.merge([other, parse(TWO)]).current_context == "prod"


def test_which_files_are_read():
    home = {"HOME": "/home/ann"}
    assert kubeconfigpaths.find_paths(None, home) == ["/home/ann/.kube/config"]
    assert kubeconfigpaths.find_paths(None, home | {"KUBECONFIG": ""}) == ["/home/ann/.kube/config"]
    assert kubeconfigpaths.find_paths(None, {}) == []
    listed = os.pathsep.join(["/a", "", "/b", "/a"])
    assert kubeconfigpaths.find_paths(None, home | {"KUBECONFIG": listed}) == ["/a", "/b"]
    assert kubeconfigpaths.find_paths("/c", home | {"KUBECONFIG": listed}) == ["/c"]


def test_missing_files_are_skipped_unless_asked_for(tmp_path):
    there = tmp_path / "there"
    there.write_text(TWO)
    missing = str(tmp_path / "missing")
    assert kubeconfigs.read([missing, str(there)]).paths == (str(there),)
    with pytest.raises(InvalidKubeconfig, match="missing does not exist"):
        kubeconfigs.read([missing], must_exist=True)
    with pytest.raises(InvalidKubeconfig, match=r"cannot read .* directory"):
        kubeconfigs.read([str(tmp_path)])


def test_a_context_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(InvalidKubeconfig) as caught:
        kubeconfigs.select(parse(TWO), "prd")
    assert "'prd'" in caught.value.message
    assert "dev, prod" in caught.value.hint
    assert caught.value.exit_code == 2


def test_no_current_context():
    with pytest.raises(InvalidKubeconfig, match="no current context") as caught:
        kubeconfigs.select(parse(TWO.replace("current-context: dev", "")))
    assert "kubectl config use-context" in caught.value.hint
    assert "dev, prod" in caught.value.hint


@pytest.mark.parametrize("what", ["cluster", "user"])
def test_a_context_that_names_what_is_not_there(what):
    text = TWO.replace(f"{{name: prod, {what}:", f"{{name: gone, {what}:")
    text = text.replace("name: ann, user", "name: gone, user") if what == "user" else text
    with pytest.raises(InvalidKubeconfig, match=f"names the {what} .*does not define") as caught:
        kubeconfigs.select(parse(text), "prod")
    assert "gone" in caught.value.hint


def test_flattening_reads_the_files(tmp_path):
    (tmp_path / "ca.pem").write_bytes(b"the CA")
    path = str(tmp_path / "config")
    config = parse(TWO.replace(", client-key: ../keys/k", ""), path)
    cluster = kubeconfigs.flatten(kubeconfigs.select(config, "prod")).cluster
    assert (cluster.certificate_authority, cluster.certificate_authority_data) == ("", b"the CA")
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(
        InvalidKubeconfig, match=r"certificate-authority of cluster 'prod'.*ca\.pem"
    ):
        kubeconfigs.flatten(kubeconfigs.select(config, "prod"))


def test_file_and_data_exclude_each_other():
    text = "users: [{name: u, user: {client-key: k, client-key-data: aGk=}}]"
    text += "\ncontexts: [{name: c, context: {user: u}}]"
    with pytest.raises(InvalidKubeconfig, match="both client-key and client-key-data"):
        kubeconfigs.flatten(kubeconfigs.select(parse(text), "c"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not valid YAML: line"),
        ("[1]", "must be an object, not a list"),
        ("kind: Pod", "kind 'Pod'"),
        ("apiVersion: v2", "version 'v2'"),
        ("users: [{name: u, user: {token: 12345}}]", r"users\[0\].user.token must be text"),
        ("users: {}", "users must be a list, not an object"),
        ("users: [{name: u}, {name: u}]", "two users have the name 'u'"),
        ("clusters: [{name: c, cluster: {certificate-authority-data: '?'}}]", "not valid base64"),
        ("clusters: [{name: c, cluster: {insecure-skip-tls-verify: 'no'}}]", "true or false"),
    ],
)
def test_what_is_no_kubeconfig(text, says):
    with pytest.raises(InvalidKubeconfig, match=says) as caught:
        parse(text)
    assert "/home/ann/.kube/config" in caught.value.message
    assert "12345" not in caught.value.message


@pytest.mark.parametrize("text", ["", "# nothing", "{}", "clusters: null", "{unknown: field}"])
def test_nothing_is_an_empty_kubeconfig(text):
    assert parse(text).is_empty


_FIELDS = """
name cluster user context server token exec args env as-groups as-user-extra
certificate-authority-data extensions extension tokenFile command auth-provider
"""
FIELDS = _FIELDS.split()
ENTRY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab=") | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["clusters", "users", "contexts", "kind"]), ENTRY))
def test_any_document_is_read_or_refused(document):
    with contextlib.suppress(InvalidKubeconfig):
        parse(json.dumps(document))


def test_secrets_are_not_shown():
    config = parse(
        "users: [{name: u, user: {token: hunter2, password: hunter3, client-key-data: aHVudGVy,"
        " exec: {command: c, args: [hunter4], env: [{name: A, value: hunter5}]}}}]\n"
        "clusters: [{name: c, cluster: {proxy-url: 'http://u:hunter6@proxy'}}]"
    )
    assert "hunter" not in repr(config)
