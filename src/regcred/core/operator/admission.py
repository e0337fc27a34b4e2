"""What an admission webhook answers: the entry that a ServiceAccount or a Pod lacks, as a patch.

The same rules as the admission policies of the chart (``charts/regcred/templates/admission.yaml``)
and as the plan (`regcred.core.operator.plan`), in Python for API servers that have no such
policies. A patch here has no guard: the API server applies it to the very object that it asks
about.

Sources: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/,
https://kubernetes.io/docs/reference/config-api/apiserver-admission.v1/
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regcred.core import fields, glob, jsonpatch, marks
from regcred.core.errors import InvalidInput
from regcred.core.logins import serviceaccount
from regcred.core.operator import select
from regcred.core.operator.pullcredential import Attach

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from regcred.core.operator.pullcredential import PullCredential

_VERSION = "admission.k8s.io/v1"
_KINDS = {"serviceaccounts": ("CREATE", "UPDATE"), "pods": ("CREATE",)}
#: Objects and lists in a review: once read, one takes up to 30 times the bytes that it took. A Pod
#: of 500 containers with 20 variables each has 60,000, with what its managedFields say of them.
_MOST_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class Question:
    """An object on its way in, as far as it matters: what asks may be large, and this is kept.

    Args:
        uid: to be repeated in the answer.
        resource: ``serviceaccounts`` or ``pods``; empty for one that is none of our business.
        namespace: where it is to be.
        account: the name of the ServiceAccount, or of the one that the Pod has.
        user: who sends it.
        lacks: the change that it needs if it is selected; empty for none.
    """

    uid: str
    resource: str
    namespace: str
    account: str
    user: str
    lacks: jsonpatch.Patch


def read(content: bytes | bytearray, secret: str) -> Question:
    """What an AdmissionReview asks.

    Args:
        content: the review, as JSON.
        secret: the name of the operator's Secret.

    Raises:
        InvalidInput: it is none that can be answered.
    """
    if content.count(b"{") + content.count(b"[") > _MOST_PARTS:
        raise InvalidInput("it has more parts than any object")
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
    ours = (
        not resource.get("group")
        and not request.get("subResource")
        and request.get("operation") in _KINDS.get(plural, ())
    )
    namespace = fields.text(request.get("namespace"))
    user = fields.text(fields.mapping(request.get("userInfo")).get("username"))
    if not ours:
        return Question(uid, "", namespace, "", user, [])
    obj = fields.mapping(request.get("object"))
    _check(obj, obj.get("spec") if plural == "pods" else obj)
    if plural == "pods":
        account = fields.text(obj["spec"].get("serviceAccountName")) or "default"
        lacks = _adding(obj, secret)
    else:
        account = fields.text(obj["metadata"].get("name"))
        lacks = serviceaccount.adding(obj, secret, mark=marks.ATTACHED_BY_OPERATOR)
    return Question(uid, plural, namespace, account, user, lacks)


def _check(obj: dict[str, Any], holder: Any) -> None:
    """See that an object has the shape that the API server gives it, as far as we look into it.

    Args:
        obj: a ServiceAccount or a Pod.
        holder: where in it the list is.
    """
    metadata = obj.get("metadata")
    annotations = fields.mapping(metadata).get("annotations") or {}
    entries = fields.mapping(holder).get("imagePullSecrets") or []
    if (
        not isinstance(metadata, dict)
        or not isinstance(holder, dict)
        or not isinstance(annotations, dict)
        or not isinstance(entries, list)
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise InvalidInput("its object is none that an API server would send")


def answer(question: Question, patch: jsonpatch.Patch) -> bytes:
    """The AdmissionReview that lets the object in, with this change."""
    response: dict[str, Any] = {"uid": question.uid, "allowed": True}
    if patch:
        encoded = base64.b64encode(json.dumps(patch, separators=(",", ":")).encode()).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    review = {"apiVersion": _VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(review, separators=(",", ":")).encode()


def decide(
    question: Question,
    pullcredentials: Iterable[PullCredential],
    labels: Mapping[str, str] | None,
    own: str,
) -> jsonpatch.Patch | None:
    """The change that an object needs.

    Args:
        question: from `read`.
        pullcredentials: all that there are.
        labels: of the namespace; None where they are not known.
        own: the operator's user, whose ServiceAccounts stay as it sends them: an undo would be
            undone in the same request by a PullCredential that is still in view here.

    Returns:
        Empty for none; None where it depends on labels that are not known.
    """
    on_account = question.resource == "serviceaccounts"
    if not question.lacks or (on_account and question.user == own):
        return []
    ways = (Attach.SERVICE_ACCOUNT,) if on_account else (Attach.SERVICE_ACCOUNT, Attach.POD)
    meant = [
        each
        for each in pullcredentials
        if each.spec is not None
        and each.spec.attach in ways
        and glob.any_matches(each.spec.service_accounts, question.account)
    ]
    selected = _selected(meant, question.namespace, labels)
    return None if selected is None else question.lacks if selected else []


def _adding(pod: dict[str, Any], secret: str) -> jsonpatch.Patch:
    """What a Pod lacks; empty for nothing."""
    entries = pod["spec"].get("imagePullSecrets") or []
    if fields.is_mirror(pod) or any(entry.get("name") == secret for entry in entries):
        return []
    entry = {"name": secret}
    if entries:
        return [{"op": "add", "path": "/spec/imagePullSecrets/-", "value": entry}]
    return [{"op": "add", "path": "/spec/imagePullSecrets", "value": [entry]}]


def _selected(
    pullcredentials: Iterable[PullCredential], namespace: str, labels: Mapping[str, str] | None
) -> bool | None:
    """Whether one of them selects the namespace; None where labels would have to tell."""
    if labels is not None:
        return any(select.namespace(each, namespace, labels) for each in pullcredentials)
    told = {select.namespace_by_name(each, namespace) for each in pullcredentials}
    return True if True in told else None if None in told else False
