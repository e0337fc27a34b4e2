import pytest

from regcred.core.errors import UsageError
from regcred.kube.resources import DEPLOYMENTS, NAMESPACES, SECRETS


def test_paths():
    assert SECRETS.path() == "/api/v1/secrets"
    assert SECRETS.path("ns") == "/api/v1/namespaces/ns/secrets"
    assert SECRETS.path("ns", "a b") == "/api/v1/namespaces/ns/secrets/a%20b"
    assert DEPLOYMENTS.path("ns", "d") == "/apis/apps/v1/namespaces/ns/deployments/d"
    assert NAMESPACES.path(name="ns") == "/api/v1/namespaces/ns"
    assert DEPLOYMENTS.api_version == "apps/v1"


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
