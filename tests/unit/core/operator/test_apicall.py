"""Requests are counted by RBAC's words for them."""

import pytest

from regcred.core.operator.apicall import verb_and_resource
from regcred.kube import resources


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/api/v1/namespaces/team-a/secrets/regcred", {}, ("get", "secrets")),
        ("GET", "/api/v1/namespaces/team-a/secrets", {}, ("list", "secrets")),
        ("GET", "/api/v1/secrets", {"limit": "500", "watch": ""}, ("list", "secrets")),
        ("GET", "/api/v1/secrets", {"watch": "true"}, ("watch", "secrets")),
        ("GET", "/api/v1/secrets", {"watch": "1"}, ("watch", "secrets")),
        ("GET", "/api/v1/secrets", {"watch": "false"}, ("list", "secrets")),
        ("GET", "/api/v1/namespaces", {}, ("list", "namespaces")),
        ("GET", "/api/v1/namespaces/team-a", {}, ("get", "namespaces")),
        ("PUT", "/api/v1/namespaces/team-a/status", {}, ("update", "namespaces/status")),
        ("PUT", "/api/v1/namespaces/team-a/finalize", {}, ("update", "namespaces/finalize")),
        ("POST", "/api/v1/namespaces/team-a/secrets", {}, ("create", "secrets")),
        ("PATCH", "/api/v1/namespaces/x/serviceaccounts/default", {}, ("patch", "serviceaccounts")),
        ("DELETE", "/api/v1/namespaces/team-a/secrets/regcred", {}, ("delete", "secrets")),
        ("DELETE", "/api/v1/namespaces/team-a/secrets", {}, ("deletecollection", "secrets")),
        ("HEAD", "/api/v1/namespaces/team-a/secrets/regcred", {}, ("get", "secrets")),
        (
            "POST",
            "/api/v1/namespaces/team-a/serviceaccounts/default/token",
            {},
            ("create", "serviceaccounts/token"),
        ),
        ("GET", "/apis/coordination.k8s.io/v1/namespaces/x/leases/y", {}, ("get", "leases")),
        ("GET", "/apis/regcred.dev/v1alpha1/pullcredentials", {}, ("list", "pullcredentials")),
        (
            "PATCH",
            "/apis/regcred.dev/v1alpha1/pullcredentials/x/status",
            {},
            ("patch", "pullcredentials/status"),
        ),
        ("GET", "/version", {}, ("get", "")),
        ("GET", "/readyz/etcd", {}, ("get", "")),
        ("GET", "/apis", {}, ("get", "")),
        ("GET", "/api/v1", {}, ("get", "")),
        ("GET", "/", {}, ("get", "")),
        ("OPTIONS", "/api/v1/secrets", {}, ("options", "secrets")),
    ],
)
def test_verb_and_resource(method, path, query, wanted):
    assert verb_and_resource(method, path, query) == wanted


@pytest.mark.parametrize(
    "resource", [x for x in vars(resources).values() if isinstance(x, resources.Resource)]
)
@pytest.mark.parametrize("name", ["namespaces", "status", "x"])
def test_every_url_of_ours(resource, name):
    namespace = name if resource.namespaced else None
    one, part = resource.path(namespace, name), resource.path(namespace, name, "status")
    assert verb_and_resource("GET", resource.path(), {}) == ("list", resource.plural)
    assert verb_and_resource("GET", one, {}) == ("get", resource.plural)
    assert verb_and_resource("GET", part, {}) == ("get", f"{resource.plural}/status")
