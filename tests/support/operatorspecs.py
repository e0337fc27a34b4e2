"""PullCredentials by chance, and what a world must come to by them, worked out the slow way.

The oracle shares nothing with `regcred.core`: what is one registry and what covers what stands in
tables here, and each namespace is worked out by itself, object by object, the oldest first.
"""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support.operatorworld import PASSWORD

if TYPE_CHECKING:
    from tests.support.operatorworld import OperatorWorld

#: Spellings → what they have in common.
SAME = {
    "ghcr.io": "ghcr.io",
    "https://ghcr.io/": "ghcr.io",
    "docker.io": "hub",
    "https://index.docker.io/v1/": "hub",
    "*.pkg.dev": "*.pkg.dev",
    "eu.pkg.dev/proj": "eu.pkg.dev/proj",
    "localhost:5000": "localhost:5000",
}
#: What the docker config has, and which of it each claim stands for.
COVERED = {
    "ghcr.io": ("ghcr.io",),
    "https://ghcr.io/": ("ghcr.io",),
    "docker.io": ("https://index.docker.io/v1/",),
    "https://index.docker.io/v1/": ("https://index.docker.io/v1/",),
    "*.pkg.dev": ("eu.pkg.dev/proj",),
    "eu.pkg.dev/proj": ("eu.pkg.dev/proj",),
    "localhost:5000": (),
}
CONFIG = ("ghcr.io", "https://index.docker.io/v1/", "eu.pkg.dev/proj")
#: Kind of source → states in which it gives a login.
KINDS = {"basic": "b", "dockerConfig": "d", "googleServiceAccount": "g"}
GOOD = ("one", "two")
BAD = {"missing": "SourceMissing", "malformed": "SourceMalformed"}
#: What only the operator refuses, and not the API server.
SENSELESS = "-a.io"

ACCOUNTS = {"default": [], "app": ["theirs"], "other": ["theirs"]}
TIERS = {"ns-0": "a", "ns-1": "a", "ns-2": "b", "ns-3": ""}


@dataclass(frozen=True)
class Case:
    """What there is.

    Args:
        specs: of PullCredentials, by their short names; ``source`` is a kind.
        sources: kind → its state.
    """

    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=lambda: dict.fromkeys(KINDS, "one"))


# What there may be


def _one_or_two(some: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(some), min_size=1, max_size=2, unique_by=str)


def _selectors() -> st.SearchStrategy[dict[str, Any]]:
    some = ["*ns-0", "*-1", "*ns-*", "*ns-2", "x*"]
    rules = [
        {"key": "tier", "operator": "In", "values": ["a", "c"]},
        {"key": "tier", "operator": "NotIn", "values": ["a"]},
        {"key": "tier", "operator": "Exists"},
        {"key": "tier", "operator": "DoesNotExist"},
    ]
    return st.fixed_dictionaries(
        {},
        optional={
            "include": _one_or_two(["*", *some]),
            "exclude": _one_or_two(some),
            "matchLabels": st.just({"tier": "a"}),
            "matchExpressions": _one_or_two(rules),
        },
    )


@st.composite
def specs(draw: st.DrawFn, *, serving: bool = False) -> dict[str, Any]:
    """One spec that the API server takes; `serving`: and that its source, if good, can meet."""
    kind = draw(st.sampled_from(list(KINDS)))
    fewest = 0 if kind == "dockerConfig" else 1
    claims = [each for each in SAME if COVERED[each] or not serving or kind != "dockerConfig"]
    registries = draw(
        st.lists(st.sampled_from(claims), min_size=fewest, max_size=3, unique_by=SAME.get)
    )
    return {
        "source": kind,
        "registries": registries,
        "namespaces": draw(_selectors()),
        "serviceAccounts": draw(_one_or_two(["default", "app", "a*", "*", "no-such"])),
        "attach": draw(st.sampled_from(["ServiceAccount", "ServiceAccount", "Pod", "None"])),
    }


