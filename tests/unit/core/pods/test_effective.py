from regcred.core.logins.pullsecret import PullSecret
from regcred.core.pods.effective import World, effective, list_of, needed_account
from regcred.core.pods.podtemplate import PodTemplate


def template(*secrets, namespace="n", account="default", **fields):
    return PodTemplate("pod/p", namespace, account, secrets, (), **fields)


def world(accounts=None, **secrets):
    made = {("n", name): PullSecret(name, "n", data=data) for name, data in secrets.items()}
    listed = {("n", name): names for name, names in (accounts or {}).items()}
    return World(accounts=listed, secrets=made)


def test_its_own_list():
    own = effective(template("b", "a"), world(a={}, b={}))
    assert [secret.name for secret in own.secrets] == ["b", "a"]
    assert (own.unknown, own.cut_off, own.account) == ((), (), ("n", "default"))


def test_that_of_its_serviceaccount():
    known = world({"default": ("a",), "builder": ("b",)}, a={}, b={})
    for account, name in (("default", "a"), ("builder", "b")):
        own = effective(template(account=account), known)
        assert [secret.name for secret in own.secrets] == [name]
        assert not own.cut_off


def test_its_own_list_cuts_it_off():
    own = effective(template("b"), world({"default": ("a", "b")}, a={}, b={}))
    assert [secret.name for secret in own.secrets] == ["b"]
    assert own.cut_off == ("a",)


def test_a_list_without_names_cuts_it_off_too():
    own = effective(template(nameless=True), world({"default": ("a",)}, a={}))
    assert (own.secrets, own.unknown, own.cut_off) == ((), (), ("a",))
    assert effective(template(nameless=True), World()).unknown == ()


def test_a_pod_that_exists_has_what_it_has():
    known = world({"default": ("a",)}, a={})
    pod = template(exists=True)
    assert needed_account(pod) is None
    assert (effective(pod, known).secrets, effective(pod, World()).unknown) == ((), ())
    assert effective(template("b", exists=True), known).cut_off == ()
    assert needed_account(template()) == ("n", "default")


def test_what_is_not_known_is_no_missing_secret():
    known = world({"default": ("a", "b")}, a=None)
    known.unknown_secrets["n", "b"] = "no right to read it"
    own = effective(template(), known)
    assert [(secret.name, secret.data) for secret in own.secrets] == [("a", None)]
    assert own.unknown == ("secret/b in n (no right to read it)",)


def test_a_serviceaccount_that_is_not_known():
    assert effective(template(), World()).unknown == ("serviceaccount/default in n",)
    known = World(unknown_accounts={("", "default"): "no right to read it"})
    own = effective(template(namespace=""), known)
    assert own.unknown == ("serviceaccount/default (no right to read it)",)
    assert effective(template("a"), World()).unknown == ("secret/a in n",)
    assert list_of(template(), {}) == ()


def test_secrets_that_are_assumed():
    known = world(a=None)
    known.assumed = {name: PullSecret(name, data={"k": b"v"}) for name in ("a", "b")}
    there, assumed = effective(template("a", "b"), known).secrets
    assert there.data is None  # what is known goes first
    assert (assumed.namespace, assumed.data) == ("n", {"k": b"v"})


def test_what_makes_the_unknown_known():
    known = World(secret_hints={("n", "s"): "grant s"})
    known.account_hints = {("n", "a"): "grant a"}
    assert effective(template(account="a"), known).hints == ("grant a",)
    assert effective(template("s", "t", account="a"), known).hints == ("grant s",)
