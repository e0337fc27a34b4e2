"""What an API server asks a webhook, about an object on its way in."""

from __future__ import annotations

import json
from typing import Any

from regcred.core.operator import admission


def review(resource: str, namespace: str, obj: Any, /, **more: Any) -> dict[str, Any]:
    """An AdmissionReview.

    Args:
        resource: ``serviceaccounts`` or ``pods``.
        namespace: where it is to be.
        obj: the object.
        more: of the request, in place of what is there.
    """
    request = {
        "uid": "1-2",
        "resource": {"group": "", "version": "v1", "resource": resource},
        "operation": "CREATE",
        "namespace": namespace,
        "object": obj,
        "userInfo": {"username": "somebody"},
    }
    version = "admission.k8s.io/v1"
    return {"kind": "AdmissionReview", "apiVersion": version, "request": request | more}


def question(
    secret: str, resource: str, namespace: str, obj: Any, /, **more: Any
) -> admission.Question:
    """The same, as the webhook has read it; `secret` is the name of the operator's Secret."""
    return admission.read(json.dumps(review(resource, namespace, obj, **more)).encode(), secret)