def cases(
    states: tuple[str, ...] = GOOD, *, serving: bool = False, fewest: int = 0
) -> st.SearchStrategy[Case]:
    """Up to three PullCredentials as from `specs`, and their sources in these states."""
    some = st.dictionaries(
        st.sampled_from("abc"), specs(serving=serving), min_size=fewest, max_size=3
    )
    sources = st.fixed_dictionaries({kind: st.sampled_from(states) for kind in KINDS})
    return st.builds(Case, some, sources)


# How it gets into the world


def content(kind: str, state: str) -> dict[str, Any]:
    """The Secret of a source, without metadata."""
    password = f"{state}-{PASSWORD}"
    if state == "malformed":
        return {"stringData": {"x": PASSWORD}}
    if kind == "basic":
        return {"stringData": {"username": f"b-{state}", "password": password}}
    if kind == "dockerConfig":
        auths = {each: {"username": f"d-{state}", "password": password} for each in CONFIG}
        return {"stringData": {".dockerconfigjson": json.dumps({"auths": auths})}}
    return {"stringData": {"key.json": google_key(state)}}


def google_key(state: str) -> str:
    """A service account key that is none."""
    key = {"type": "service_account", "client_email": "a@b", "private_key": f"{state}-{PASSWORD}"}
    return json.dumps(key)


def put_source(world: OperatorWorld, kind: str, state: str) -> None:
    """Bring a source into a state."""
    folder = f"/api/v1/namespaces/{world.installation.namespace}/secrets"
    name = world.full(KINDS[kind])
    api = world.installation.cluster.api
    if state == "missing":
        assert api.request("DELETE", f"{folder}/{name}")[0] in (200, 404)
        return
    body = {"metadata": {"name": name}, **content(kind, state)}
    status, said = api.request("POST", folder, body)
    if status == 409:
        status, said = api.request("PUT", f"{folder}/{name}", body)
    assert status in (200, 201), said


def put_spec(world: OperatorWorld, name: str, spec: dict[str, Any]) -> None:
    """Bring a PullCredential into the world, or change it."""
    labels = spec["namespaces"].get("matchLabels", {})
    world.put_pullcredential(
        name,
        registries=spec["registries"],
        source={spec["source"]: {"secretRef": {"name": world.full(KINDS[spec["source"]])}}},
        namespaces=spec["namespaces"] | {"matchLabels": labels | world.label},
        serviceAccounts={"include": spec["serviceAccounts"]},
        attach=spec["attach"],
    )


def names(world: OperatorWorld) -> set[str]:
    """Short names of the PullCredentials that there are."""
    return {
        name.removeprefix("world-")
        for kind, _, name in world.snapshot()
        if kind == "pullcredentials"
    }


# What must come of it


def gives(spec: dict[str, Any], sources: dict[str, str]) -> dict[str, tuple[str, str]] | str:
    """Registry → login, or the reason why not."""
    kind = spec["source"]
    state = sources[kind]
    if SENSELESS in spec["registries"]:
        return "InvalidSpec"
    if state in BAD:
        return BAD[state]
    password = f"{state}-{PASSWORD}"
    if kind == "basic":
        return dict.fromkeys(spec["registries"], (f"b-{state}", password))
    if kind == "googleServiceAccount":
        return {each: ("_json_key", google_key(state)) for each in spec["registries"]}
    if not all(COVERED[each] for each in spec["registries"]):
        return "RegistryNotInSource"
    found = {entry for each in spec["registries"] for entry in COVERED[each]} or CONFIG
    return dict.fromkeys(found, (f"d-{state}", password))


def is_selected(spec: dict[str, Any], namespace: str, full: str) -> bool:
    """Whether the namespace is meant."""
    selector, tier = spec["namespaces"], TIERS[namespace]
    if SENSELESS in spec["registries"]:
        return False
    if not any(fnmatch.fnmatchcase(full, each) for each in selector.get("include", ["*"])):
        return False
    if any(fnmatch.fnmatchcase(full, each) for each in selector.get("exclude", [])):
        return False
    if "tier" in selector.get("matchLabels", {}) and tier != "a":
        return False
    for rule in selector.get("matchExpressions", []):
        holds = {
            "In": tier in ("a", "c"),
            "NotIn": tier != "a",
            "Exists": bool(tier),
            "DoesNotExist": not tier,
        }
        if not holds[rule["operator"]]:
            return False
    return True


