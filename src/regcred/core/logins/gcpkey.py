"""Google service account keys as registry passwords.

Artifact Registry and gcr.io take the user ``_json_key`` with the content of the key file as
password. Other JSON files that Google hands out look much alike and do not work, so each is
refused by name.

Source: https://cloud.google.com/artifact-registry/docs/docker/authentication#json-key
"""

from __future__ import annotations

import json

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidInput

USERNAME = "_json_key"

_OTHERS = {
    "authorized_user": "a person's login from `gcloud auth application-default login`",
    "external_account": "a workload identity federation configuration",
    "external_account_authorized_user": "a person's login by workforce identity federation",
    "impersonated_service_account": "an impersonation configuration",
}
_HINT = "make one: gcloud iam service-accounts keys create key.json --iam-account=ACCOUNT"


def credentials(content: bytes, registries: list[str], *, source: str) -> list[Credential]:
    """The credential for each of `registries` that the key file `content` gives.

    Args:
        content: the file's bytes. Line feeds at its end are dropped, as ``$(cat key.json)``
            in a shell drops them, so that both ways give the same Secret.
        registries: registry keys such as ``asia.gcr.io``.
        source: the file's name, for messages.

    Raises:
        InvalidInput: the content is not a service account key; the message never quotes it.
    """
    try:
        text = content.decode("utf-8")
        key = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(
            f"{source} is not a service account key: it is not complete JSON", hint=_HINT
        ) from None
    kind = key.get("type") if isinstance(key, dict) else None
    if kind != "service_account":
        what = _OTHERS.get(str(kind), "some other JSON file")
        raise InvalidInput(f"{source} is not a service account key but {what}", hint=_HINT)
    for field in ("client_email", "private_key"):
        if not isinstance(key.get(field), str) or not key[field]:
            raise InvalidInput(
                f"{source} is not a usable service account key: it has no {field}", hint=_HINT
            )
    password = Password(text.rstrip("\n"))
    return [Credential(r, USERNAME, password, key["client_email"]) for r in registries]
