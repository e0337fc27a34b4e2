"""Plans carried out in random worlds, beside other writers.

After any history: once a plan is carried out there is nothing left to do, the Secret holds what
it should, and nothing that is not the operator's has changed.
"""

import base64
import contextlib
import copy
import json
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from regcred.core import marks
from regcred.core.errors import InvalidPullCredential
from regcred.core.logins import claim
from regcred.core.operator import select
from regcred.core.operator.desired import desire
from regcred.core.operator.plan import plan
from tests.support.operating import NAME, Namespace, Refused, account, given, ours, pullcredential

# Few of each, so that objects often claim the same.
REGISTRIES = ("*.pkg.dev/p", "https://index.docker.io/v1/")
NAMES = ("a", "b", "c")
ACCOUNTS = ("default", "builder")
MARK = marks.ATTACHED_BY_OPERATOR

specs = st.fixed_dictionaries(
    {
        "registries": st.lists(st.sampled_from(REGISTRIES), min_size=1, max_size=2, unique=True),
        "namespaces": st.sampled_from(
            [{}, {}, {"matchLabels": {"pull": "yes"}}, {"include": ["other-*"]}]
        ),
        "serviceAccounts": st.sampled_from(
            [{"include": ["default"]}, {"include": ["*"]}, {"include": ["b*r"]}]
        ),
        "attach": st.sampled_from(["ServiceAccount", "ServiceAccount", "Pod", "None"]),
    }
)
docs = st.sampled_from(
    [
        {"auths": {}},
        {"auths": {"quay.io": {"auth": "YTpi"}}},
        {"auths": {"quay.io": {"auth": "YTpi"}, "*.pkg.dev/p": {"auth": "YTpi"}}},
        {"auths": {"quay.io": {}}},
        {"auths": {"quay.io": {"auth": "?"}}},
        {"auths": {"*.pkg.dev/p": {"auth": "YTpi"}}, "credsStore": "osxkeychain"},
    ]
)


def encoded(doc):
    return {".dockerconfigjson": base64.b64encode(json.dumps(doc).encode()).decode()}


def read(secret):
    """Registry → (username, password), by a reader of the test's own."""
    if secret is None:
        return {}
    auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    return {key: tuple(base64.b64decode(e["auth"]).decode().split(":")) for key, e in auths.items()}


