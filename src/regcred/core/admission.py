"""What an admission webhook answers: the entry that a ServiceAccount or a Pod lacks, as a patch.

The same rules as the admission policies of the chart (``charts/regcred/templates/admission.yaml``)
and as the plan (`regcred.core.plan`), in Python for API servers that have no such policies. A patch
here has no guard: the API server applies it to the very object that it asks about.

Sources: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/,
https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import fields, glob, jsonpatch, marks, select, serviceaccount
from regcred.core.errors import InvalidInput
from regcred.core.pullcredential import Attach

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.core.pullcredential import PullCredential

_VERSION = "admission.k8s.io/v1"
_MIRROR = "kubernetes.io/config.mirror"
_KINDS = {"serviceaccounts": ("CREATE", "UPDATE"), "pods": ("CREATE",)}


@dataclass(frozen=True, slots=True)
class Question:
    """An object on its way in.

    Args:
        uid: to be repeated in the answer.
        resource: ``serviceaccounts`` or ``pods``; empty for one that is none of our business.
        namespace: where it is to be.
        user: who sends it.
        object: as it is so far.
    """

    uid: str
    resource: str
    namespace: str
    user: str
    object: dict[str, Any]


def read(content: bytes) -> Question:
    """What an AdmissionReview asks.

    Raises:
        InvalidInput: it is none that can be answered.
    """
    try:
        review = json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidInput("it is not JSON") from None
    review = fields.mapping(review)
    request = fields.mapping(review.get("request"))
    uid = fields.text(request.get("uid"))
    if review.get("apiVersion") != _VERSION or not uid:
        raise InvalidInput(f"it is no AdmissionReview of {_VERSION}")
    resource = fields.mapping(request.get("resource"))
    plural = fields.text(resource.get("resource"))
    obj = request.get("object")
    ours = (
        not resource.get("group")
        and not request.get("subResource")
        and request.get("operation") in _KINDS.get(plural, ())
        and isinstance(obj, dict)
    )
    return Question(
        uid,
        plural if ours else "",
        fields.text(request.get("namespace")),
        fields.text(fields.mapping(request.get("userInfo")).get("username")),
        dict(obj) if ours and isinstance(obj, dict) else {},
    )


def answer(question: Question, patch: jsonpatch.Patch) -> bytes:
    """The AdmissionReview that lets the object in, with this change."""
    response: dict[str, Any] = {"uid": question.uid, "allowed": True}
    if patch:
        encoded = base64.b64encode(json.dumps(patch, separators=(",", ":")).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    review = {"apiVersion": _VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(review, separators=(",", ":")).encode()


def needs_labels(pullcredentials: Iterable[PullCredential]) -> bool:
    """Whether the labels of a namespace can make a difference."""
    return any(
        each.spec is not None
        and not each.deleting
        and bool(each.spec.namespaces.labels or each.spec.namespaces.rules)
        for each in pullcredentials
    )


def decide(
    question: Question,
    pullcredentials: Iterable[PullCredential],
    labels: Mapping[str, str],
    secret: str,
) -> jsonpatch.Patch:
    """The change that an object needs; empty for none.

    Args:
        question: from `read`.
        pullcredentials: all that there are.
        labels: of the namespace.
        secret: the name of the operator's Secret.
    """
    obj = question.object
    if question.resource == "serviceaccounts":
        name = fields.text(fields.mapping(obj.get("metadata")).get("name"))
        wanted = _selected(question, pullcredentials, labels, name, (Attach.SERVICE_ACCOUNT,))
        return serviceaccount.adding(obj, secret, mark=marks.ATTACHED_BY_OPERATOR) if wanted else []
    if question.resource == "pods":
        return _pod(question, pullcredentials, labels, secret)
    return []


def _pod(
    question: Question,
    pullcredentials: Iterable[PullCredential],
    labels: Mapping[str, str],
    secret: str,
) -> jsonpatch.Patch:
    spec = fields.mapping(question.object.get("spec"))
    annotations = fields.mapping(fields.mapping(question.object.get("metadata")).get("annotations"))
    name = fields.text(spec.get("serviceAccountName")) or "default"
    both = Attach.SERVICE_ACCOUNT, Attach.POD
    there = fields.entries(spec.get("imagePullSecrets"))
    if (
        any(entry.get("name") == secret for entry in there)
        or _MIRROR in annotations
        or not _selected(question, pullcredentials, labels, name, both)
    ):
        return []
    entry = {"name": secret}
    if spec.get("imagePullSecrets"):
        return [{"op": "add", "path": "/spec/imagePullSecrets/-", "value": entry}]
    return [{"op": "add", "path": "/spec/imagePullSecrets", "value": [entry]}]


def _selected(
    question: Question,
    pullcredentials: Iterable[PullCredential],
    labels: Mapping[str, str],
    account: str,
    ways: tuple[Attach, ...],
) -> bool:
    return any(
        each.spec is not None
        and each.spec.attach in ways
        and glob.any_matches(each.spec.service_accounts, account)
        and select.namespace(each, question.namespace, labels)
        for each in pullcredentials
    )
