"""One namespace in memory, and a small interpreter of what the operator does to it.

It keeps the rules of the API server that plans rest on: a new resourceVersion with each write,
a new UID with each object, no change of a Secret's type or of frozen data, nothing new in a
terminating namespace, no empty lists and maps. It is no API server: whether the real one takes
these very requests is what the integration tests show.
"""

import copy
import itertools
from datetime import UTC, datetime, timedelta

from regcred.core import marks
from regcred.core.credential import Credential, Password
from regcred.core.operator.actions import CreateSecret, DeleteSecret, PatchAccount, UpdateSecret
from regcred.core.operator.observed import Observed, see_account, see_secret
from regcred.core.operator.pullcredential import parse
from regcred.core.operator.source import fragment
from tests.support.patching import TestFailed, apply

NAME = "regcred"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """The write did not happen."""


class Namespace:
    """A namespace with its Secret of the operator's name and its ServiceAccounts."""

    def __init__(self, name="team-a"):
        self.name, self.labels = name, {}
        self.secret, self.accounts = None, {}
        self.terminating = False
        self.writes = 0
        self._versions = itertools.count(1)

    def put_secret(self, obj):
        """Somebody, or the operator, creates the Secret or writes it anew."""
        old = self.secret
        if old is None and self.terminating:
            raise Refused("the namespace is terminating")
        new = _tidy(copy.deepcopy(obj))
        if old is not None:
            if new["type"] != old["type"]:
                raise Refused("a Secret's type is immutable")
            if old.get("immutable") and new.get("data") != old.get("data"):
                raise Refused("its data are immutable")
        uid = old["metadata"]["uid"] if old else f"uid-{next(self._versions)}"
        new["metadata"] |= {"name": NAME, "namespace": self.name, "uid": uid}
        new["metadata"]["resourceVersion"] = str(next(self._versions))
        self.secret = new

    def put_account(self, obj):
        """Somebody, or the operator, writes a ServiceAccount."""
        new = _tidy(copy.deepcopy(obj))
        new["metadata"]["resourceVersion"] = str(next(self._versions))
        self.accounts[new["metadata"]["name"]] = new

    def observe(self):
        """What the operator sees of it."""
        return Observed(
            self.name,
            see_secret(self.secret) if self.secret else None,
            tuple(see_account(each) for each in self.accounts.values()),
            self.terminating,
        )

    def carry_out(self, action):
        """Do what an action says.

        Raises:
            Refused: it does not hold any more, or cannot be done.
        """
        self.writes += 1
        try:
            self._do(action)
        except (TestFailed, KeyError, TypeError) as error:
            raise Refused(repr(error)) from None

    def _do(self, action):
        match action:
            case CreateSecret():
                if action.needs_secret and self.secret is None:
                    raise Refused("there is no such Secret")
                secret = self.secret if action.needs_secret else None
                body = action.body(NAME, self.name, secret)
                if action.replaces:
                    self._delete(action.replaces.uid, action.replaces.version)
                if self.secret is not None:
                    raise Refused("it is there already")
                self.put_secret(body)
            case UpdateSecret():
                patch = action.patch(self.secret if action.needs_secret else None)
                self.put_secret(apply(self.secret, patch))
            case DeleteSecret():
                self._delete(action.uid, action.version)
            case PatchAccount():
                self.put_account(apply(self.accounts[action.name], action.patch))
            case _:
                raise AssertionError(action)

    def _delete(self, uid, version):
        metadata = self.secret["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (uid, version):
            raise Refused("it is not what was seen")
        self.secret = None


def account(name, *names, **annotations):
    """A ServiceAccount with this list."""
    metadata = {"name": name, "annotations": annotations}
    return {"metadata": metadata, "imagePullSecrets": [{"name": each} for each in names]}


def login(registry, password="hunter2"):
    """A credential."""
    return Credential(registry, "puller", Password(password))


def given(*registries, password="hunter2", expires=None):
    """What a source gives for these registries."""
    found = fragment([login(each, password) for each in registries], "a test", expires=expires)
    assert hasattr(found, "credentials"), found
    return found


def pullcredential(name="ghcr", *, age=0, deleting=False, namespaces=None, **spec):
    """A PullCredential object, parsed; the higher its age, the older it is."""
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "creationTimestamp": (EPOCH - timedelta(days=age)).isoformat().replace("+00:00", "Z"),
    }
    if deleting:
        metadata["deletionTimestamp"] = EPOCH.isoformat()
    spec = {
        "registries": ["ghcr.io"],
        "source": {"basic": {"secretRef": {"name": "login"}}},
        "namespaces": namespaces or {},
    } | spec
    return parse({"metadata": metadata, "spec": spec})


def _tidy(obj):
    """Without what the API server drops."""
    if not obj.get("imagePullSecrets", True):
        del obj["imagePullSecrets"]
    for field in ("labels", "annotations"):
        if not obj["metadata"].get(field, True):
            del obj["metadata"][field]
    return obj


def ours(obj):
    """Whether a Secret is the operator's, by its marks."""
    return obj is not None and marks.kept_by(obj) == marks.OPERATOR