class Operating(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.world = Namespace()
        self.objects = {}  # name → PullCredential
        self.sources = {}  # name → registries → Fragment, or None while it fails
        self.memory = {}  # name → what it gave last, as long as the operator runs
        self.view = None
        self.awake = True

    @initialize(spec=specs, other=specs)
    def start(self, spec, other):
        self.world.put_account(account("default"))
        self.apply_object("a", spec, False, 3)
        self.apply_object("b", other, False, 0)
        self.operate()

    @invariant()
    def keep_up(self):
        if self.awake:
            self.operate()

    # What people do to PullCredentials and their sources.

    @rule(name=st.sampled_from(NAMES), spec=specs, fails=st.booleans(), age=st.integers(0, 3))
    def apply_object(self, name, spec, fails, age):
        old = self.objects.get(name)
        new = pullcredential(name, age=age, **spec)
        if old and not old.deleting:
            new = replace(new, created=old.created)
        self.objects[name] = new
        self.memory.pop(name, None)
        self.sources[name] = None if fails else given(*spec["registries"])

    @rule(name=st.sampled_from(NAMES))
    def break_object(self, name):
        if name in self.objects:
            wrong = InvalidPullCredential("no")
            self.objects[name] = replace(self.objects[name], spec=None, problem=wrong)
            self.memory.pop(name, None)

    @rule(name=st.sampled_from(NAMES))
    def delete_object(self, name):
        if name in self.objects:
            self.objects[name] = replace(self.objects[name], deleting=True)

    @rule(name=st.sampled_from(NAMES), password=st.sampled_from("xyz"))
    def rotate_source(self, name, password):
        if name in self.objects and self.objects[name].spec:
            registries = self.objects[name].spec.registries
            self.sources[name] = given(*registries, password=password)

    @rule(name=st.sampled_from(NAMES))
    def lose_source(self, name):
        self.sources[name] = None

    # What others do to the namespace.

    @rule(labels=st.sampled_from([{}, {"pull": "yes"}]))
    def relabel(self, labels):
        self.world.labels = labels

    @rule()
    def delete_secret(self):
        self.world.secret = None

    @precondition(lambda self: self.world.secret is not None)
    @rule(doc=docs | st.just("garbage"), more=st.booleans())
    def edit_data(self, doc, more):
        data = encoded(doc) | ({"extra": "eA=="} if more else {})
        self.edit(lambda secret: secret.update(data=data))

    @precondition(lambda self: self.world.secret is not None)
    @rule(
        field=st.sampled_from(["labels", "annotations"]),
        key=st.sampled_from([marks.MANAGED_BY, marks.KEPT_BY, marks.PULLCREDENTIALS, "x",
                             marks.EXPIRES_AT, marks.HAND_OVER, marks.REGISTRIES]),
        value=st.sampled_from([None, "true", "login", "operator", "regcred", "a=*.pkg.dev/p"]),
    )  # fmt: skip
    def edit_marks(self, field, key, value):
        def change(secret):
            entries = secret["metadata"].setdefault(field, {})
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value

        self.edit(change)

    @precondition(lambda self: self.world.secret is not None)
    @rule()
    def freeze(self):
        self.edit(lambda secret: secret.update(immutable=True))

    @precondition(lambda self: self.world.secret is None and not self.world.terminating)
    @rule(
        doc=docs,
        kind=st.sampled_from(["kubernetes.io/dockerconfigjson", "Opaque"]),
        labels=st.dictionaries(st.sampled_from([marks.MANAGED_BY, "x"]), st.just("regcred")),
        annotations=st.dictionaries(st.just(marks.KEPT_BY), st.sampled_from(["login", "operator"])),
        hand_over=st.booleans(),
    )
    def create_secret(self, doc, kind, labels, annotations, hand_over):
        labels = labels | ({marks.HAND_OVER: "true"} if hand_over else {})
        metadata = {"labels": labels, "annotations": annotations}
        self.world.put_secret({"metadata": metadata, "type": kind, "data": encoded(doc)})

    @rule(
        name=st.sampled_from(ACCOUNTS),
        names=st.lists(st.sampled_from([NAME, "other", ""]), max_size=3),
        keep_marks=st.booleans(),
    )
    def write_account(self, name, names, keep_marks):
        old = self.world.accounts.get(name)
        new = account(name, *names, other="kept")
        if old and keep_marks:
            new["metadata"]["annotations"] = old["metadata"].get("annotations", {})
        self.world.put_account(new)

    @rule(name=st.sampled_from(ACCOUNTS))
    def delete_account(self, name):
        self.world.accounts.pop(name, None)

    @rule()
    def end(self):
        self.world.terminating = True

    @precondition(lambda self: self.world.terminating)
    @rule()
    def begin_anew(self):
        self.world.secret, self.world.accounts = None, {}
        self.world.terminating = False
        self.world.put_account(account("default"))

    # What becomes of the operator.

    @rule()
    def restart(self):
        self.memory = {}

    @rule()
    def sleep_or_wake(self):
        self.awake = not self.awake

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def restart_without_sources(self, names):
        self.memory = {}
        self.sources |= dict.fromkeys(names)

    @rule()
    def look(self):
        self.view = self.desired(), self.world.observe()

    @precondition(lambda self: self.view is not None)
    @rule()
    def act_on_an_old_view(self):
        self.carry_out(plan(*self.view, NAME).actions)

    @rule(steps=st.integers(0, 2))
    def act_and_be_killed(self, steps):
        self.carry_out(self.planned().actions[:steps])

    @rule()
    def operate(self):
        before, accounts = copy.deepcopy(self.world.secret), self.attached()
        desired = self.desired()
        planned = plan(desired, self.world.observe(), NAME)
        expected = self.expected(before)
        refused = self.carry_out(planned.actions)
        assert not refused
        again = self.planned()
        assert again.actions == ()
        assert (again.obstacle is None) == (planned.obstacle is None)
        if self.world.terminating:
            assert planned.actions == ()
            return
        foreign = before is not None and not ours(before) and not marks.handed_over(before)
        if foreign or (before is not None and not ours(before) and not expected):
            assert self.world.secret == before
            assert (planned.obstacle is not None) == (foreign and bool(expected))
        else:
            assert read(self.world.secret) == expected
            assert (self.world.secret is None) == (not expected)
            if self.world.secret:
                assert ours(self.world.secret)
                assert self.world.secret["type"] == "kubernetes.io/dockerconfigjson"
        self.check_accounts(before, accounts, foreign)

    def attached(self):
        """ServiceAccount → whether the Secret is on it, and whether it is marked as ours."""
        return {
            name: (
                {"name": NAME} in each.get("imagePullSecrets", []),
                NAME in marks.read_names(each, MARK),
            )
            for name, each in self.world.accounts.items()
        }

    def check_accounts(self, before, accounts, foreign):
        specs = [each.spec for each in self.objects.values() if self.selects(each)]
        blind = any(not each.spec and not each.deleting for each in self.objects.values())
        held = blind and ours(before) and self.world.secret
        for name, (there, marked) in self.attached().items():
            wanted = any(select.service_account(spec, name) for spec in specs)
            was_there, was_marked = accounts[name]
            if wanted and not foreign:
                assert there
                assert was_there or marked
            elif wanted or held:
                assert (there, marked) == (was_there, was_marked)
            else:
                assert not marked

    # What should be.

    def selects(self, each):
        return select.namespace(each, self.world.name, self.world.labels)

    def desired(self):
        for name, source in self.sources.items():
            if source and name in self.objects and self.objects[name].spec:
                self.memory[name] = source
        offers = [(each, self.memory.get(each.name)) for each in self.objects.values()]
        return desire(self.world.name, self.world.labels, offers)

    def planned(self):
        return plan(self.desired(), self.world.observe(), NAME)

    def expected(self, before):
        """Registry → login, worked out once more and differently."""
        there, owners = {}, {}
        if ours(before):
            owners = marks.read_owners(before)
            try:
                found = read(before)
            except (ValueError, TypeError, KeyError):  # not all of it can be read
                found = usable(before)
            there = {key: login for key, login in found.items() if login[0]}
        result, holding = {}, False
        for each in sorted(self.objects.values(), key=lambda each: each.rank):
            if each.deleting or (each.spec and not self.selects(each)):
                continue
            memory = self.memory.get(each.name) if each.spec else None
            if memory:
                mine = {
                    c.registry: (c.username, c.password.reveal())
                    for c in memory.credentials.values()
                }
            else:
                holding = True
                claimed = {claim.identity(r) for r in (each.spec.registries if each.spec else ())}
                mine = {
                    key: login
                    for key, login in there.items()
                    if owners.get(claim.identity(key)) == each.name
                    and (not each.spec or claim.identity(key) in claimed)
                }
            result = mine | result
        if holding:
            free = {k: v for k, v in there.items() if claim.identity(k) not in owners}
            result = free | result
        return result

    def edit(self, change):
        secret = copy.deepcopy(self.world.secret)
        change(secret)
        with contextlib.suppress(Refused):
            self.world.put_secret(secret)

    def carry_out(self, actions):
        before = self.unowned()
        refused = []
        for action in actions:
            try:
                self.world.carry_out(action)
            except Refused as error:
                refused.append(error)
                break
        assert self.unowned() == before
        return refused

    def unowned(self):
        """All in the namespace that is not the operator's."""
        secret = self.world.secret
        if secret and (ours(secret) or marks.handed_over(secret)):
            secret = None
        accounts = {}
        for name, each in self.world.accounts.items():
            names = [entry.get("name", "") for entry in each.get("imagePullSecrets", [])]
            if NAME in marks.read_names(each, MARK) and NAME in names:
                del names[len(names) - 1 - names[::-1].index(NAME)]
            annotations = dict(each["metadata"].get("annotations", {}))
            annotations.pop(MARK, None)
            accounts[name] = names, annotations
        return copy.deepcopy(secret), accounts


def usable(secret):
    """The entries of a Secret that can be read, where not all of them can."""
    try:
        auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
        logins = {key: entry.get("auth", "") for key, entry in auths.items()}
        assert "?" not in logins.values()
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError):
        return {}
    return {k: tuple(base64.b64decode(v).decode().split(":")) for k, v in logins.items() if v}


TestOperating = Operating.TestCase
