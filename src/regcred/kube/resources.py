"""The kinds of objects that regcred reads and writes, and where their URLs are.

A thin client needs no discovery for a dozen kinds: their groups, versions and plurals are
stable API. See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from regcred.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object and the path it is served under.

    Args:
        group: API group; empty for the core group.
        version: API version, e.g. ``v1``.
        plural: lower-case plural, as in URLs and RBAC rules.
        kind: the kind of one object.
        namespaced: whether objects live in a namespace.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """``apiVersion`` of an object: ``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str = ""
    ) -> str:
        """The URL path of one object, of a part of it, or of the collection.

        Args:
            namespace: the namespace; None for all namespaces, or for what has none.
            name: the object's name; None for the collection.
            subresource: of the object, e.g. ``status``; empty for the object itself.

        Raises:
            UsageError: a namespace or name is empty, or could point at another URL.
        """
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced:
            if namespace is not None:
                path = f"{path}/namespaces/{_segment(namespace, 'namespace')}"
            elif name is not None:
                raise UsageError(f"{self.plural}/{name} needs a namespace")
        path = f"{path}/{self.plural}"
        if name is None:
            return path
        path = f"{path}/{_segment(name, self.kind)}"
        return f"{path}/{_segment(subresource, 'subresource')}" if subresource else path

    def describe(
        self, namespace: str | None = None, name: str | None = None, subresource: str = ""
    ) -> str:
        """The object or collection in words, for messages; an empty name is one to be made up."""
        what = f"{self.plural}/{name}" if name else self.plural
        what += f"/{subresource}" if subresource else ""
        if not self.namespaced:
            return what
        return f"{what} in all namespaces" if namespace is None else f"{what} in {namespace!r}"


def _segment(text: str, what: str) -> str:
    """One path segment, as strictly as client-go's IsValidPathSegmentName.

    An empty one is the dangerous case: deleting an object without a name is deleting them all.
    """
    if text in {"", ".", ".."} or "/" in text or "%" in text:
        raise UsageError(
            f"{text!r} is not the name of a {what}",
            hint="a name is not empty, and has no / and no %",
        )
    return quote(text, safe="")


SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
SERVICEACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", namespaced=True)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
REPLICATIONCONTROLLERS = Resource(
    "", "v1", "replicationcontrollers", "ReplicationController", namespaced=True
)
EVENTS = Resource("", "v1", "events", "Event", namespaced=True)
EVENTS_V1 = Resource("events.k8s.io", "v1", "events", "Event", namespaced=True)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
REPLICASETS = Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=True)
STATEFULSETS = Resource("apps", "v1", "statefulsets", "StatefulSet", namespaced=True)
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet", namespaced=True)
JOBS = Resource("batch", "v1", "jobs", "Job", namespaced=True)
CRONJOBS = Resource("batch", "v1", "cronjobs", "CronJob", namespaced=True)
SELFSUBJECTACCESSREVIEWS = Resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    namespaced=False,
)
SELFSUBJECTREVIEWS = Resource(
    "authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False
)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
PULLCREDENTIALS = Resource(
    "regcred.dev", "v1alpha1", "pullcredentials", "PullCredential", namespaced=False
)
WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
