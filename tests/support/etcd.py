"""What lies beneath the API server: etcd, asked past it.

https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
"""

from __future__ import annotations

import base64
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster import Cluster


def ask(cluster: Cluster, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request, for example ``kv/range``."""
    pid = cluster.processes["etcd"].pid
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    flag = "--listen-client-urls="
    url = next(each.removeprefix(flag) for each in arguments if each.startswith(flag))
    sent = json.dumps(body).encode()
    with urllib.request.urlopen(f"{url}/v3/{what}", sent) as answer:  # noqa: S310
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.read())
    return found


def writes(cluster: Cluster, plural: str) -> dict[str, int]:
    """``NAMESPACE/NAME`` → how often the object was written, 1 for one that is as it was made."""
    prefix = f"/registry/{plural}/"
    first, last = (base64.b64encode(each.encode()).decode() for each in (prefix, prefix[:-1] + "0"))
    listed = ask(cluster, "kv/range", {"key": first, "range_end": last, "keys_only": True})
    keys = ((base64.b64decode(each["key"]).decode(), each) for each in listed.get("kvs", ()))
    return {key.removeprefix(prefix): int(each["version"]) for key, each in keys}
