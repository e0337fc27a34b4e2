"""Rights that are missing, as the API server's refusals name them, told together."""

import re

from regcred.core.errors import Forbidden
from regcred.core.names import is_name
from regcred.kube import grants


def hint(said):
    return grants.of_one(grants.denied(said))


def role(hint):
    """The name of the one role that a hint makes and binds."""
    (name,) = set(re.findall(r"kubectl create (?:cluster)?role(?:binding)? (\S+)", hint))
    return name


def refusal(user="ann", name="regcred", resource="secrets"):
    return (
        f'{resource} "{name}" is forbidden: User "{user}" cannot get resource "{resource}" in API '
        'group "" in the namespace "team-a"'
    )


def test_a_role_has_the_name_of_another_only_where_it_is_the_same():
    users = "ann", "bob", "system:serviceaccount:ci:ann", "Zoë; rm -rf /"
    others = (
        *(refusal(user) for user in users),
        refusal(name="another"),
        refusal(resource="pods/log"),
        refusal(resource="pods"),
    )
    named = [role(hint(said)) for said in others]
    assert len(set(named)) == len(others)
    assert all(map(is_name, named))
    assert role(hint(refusal())) == named[0]
    errors = {
        name: Forbidden(refusal(name=name), hint=hint(refusal(name=name))) for name in ("a", "b")
    }
    both = role(grants.together(errors).hint)
    assert both not in [role(error.hint) for error in errors.values()]


def test_several_rights_on_objects_of_one_kind_are_one():
    denied = {
        name: Forbidden(f"cannot get serviceaccounts/{name} in 'team-a': {said}", hint=hint(said))
        for name in (f"sa{n:02}" for n in range(12))
        for said in [
            f'serviceaccounts "{name}" is forbidden: User "ann" cannot get resource '
            '"serviceaccounts" in API group "" in the namespace "team-a"'
        ]
    }
    assert grants.together({"sa01": denied["sa01"]}) is denied["sa01"]
    error = grants.together(denied)
    named = ", ".join(f"sa{n:02}" for n in range(10))
    assert error.message == (
        f"cannot get serviceaccounts/{named} and 2 more in 'team-a': serviceaccounts is forbidden: "
        'User "ann" cannot get resource "serviceaccounts" in API group "" in the namespace "team-a"'
    )
    every = " ".join(f"--resource-name=sa{n:02}" for n in range(12))
    assert f"--resource=serviceaccounts {every} -n team-a &&" in error.hint
    assert error.hint.count("kubectl create role ") == 1


def cannot_list(resource, user="ann", where=' in the namespace "team-a"'):
    plain, _, group = resource.partition(".")
    said = (
        f'{resource} is forbidden: User "{user}" cannot list resource "{plain}" '
        f'in API group "{group}"{where}'
    )
    return Forbidden(f"cannot list {plain}: {said}", hint=hint(said), status=403)


def test_kinds_that_one_person_may_not_list_take_one_role():
    kinds = ("deployments.apps", "cronjobs.batch", "pods")
    error = grants.of_kinds([cannot_list(kind) for kind in kinds])
    assert error.message == "user 'ann' has no right to list them"
    assert error.status == 403
    name = role(error.hint)
    assert name.startswith("regcred-list-workloads-")
    assert error.hint == (
        "check with: kubectl auth can-i --list -n team-a; whoever may grant it: "
        f"kubectl create role {name} --verb=list "
        "--resource=deployments.apps,cronjobs.batch,pods -n team-a && "
        f"kubectl create rolebinding {name} --role={name} --user=ann -n team-a"
    )
    error = grants.of_kinds([cannot_list(kind, where=" at the cluster scope") for kind in kinds])
    assert "kubectl auth can-i list deployments.apps -A; " in error.hint
    assert "kubectl create clusterrolebinding regcred-list-workloads" in error.hint


def test_kinds_that_are_refused_in_other_ways_stay_apart():
    assert grants.of_kinds([cannot_list("pods"), cannot_list("jobs", user="bob")]) is None
    assert grants.of_kinds([cannot_list("pods"), Forbidden("by a webhook")]) is None
    unheard = [cannot_list("pods"), cannot_list("jobs")]
    for error in unheard:
        error.hint = "holds no credential"
    assert grants.of_kinds(unheard).hint == "holds no credential"