def wanted(world: OperatorWorld, case: Case, oldest_first: list[str]) -> dict[str, Any]:
    """What `found` must say, if nobody remembers anything of what was before.

    Args:
        world: whose names.
        case: what there is.
        oldest_first: the PullCredentials.
    """
    given = {name: gives(spec, case.sources) for name, spec in case.specs.items()}
    served, lost, selected = Counter[str](), set[str](), Counter[str]()
    result: dict[str, Any] = {}
    for namespace in TIERS:
        entries: dict[str, tuple[str, str]] = {}
        owners: Counter[str] = Counter()
        taken: set[str] = set()
        attach: list[str] = []
        for name in oldest_first:
            spec, logins = case.specs[name], given[name]
            if not is_selected(spec, namespace, world.full(namespace)):
                continue
            selected[name] += 1
            if spec["attach"] == "ServiceAccount":
                attach += spec["serviceAccounts"]
            if isinstance(logins, str):
                continue
            mine = {each: login for each, login in logins.items() if SAME[each] not in taken}
            if len(mine) < len(logins):
                lost.add(name)
            taken |= {SAME[each] for each in mine}
            entries |= mine
            owners[name] += len(mine)
            served[name] += bool(mine)
        result[namespace] = {
            "logins": entries,
            "owners": +owners,
            "accounts": {
                account: any(fnmatch.fnmatchcase(account, each) for each in attach)
                for account in ACCOUNTS
            },
        }
    for name in case.specs:
        bad = given[name] if isinstance(given[name], str) else ""
        if bad:
            ready = bad
        elif name in lost:
            ready = "Conflict"
        else:
            ready = "Ready" if selected[name] else "NoNamespaceSelected"
        counts = f"{served[name]}/{selected[name]}"
        result[f"status of {name}"] = (ready, bad or "Minted", counts)
    return result


def found(world: OperatorWorld) -> dict[str, Any]:
    """What there is, in the same words."""
    secret = world.installation.secret_name
    objects, logins = world.snapshot(), world.logins()
    lists = {account: world.lists(account) for account in ACCOUNTS}
    result: dict[str, Any] = {}
    for namespace in TIERS:
        obj = objects.get(("secrets", f"world-{namespace}", secret), {})
        owners = obj.get("metadata", {}).get("annotations", {}).get("regcred.dev/pullcredentials")
        pairs = [
            each.partition("=")[0].removeprefix("world-") for each in (owners or "").split(",")
        ]
        result[namespace] = {
            "logins": logins.get(namespace, {}),
            "owners": Counter(filter(None, pairs)),
            "accounts": {
                account: _is_attached(
                    objects, lists[account][namespace], namespace, account, secret
                )
                for account in ACCOUNTS
            },
        }
    for (kind, _, name), obj in objects.items():
        if kind == "pullcredentials":
            result[f"status of {name.removeprefix('world-')}"] = _status(obj)
    return result


def _is_attached(
    objects: dict[Any, Any], names: list[str], namespace: str, account: str, secret: str
) -> bool | str:
    metadata = objects["serviceaccounts", f"world-{namespace}", account]["metadata"]
    mark = metadata.get("annotations", {}).get("regcred.dev/attached-by-operator", "")
    with_it = [*ACCOUNTS[account], secret]
    if (names, mark) in ((with_it, secret), (ACCOUNTS[account], "")):
        return bool(mark)
    return f"{names}, marked {mark!r}"


def _status(obj: dict[str, Any]) -> Any:
    status = obj.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    if len(conditions) < 2 or obj["metadata"]["deleting"]:
        return "nothing yet"
    ready, minted = conditions["Ready"], conditions["Minted"]
    minted_as = minted["reason"]
    good = ready["reason"] in ("Ready", "NoNamespaceSelected")
    if good != (ready["status"] == "True") or status["failures"]:
        return ready, status["failures"]
    return ready["reason"], minted_as, status["namespaces"]["summary"]
