"""All targets, by name."""

from tests.fuzz import clusters, logins, manifests, names, registries  # noqa: F401 - they register
from tests.fuzz.target import TARGETS

__all__ = ["TARGETS"]
