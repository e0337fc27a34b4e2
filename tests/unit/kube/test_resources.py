import pytest

from regcred.core.errors import UsageError
from regcred.kube.resources import DEPLOYMENTS, LEASES, NAMESPACES, PULLCREDENTIALS, SECRETS


def test_paths():
    assert SECRETS.path() == "/api/v1/secrets"
    assert SECRETS.path("ns") == "/api/v1/namespaces/ns/secrets"
    assert SECRETS.path("ns", "a b") == "/api/v1/namespaces/ns/secrets/a%20b"
    assert DEPLOYMENTS.path("ns", "d") == "/apis/apps/v1/namespaces/ns/deployments/d"
    assert NAMESPACES.path(name="ns") == "/api/v1/namespaces/ns"
    assert LEASES.path("ns", "l") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l"
    assert DEPLOYMENTS.api_version == "apps/v1"


def test_a_part_of_an_object():
    path = "/apis/regcred.dev/v1alpha1/pullcredentials/p/status"
    assert PULLCREDENTIALS.path(name="p", subresource="status") == path
    assert PULLCREDENTIALS.describe(name="p", subresource="status") == "pullcredentials/p/status"
    with pytest.raises(UsageError):
        PULLCREDENTIALS.path(name="p", subresource="../q")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb"])
def test_no_name_points_at_another_url(name):
    with pytest.raises(UsageError):
        SECRETS.path("ns", name)
    with pytest.raises(UsageError):
        SECRETS.path(name)


def test_one_object_needs_its_namespace():
    with pytest.raises(UsageError, match="secrets/s needs a namespace"):
        SECRETS.path(None, "s")


def test_descriptions():
    assert SECRETS.describe("ns", "s") == "secrets/s in 'ns'"
    assert SECRETS.describe() == "secrets in all namespaces"
    assert NAMESPACES.describe(name="ns") == "namespaces/ns"
