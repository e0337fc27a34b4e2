"""What the diagnosis says in every situation that can be told apart."""

import base64
import dataclasses
import json
import shlex
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.diagnosis import diagnose as diagnosing
from regcred.core.diagnosis.diagnose import diagnose
from regcred.core.diagnosis.facts import Unread
from regcred.core.diagnosis.verdict import skipped
from regcred.core.pods import mend
from regcred.core.pods.failing import FailingPod, Failure, NotMade
from regcred.core.pods.podtemplate import Container, PodTemplate
from regcred.core.pods.pulltext import Network
from regcred.core.problem import Reason
from regcred.core.registry.answer import REASONS
from tests.support.stagedfacts import (
    BROKEN,
    BROKEN_OTHER,
    JSON,
    MISSING,
    NAMESPACE,
    NOW,
    OPAQUE,
    PASSWORD,
    auths,
    said,
    stage,
)

OK = {"ann": Reason.OK}
BEFORE, AFTER = NOW - timedelta(minutes=9), NOW - timedelta(minutes=1)
LAST = NOW - timedelta(minutes=3)

LOGIN = "regcred login registry.example -n team-a"
RESTART = "kubectl rollout restart deployment/web -n team-a"
ANEW = "kubectl get pod web-1 -n team-a -o yaml | kubectl replace --force -f -"
DELETE = "kubectl delete pod web-1 -n team-a"


def jwt(when):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": when.timestamp()}).encode())
    return f"e30.{claims.decode().rstrip('=')}.c2ln"


EXPIRED = auths(password=jwt(NOW - timedelta(hours=2)))


def unreachable(network, status=0):
    return said(Reason.UNREACHABLE, network=network, status=status)


#: Situation → (facts, reasons in order, commands of all causes in order).
CASES = {
    # No login anywhere.
    "no list at all": ({}, ["NoCredential"], [f"{LOGIN} --restart"]),
    "no list, other ServiceAccount": (
        {"account": "builder"},
        ["NoCredential"],
        [f"{LOGIN} --serviceaccount builder --restart"],
    ),
    "no list, a Job": ({"kind": "Job"}, ["NoCredential"], [LOGIN, DELETE]),
    "no list, a bare Pod": ({"kind": "Pod"}, ["NoCredential"], [LOGIN, ANEW]),
    "no list, a static Pod": ({"kind": "Node"}, ["NoCredential"], []),
    "a Secret lies beside a static Pod": (
        {"kind": "Node", "secrets": {"spare": auths()}, "others": ["spare"], "answers": OK},
        ["NoCredential"],
        [],
    ),
    "no such tag for a static Pod": (
        {"kind": "Node", "answers": {None: Reason.NOT_FOUND}, "text": said(Reason.NOT_FOUND)},
        ["NotFound", "NoCredential"],
        [],
    ),
    "no list, an ephemeral container": (
        {"container": "ephemeral container"},
        ["NoCredential"],
        [LOGIN],
    ),
    "attached later, an ephemeral container": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "container": "ephemeral container",
        },
        ["PodOlderThanAttachment"],
        [],
    ),
    "list cuts off an ephemeral container": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "sa": ["pull"],
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "answers": OK,
            "container": "ephemeral container",
        },
        ["ListCutsOffServiceAccount"],
        [],
    ),
    "attached later, what nobody knows": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK, "kind": "TaskRun"},
        ["PodOlderThanAttachment"],
        [DELETE],
    ),
    "attached later, a ReplicaSet": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK, "kind": "ReplicaSet"},
        ["PodOlderThanAttachment"],
        [DELETE],
    ),
    "attached later, a bare Pod with a container that runs": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "kind": "Pod",
            "running": True,
        },
        ["PodOlderThanAttachment"],
        [ANEW],
    ),
    "list cuts off a bare Pod with a container that runs": (
        {
            "own": ["mine"],
            "sa": ["pull"],
            "kind": "Pod",
            "running": True,
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "answers": OK,
        },
        ["ListCutsOffServiceAccount"],
        [
            "kubectl get pod web-1 -n team-a -o yaml | kubectl patch --local -f - -o yaml -p "
            '\'{"spec":{"imagePullSecrets":[{"name":"pull"}]}}\' | kubectl replace --force -f -'
        ],
    ),
    "the template has another ServiceAccount by now": (
        {
            "sa": ["pull"],
            "account_anew": "builder",
            "secrets": {"pull": auths()},
            "answers": OK,
        },
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "the ServiceAccount was emptied, and the login is wrong": (
        {"own": ["pull"], "sa": [], "secrets": {"pull": auths()}},
        ["Unauthorized"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "no such tag, whatever the list": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": {"ann": Reason.NOT_FOUND, None: Reason.NOT_FOUND},
            "text": said(Reason.NOT_FOUND),
        },
        ["NotFound", "NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "the Pod is older, and the node does not trust the registry": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "text": unreachable(Network.TLS),
        },
        ["Unreachable", "PodOlderThanAttachment"],
        [RESTART],
    ),
    "another registry, and a name that is in another namespace": (
        {
            "own": ["pull", "gone"],
            "sa": ["pull", "gone"],
            "secrets": {"pull": auths("registry.example:5000"), "gone": MISSING},
            "elsewhere": {"gone": ("kube-system",)},
        },
        ["NoMatchingRegistry", "SecretMissing"],
        [f"{LOGIN} --name pull --adopt", f"{LOGIN} --name gone"],
    ),
    "no list, a StatefulSet": (
        {"kind": "StatefulSet"},
        ["NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "no list, a paused Deployment": (
        {"paused": True},
        ["NoCredential"],
        [LOGIN, f"kubectl rollout resume deployment/web -n team-a && {RESTART}"],
    ),
    "no list, not probed": ({"probe": False}, ["NoCredential"], [f"{LOGIN} --restart"]),
    "no list, forbidden, not probed": (
        {"probe": False, "text": said(Reason.FORBIDDEN)},
        ["NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "no list, kubelet says nothing, not probed": (
        {"probe": False, "text": said(Reason.UNKNOWN, "")},
        ["NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    # The Pod is older than what it needs.
    "attached later": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "attached later, not probed": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "probe": False},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "attached later, Secrets may not be read": (
        {"sa": ["pull"], "probe": False},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "attached later, Secrets may not be read, probed": (
        {"sa": ["pull"]},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "attached later, a StatefulSet": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK, "kind": "StatefulSet"},
        ["PodOlderThanAttachment"],
        [f"kubectl rollout restart statefulset/web -n team-a && {DELETE}"],
    ),
    "attached later, a DaemonSet with OnDelete": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "kind": "DaemonSet",
            "on_delete": True,
        },
        ["PodOlderThanAttachment"],
        [f"kubectl rollout restart daemonset/web -n team-a && {DELETE}"],
    ),
    "attached later, a Job": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK, "kind": "Job"},
        ["PodOlderThanAttachment"],
        [DELETE],
    ),
    "attached later, a bare Pod": (
        {"sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK, "kind": "Pod"},
        ["PodOlderThanAttachment"],
        [ANEW],
    ),
    "attached later, and the login is wrong": (
        {"sa": ["pull"], "secrets": {"pull": auths()}},
        ["Unauthorized", "PodOlderThanAttachment"],
        [f"{LOGIN} --name pull --adopt", RESTART],
    ),
    "attached later, and the Secret is missing": (
        {"sa": ["pull"], "secrets": {"pull": MISSING}},
        ["SecretMissing", "PodOlderThanAttachment"],
        [f"{LOGIN} --name pull", RESTART],
    ),
    "attached later, the Secret is missing, not probed": (
        {"sa": ["pull"], "secrets": {"pull": MISSING}, "probe": False},
        ["SecretMissing", "PodOlderThanAttachment"],
        [f"{LOGIN} --name pull", RESTART],
    ),
    "attached later, and another registry's": (
        {"sa": ["pull"], "secrets": {"pull": auths("ghcr.io")}},
        ["NoMatchingRegistry", "PodOlderThanAttachment"],
        [f"{LOGIN} --name pull --adopt", RESTART],
    ),
    "another Secret attached in its place": (
        {
            "own": ["old"],
            "sa": ["new"],
            "secrets": {"old": auths("ghcr.io"), "new": auths()},
            "answers": OK,
        },
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "the template has a list by now": (
        {"template": ["pull"], "secrets": {"pull": auths()}, "answers": OK},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "detached, and nobody needs a login": (
        {"own": ["broken"], "sa": [], "secrets": {"broken": BROKEN}, "answers": {None: Reason.OK}},
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    "hidden from those without a login": (
        {
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": {"ann": Reason.OK, None: Reason.NOT_FOUND},
            "text": said(Reason.NOT_FOUND),
        },
        ["PodOlderThanAttachment"],
        [RESTART],
    ),
    # The Pod's own list keeps the login from it.
    "list cuts off": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "sa": ["pull"],
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "answers": OK,
        },
        ["ListCutsOffServiceAccount"],
        [
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"pull"}]}}}}\''
        ],
    ),
    "list cuts off, not probed": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "sa": ["pull"],
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "probe": False,
        },
        ["ListCutsOffServiceAccount"],
        [
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"pull"}]}}}}\''
        ],
    ),
    "list cuts off, a bare Pod": (
        {
            "own": ["mine"],
            "sa": ["pull"],
            "kind": "Pod",
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "answers": OK,
        },
        ["ListCutsOffServiceAccount"],
        [
            "kubectl get pod web-1 -n team-a -o yaml | kubectl patch --local -f - -o yaml -p "
            '\'{"spec":{"imagePullSecrets":[{"name":"pull"}]}}\' | kubectl replace --force -f -'
        ],
    ),
    "list cuts off, a Job, whose template nobody can change": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "sa": ["pull"],
            "kind": "Job",
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
            "answers": OK,
        },
        ["ListCutsOffServiceAccount"],
        [],
    ),
    "list cuts off, and theirs does not work either": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "sa": ["pull"],
            "secrets": {"mine": auths("ghcr.io"), "pull": auths()},
        },
        ["NoMatchingRegistry"],
        [f"{LOGIN} --name mine --adopt"],
    ),
    # A Secret that is named and does not do.
    "Secret missing": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": MISSING}},
        ["SecretMissing"],
        [f"{LOGIN} --name pull"],
    ),
    "Secret missing, regcred's own name": (
        {"own": ["regcred"], "sa": ["regcred"], "secrets": {"regcred": MISSING}},
        ["SecretMissing"],
        [LOGIN],
    ),
    "Secret missing, not probed": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": MISSING}, "probe": False},
        ["SecretMissing"],
        [f"{LOGIN} --name pull"],
    ),
    "Secret in another namespace": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": MISSING},
            "elsewhere": {"pull": ("team-b", "team-c")},
        },
        ["SecretInOtherNamespace"],
        [
            "kubectl get secret pull -n team-b -o jsonpath='{.data.\\.dockerconfigjson}' | "
            "base64 -d | regcred secret pull -n team-a --from-file=.dockerconfigjson=/dev/stdin"
        ],
    ),
    "one of two Secrets missing, the other for another registry": (
        {
            "own": ["pull", "gone"],
            "sa": ["pull", "gone"],
            "secrets": {"pull": auths("ghcr.io"), "gone": MISSING},
        },
        ["SecretMissing", "NoMatchingRegistry"],
        [f"{LOGIN} --name gone", f"{LOGIN} --name pull --adopt"],
    ),
    "wrong type": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": OPAQUE}},
        ["WrongSecretType"],
        [f"{LOGIN} --restart"],
    ),
    "wrong type, and a list of its own": (
        {"own": ["pull"], "template": ["pull"], "secrets": {"pull": OPAQUE}},
        ["WrongSecretType"],
        [
            LOGIN,
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"regcred"}]}}}}\'',
        ],
    ),
    "a login in the form that belongs to the other type": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": (JSON, {".dockerconfigjson": b'{"h": {"auth": "YTpi"}}'})},
        },
        ["WrongSecretType"],
        ["kubectl delete secret pull -n team-a", f"{LOGIN} --name pull"],
    ),
    "a name that no Secret can have": (
        {"own": ["--all"], "template": ["--all"], "secrets": {"--all": MISSING}},
        ["SecretMissing"],
        [],
    ),
    "malformed": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": BROKEN}},
        ["SecretMalformed"],
        ["kubectl delete secret pull -n team-a", f"{LOGIN} --name pull"],
    ),
    "malformed, not probed": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": BROKEN}, "probe": False},
        ["SecretMalformed"],
        ["kubectl delete secret pull -n team-a", f"{LOGIN} --name pull"],
    ),
    "malformed entry of another registry": (
        {
            "own": ["pull", "bad"],
            "sa": ["pull", "bad"],
            "secrets": {"pull": auths(), "bad": BROKEN_OTHER},
        },
        ["Shadowed"],
        ["kubectl delete secret bad -n team-a"],
    ),
    "malformed entry of another registry, the operator's": (
        {
            "own": ["pull", "bad"],
            "sa": ["pull", "bad"],
            "secrets": {"pull": auths(), "bad": BROKEN_OTHER},
            "kept": {"bad": "operator"},
        },
        ["Shadowed"],
        [],
    ),
    "two malformed": (
        {
            "own": ["a", "b"],
            "sa": ["a", "b"],
            "secrets": {"a": BROKEN, "b": BROKEN_OTHER},
        },
        ["SecretMalformed", "Shadowed"],
        [
            "kubectl delete secret a -n team-a",
            f"{LOGIN} --name a",
            "kubectl delete secret b -n team-a",
        ],
    ),
    "no login in it": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths(username="", password="")}},
        ["NoCredential"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "another registry": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths("ghcr.io")}},
        ["NoMatchingRegistry"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "another port": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths("registry.example:5000")}},
        ["NoMatchingRegistry"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "regcred's own Secret has another registry": (
        {
            "own": ["regcred"],
            "sa": ["regcred"],
            "secrets": {"regcred": auths("ghcr.io")},
            "kept": {"regcred": "login"},
        },
        ["NoMatchingRegistry"],
        [LOGIN],
    ),
    "the operator's Secret has another registry": (
        {
            "own": ["regcred"],
            "sa": ["regcred"],
            "secrets": {"regcred": auths("ghcr.io")},
            "kept": {"regcred": "operator"},
        },
        ["NoMatchingRegistry"],
        [],
    ),
    "hidden by an entry without a login": (
        {
            "image": "nginx:1",
            "own": ["hub", "empty"],
            "sa": ["hub", "empty"],
            "secrets": {
                "hub": auths("https://index.docker.io/v1/"),
                "empty": auths("docker.io", "", ""),
            },
        },
        ["Shadowed"],
        [],
    ),
    "a Secret lies beside": (
        {"secrets": {"spare": auths()}, "others": ["spare"], "answers": OK},
        ["NoCredential"],
        ["regcred attach spare -n team-a --serviceaccount default", RESTART],
    ),
    "a Secret lies beside, and the Pod has a list of its own": (
        {
            "own": ["mine"],
            "template": ["mine"],
            "secrets": {"mine": auths("ghcr.io"), "spare": auths()},
            "others": ["spare"],
            "answers": OK,
        },
        ["NoMatchingRegistry"],
        [
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"spare"}]}}}}\''
        ],
    ),
    "a Secret lies beside, and does not work": (
        {"secrets": {"spare": auths()}, "others": ["spare"]},
        ["NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    # The registry refuses.
    "wrong password": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths()}},
        ["Unauthorized"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "wrong password in regcred's own": (
        {
            "own": ["regcred"],
            "sa": ["regcred"],
            "secrets": {"regcred": auths()},
            "kept": {"regcred": "login"},
        },
        ["Unauthorized"],
        [LOGIN],
    ),
    "wrong password, not probed": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths()}, "probe": False},
        ["Unauthorized"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "wrong password in a Secret that is immutable": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths()}, "fixed": ["pull"]},
        ["Unauthorized"],
        ["kubectl delete secret pull -n team-a", f"{LOGIN} --name pull"],
    ),
    "no list, and the ServiceAccount is gone": (
        {"account": "builder", "missing_account": True},
        ["NoCredential"],
        [
            "kubectl create serviceaccount builder -n team-a",
            f"{LOGIN} --serviceaccount builder --restart",
        ],
    ),
    "wrong password, and the ServiceAccount is gone": (
        {"own": ["pull"], "secrets": {"pull": auths()}, "missing_account": True, "kind": "Pod"},
        ["Unauthorized"],
        ["kubectl create serviceaccount default -n team-a", f"{LOGIN} --name pull --adopt"],
    ),
    "a Secret lies beside, and the Pod's list came from its ServiceAccount": (
        {
            "own": ["mine"],
            "sa": ["mine"],
            "secrets": {"mine": auths("ghcr.io"), "spare": auths()},
            "others": ["spare"],
            "answers": OK,
        },
        ["NoMatchingRegistry"],
        ["regcred attach spare -n team-a --serviceaccount default", RESTART],
    ),
    "expired": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": EXPIRED}},
        ["Expired"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "expired, as the mark of its Secret says": (
        {
            "own": ["regcred"],
            "sa": ["regcred"],
            "secrets": {"regcred": auths()},
            "kept": {"regcred": "login"},
            "ends": {"regcred": BEFORE},
        },
        ["Expired"],
        [LOGIN],
    ),
    "refused, and the mark of its Secret says that it holds": (
        {
            "own": ["regcred"],
            "sa": ["regcred"],
            "secrets": {"regcred": auths()},
            "kept": {"regcred": "login"},
            "ends": {"regcred": NOW + timedelta(hours=1)},
        },
        ["Unauthorized"],
        [LOGIN],
    ),
    "expired, not probed": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": EXPIRED}, "probe": False},
        ["Expired"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "no right": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": {"ann": Reason.FORBIDDEN},
        },
        ["Forbidden"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "no such tag": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": {"ann": Reason.NOT_FOUND},
        },
        ["NotFound"],
        [],
    ),
    "no such tag, not probed": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "probe": False,
            "text": said(Reason.NOT_FOUND),
        },
        ["NotFound"],
        [],
    ),
    "no such tag for nobody": (
        {"answers": {None: Reason.NOT_FOUND}, "text": said(Reason.NOT_FOUND)},
        ["NotFound", "NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "another platform": (
        {"answers": {None: Reason.PLATFORM_MISSING}, "text": said(Reason.PLATFORM_MISSING)},
        ["PlatformMissing"],
        [],
    ),
    "throttled": ({"answers": {None: Reason.RATE_LIMITED}}, ["RegistryThrottles"], []),
    "throttled on the node alone": (
        {"answers": {None: Reason.OK}, "text": said(Reason.REGISTRY_THROTTLES)},
        ["RegistryThrottles"],
        [],
    ),
    "throttled, not probed": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "probe": False,
            "text": said(Reason.REGISTRY_THROTTLES),
            "last": LAST,
        },
        ["RegistryThrottles"],
        [],
    ),
    "nobody reaches it": (
        {"answers": {None: Reason.UNREACHABLE}, "text": unreachable(Network.DNS)},
        ["Unreachable"],
        [],
    ),
    "out of our reach alone": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": {"ann": Reason.UNREACHABLE},
        },
        ["Unauthorized"],
        [f"{LOGIN} --name pull --adopt"],
    ),
    "out of our reach, and kubelet says nothing": (
        {"answers": {None: Reason.UNREACHABLE}, "text": said(Reason.UNKNOWN, "")},
        ["Unreachable"],
        [],
    ),
    "the node does not reach it, and there is no login": (
        {"text": unreachable(Network.TIMEOUT)},
        ["Unreachable", "NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "the node does not reach it, not probed": (
        {"probe": False, "text": unreachable(Network.PROXY)},
        ["Unreachable"],
        [],
    ),
    # It would come.
    "the login came after the last try": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "last": LAST,
            "times": {"pull": (BEFORE, AFTER)},
        },
        ["BackOffOnly"],
        [],
    ),
    "the Secret came after the last try": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "last": LAST,
            "times": {"pull": (AFTER, None)},
        },
        ["BackOffOnly"],
        [],
    ),
    "nobody knows when the last try was": (
        {"own": ["pull"], "sa": ["pull"], "secrets": {"pull": auths()}, "answers": OK},
        ["BackOffOnly"],
        [],
    ),
    "nobody knows when the Secret was written": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "last": LAST,
        },
        ["BackOffOnly"],
        [],
    ),
    "pushed since": (
        {"answers": {None: Reason.OK}, "text": said(Reason.NOT_FOUND), "last": LAST},
        ["BackOffOnly"],
        [],
    ),
    "the registry was down": (
        {"answers": {None: Reason.OK}, "text": unreachable(Network.OTHER, 503), "last": LAST},
        ["BackOffOnly"],
        [],
    ),
    "the same login was refused on the node, a right was given since": (
        {
            "own": ["pull"],
            "sa": ["pull"],
            "secrets": {"pull": auths()},
            "answers": OK,
            "last": LAST,
            "times": {"pull": (BEFORE, BEFORE)},
        },
        ["BackOffOnly"],
        [],
    ),
    "nobody needs a login by now": (
        {"answers": {None: Reason.OK}, "last": LAST},
        ["BackOffOnly"],
        [],
    ),
    "the node does not trust the registry": (
        {"answers": {None: Reason.OK}, "text": unreachable(Network.TLS)},
        ["NodeOnly"],
        [],
    ),
    "the node says what nobody knows": (
        {"answers": {None: Reason.OK}, "text": said(Reason.UNKNOWN, "no space left"), "node": ""},
        ["NodeOnly"],
        [],
    ),
    # No pull.
    "policy Never": (
        {"state": "ErrImageNeverPull", "text": said(Reason.IMAGE_POLICY_NEVER)},
        ["ImagePolicyNever"],
        [
            "kubectl patch deployment/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"containers":'
            '[{"name":"app","imagePullPolicy":"IfNotPresent"}]}}}}\''
        ],
    ),
    "policy Never of an init container in a StatefulSet": (
        {"state": "ErrImageNeverPull", "container": "init container", "kind": "StatefulSet"},
        ["ImagePolicyNever"],
        [
            "kubectl patch statefulset/web -n team-a -p "
            '\'{"spec":{"template":{"spec":{"initContainers":'
            f'[{{"name":"app","imagePullPolicy":"IfNotPresent"}}]}}}}}}}}\' && {DELETE}'
        ],
    ),
    "policy Never of an image volume": (
        {"state": "ErrImageNeverPull", "volume": True},
        ["ImagePolicyNever"],
        [],
    ),
    "the node's disk is full": (
        {"text": said(Reason.NOT_A_PULL_PROBLEM, "no space left on device")},
        ["NotAPullProblem"],
        [],
    ),
    "the node's disk is full, and nobody knows which": (
        {"text": said(Reason.NOT_A_PULL_PROBLEM), "node": "", "answers": {None: Reason.OK}},
        ["NotAPullProblem"],
        [],
    ),
    "no image reference": (
        {"image": "team/App:1", "state": "InvalidImageName"},
        ["BadReference"],
        [],
    ),
    "no image reference to kubelet": (
        {"state": "InvalidImageName", "text": said(Reason.BAD_REFERENCE)},
        ["BadReference"],
        [],
    ),
    # Rights.
    "Secrets may not be read": ({"own": ["pull"], "sa": ["pull"]}, ["Unknown"], []),
    "neither Secrets nor ServiceAccounts may be read": (
        {"sa": None, "probe": False, "unread": [Unread("ServiceAccount x", "get serviceaccounts")]},
        ["NoCredential"],
        [f"{LOGIN} --restart"],
    ),
    "Secrets may not be read, and the tag is missing": (
        {"own": ["pull"], "sa": ["pull"], "probe": False, "text": said(Reason.NOT_FOUND)},
        ["NotFound"],
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_names_the_cause_and_what_mends_it(name):
    facts, reasons, commands = CASES[name]
    found = diagnose(stage(**facts))
    assert [cause.reason for cause in found.causes] == reasons
    assert [each.command for cause in found.causes for each in cause.mends] == commands
    for cause in found.causes:
        assert cause.message
        assert cause.mends or cause.hint, cause
    assert found.evidence
    assert PASSWORD not in repr(found)
    assert "PullSecret(" not in repr(found)


def test_there_are_enough_cases():
    assert len(CASES) >= 60


def facts_of(name):
    return stage(**CASES[name][0])


def lines(found):
    return "\n".join(f"{each.fact} ({each.source})" for each in found.evidence)


def test_the_evidence_says_where_each_fact_was_read():
    found = diagnose(
        stage(
            own=["pull"],
            sa=["pull", "more"],
            template=["pull"],
            secrets={"pull": EXPIRED, "more": MISSING},
            kept={"pull": "login"},
            times={"pull": (BEFORE, AFTER)},
            last=LAST,
            elsewhere={"more": ("team-b",)},
            unread=[Unread("nodes", "get nodes"), Unread("events", why="they do not come")],
        )
    )
    assert lines(found).splitlines() == [
        "container app is in ImagePullBackOff (Pod team-a/web-1)",
        "kubelet says: the runtime's words for Unauthorized (Pod team-a/web-1)",
        "kubelet tried 3 times, last at 2026-11-23 02:57:00 UTC, and tries again at about "
        "2026-11-23 02:58:20 UTC (events)",
        "made at 2026-11-23 02:00:00 UTC with the pull Secrets pull; a Pod's list is frozen "
        "(Pod team-a/web-1)",
        "has the pull Secrets pull, more now, since 2026-11-23 02:55:00 UTC "
        "(ServiceAccount team-a/default)",
        "exists, made at 2026-11-23 02:51:00 UTC, changed at 2026-11-23 02:59:00 UTC, kept by "
        "regcred (login) (Secret team-a/pull)",
        "does not exist (Secret team-a/more)",
        "'registry.example' is for the image: user ann, expires at 2026-11-23 01:00:00 UTC (it has "
        "expired) (Secret team-a/pull)",
        "a pull Secret more is in team-b (Secrets of all namespaces)",
        "asked from here with the Pod's logins: Expired (registry registry.example)",
    ]
    assert found.not_excluded == (
        "nodes could not be read: it takes the right to get nodes",
        "events could not be read: they do not come",
        "what node-1 knows by itself: its own docker config, credential provider plugins, mirrors; "
        "nothing shows them",
    )


def test_the_evidence_of_a_pod_that_nobody_knows_much_of():
    facts = stage(
        own=["many"],
        sa=None,
        secrets={"many": auths()},
        created=None,
        probe=False,
        text=said(Reason.UNKNOWN, ""),
        state="ErrImagePull",
    )
    assert "made with the pull Secrets many" in lines(diagnose(facts))
    assert "ServiceAccount" not in lines(diagnose(facts))
    assert "asked from here" not in lines(diagnose(facts))
    assert "the registry was not asked: --no-probe" in diagnose(facts).not_excluded


def test_a_serviceaccount_that_is_gone_is_evidence():
    facts = stage(missing_account=True)
    assert "does not exist any more (ServiceAccount team-a/default)" in lines(diagnose(facts))


def test_what_is_known_of_when_a_login_ends_is_evidence():
    found = diagnose(facts_of("refused, and the mark of its Secret says that it holds"))
    assert "its logins end at 2026-11-23 04:00:00 UTC (Secret team-a/regcred)" in lines(found)
    google = auths(username="oauth2accesstoken", password=f"ya29.{PASSWORD}")
    found = diagnose(stage(own=["pull"], sa=["pull"], secrets={"pull": google}))
    assert "user oauth2accesstoken, an access token of Google" in lines(found)
    assert PASSWORD not in lines(found)


def noting(facts, **ends):
    """The same, where login's mark says when which of the logins ends."""
    secret = dataclasses.replace(facts.secrets["regcred"], expires=min(ends.values()), ends=ends)
    return dataclasses.replace(facts, secrets={"regcred": secret})


def test_the_end_of_another_login_is_not_that_of_the_one_that_is_refused():
    facts = facts_of("expired, as the mark of its Secret says")
    other = diagnose(noting(facts, **{"ghcr.io": BEFORE}))
    assert other.causes[0].reason is Reason.UNAUTHORIZED
    assert f"its login for 'ghcr.io' ends at {BEFORE:%Y-%m-%d %H:%M:%S} UTC" in lines(other)
    own = diagnose(noting(facts, **{"registry.example": BEFORE, "ghcr.io": NOW}))
    assert own.causes[0].reason is Reason.EXPIRED


def test_many_logins_are_counted():
    entry = {"username": "ann", "password": PASSWORD}
    keys = [f"registry.example/{'t' * n}" for n in range(1, 4)]
    config = json.dumps({"auths": dict.fromkeys([*keys, "registry.example"], entry)}).encode()
    every = {f"s{n}": (auths()[0], {".dockerconfigjson": config}) for n in range(4)}
    found = diagnose(stage(own=list(every), sa=list(every), secrets=every))
    assert "3 more logins are for the image (the Pod's Secrets)" in lines(found)


def test_an_entry_without_a_login_is_evidence():
    found = diagnose(facts_of("no login in it"))
    assert "'registry.example' is for the image: it has neither" in lines(found)


def test_names_that_others_wrote_run_nothing():
    hostile = "X;touch p;$(id)"
    for facts in (
        stage(kind=hostile),
        stage(kind=hostile, answers={None: Reason.NOT_FOUND}, text=said(Reason.NOT_FOUND)),
        stage(kind=hostile, sa=["pull"], secrets={"pull": auths()}, answers=OK),
        stage(own=[hostile], template=[hostile], secrets={hostile: MISSING}),
        stage(own=["x"], secrets={"x": MISSING}, elsewhere={"x": (hostile,)}, sa=["x"]),
        stage(account=hostile),
    ):
        for cause in diagnose(facts).causes:
            for each in cause.mends:
                words = shlex.shlex(each.command, posix=True, punctuation_chars=True)
                assert ";" not in list(words)
                assert "$(id)" not in each.command.split("'")[0]


@pytest.mark.parametrize(
    ("username", "password"), [("dop_v1_0a", "dop_v1_0a"), ("ghp_0a", "x-oauth-basic")]
)
def test_a_token_that_is_the_username_is_not_shown(username, password):
    secret = auths(username=username, password=password)
    for answers in ({}, {username: Reason.OK}, {username: Reason.FORBIDDEN}):
        facts = stage(own=["pull"], sa=["pull"], secrets={"pull": secret}, answers=answers)
        found = diagnose(facts)
        answered = answers.get(username, Reason.UNAUTHORIZED)
        shown = repr((found.causes, found.evidence))
        assert "user ********" in shown
        assert username not in shown.replace(f"says {answered} to {username}", "")


def test_secrets_that_kubelet_could_not_retrieve_are_evidence():
    facts = facts_of("Secret missing")
    tries = dataclasses.replace(facts.tries, missing=("pull",), message="raw")
    found = diagnose(dataclasses.replace(facts, tries=tries))
    assert "kubelet could not retrieve the Secret pull (events)" in lines(found)
    assert "the runtime's words for Unauthorized (events)" in lines(found)


def test_what_would_come_says_when():
    (cause,) = diagnose(facts_of("the login came after the last try")).causes
    assert "kubelet tries again at about 2026-11-23 02:58:20 UTC" in cause.message
    assert "where it fails after that too, look on node-1" in cause.hint.lower()
    (cause,) = diagnose(facts_of("nobody knows when the last try was")).causes
    assert "within 5 minutes" in cause.message


def test_throttling_says_when_and_who_gets_more():
    (cause,) = diagnose(facts_of("throttled, not probed")).causes
    assert "kubelet tries again at about 2026-11-23 02:58:20 UTC" in cause.message
    assert "log in" not in cause.hint
    (cause,) = diagnose(facts_of("throttled")).causes
    assert "log in" in cause.hint


def test_the_cause_on_a_node_says_where_to_look():
    (cause,) = diagnose(facts_of("the node does not trust the registry")).causes
    assert "look on node-1: the CA" in cause.hint
    (cause,) = diagnose(facts_of("the node says what nobody knows")).causes
    assert "look on the node: its network, its CA, or a plugin" in cause.hint


def test_a_registry_that_says_400_speaks_another_scheme():
    facts = stage(answers={None: Reason.OK}, text=unreachable(Network.OTHER, 400))
    (cause,) = diagnose(facts).causes
    assert cause.reason is Reason.NODE_ONLY
    assert "look on node-1: the scheme" in cause.hint


def test_where_nobody_was_asked_nobody_answered():
    facts = stage(state="ErrImageNeverPull")
    frozen = dataclasses.replace(facts.frozen, verdict=skipped())
    assert "asked" not in lines(diagnose(dataclasses.replace(facts, frozen=frozen, anew=None)))


def test_an_image_volume_is_named_by_its_container():
    found = diagnose(stage(volume=True))
    assert "image volume of container app is in ImagePullBackOff" in lines(found)


def test_what_an_image_is_called_is_changed_in_its_owner():
    (cause,) = diagnose(facts_of("no such tag")).causes
    assert cause.hint == (
        "kubectl set image deployment/web app=IMAGE -n team-a, once the name is right"
    )


def test_a_job_with_a_list_of_its_own_is_mended_in_its_manifest():
    (cause,) = diagnose(facts_of("list cuts off, a Job, whose template nobody can change")).causes
    assert cause.hint.startswith("regcred inject --secret pull -f FILE adds it to the manifest of ")


def test_steps_do_what_the_commands_say():
    (older,) = diagnose(facts_of("attached later")).causes
    assert isinstance(older.mends[0].step, mend.Restart)
    (beside,) = diagnose(facts_of("a Secret lies beside")).causes
    assert beside.mends[0].step == mend.Attach("team-a", "default", "spare")
    (elsewhere,) = diagnose(facts_of("Secret in another namespace")).causes
    assert elsewhere.mends[0].step is None
    (cut,) = diagnose(facts_of("list cuts off")).causes
    assert isinstance(cut.mends[0].step, mend.AddToTemplate)
    (bare,) = diagnose(facts_of("attached later, a bare Pod")).causes
    assert isinstance(bare.mends[0].step, mend.Recreate)
    (job,) = diagnose(facts_of("attached later, a Job")).causes
    assert job.mends[0].step is None
    assert "backoffLimit" in job.hint
    (replicas,) = diagnose(facts_of("attached later, a ReplicaSet")).causes
    assert isinstance(replicas.mends[0].step, mend.DeletePods)
    for name in (
        "attached later, what nobody knows",
        "attached later, a bare Pod with a container that runs",
        "list cuts off a bare Pod with a container that runs",
    ):
        (cause,) = diagnose(facts_of(name)).causes
        assert (cause.mends[0].step, bool(cause.hint)) == (None, True)
    for name in ("no list at all", "malformed", "policy Never"):
        (cause,) = diagnose(facts_of(name)).causes
        assert not any(each.step for each in cause.mends)


POD = FailingPod(
    NAMESPACE,
    "web-1",
    "u",
    NOW,
    "n",
    PodTemplate("pod/web-1", NAMESPACE, "default", (), ()),
    None,
    (),
)


def test_what_is_no_pull_says_where_to_look():
    failure = Failure(
        "app", "container", "i", "", "CrashLoopBackOff", "back-off\n40s", is_pull=False
    )
    (cause,) = diagnosing.other(POD, failure).causes
    assert cause.reason is Reason.NOT_A_PULL_PROBLEM
    assert cause.message == "container app is in CrashLoopBackOff: back-off 40s"
    assert cause.hint == "kubectl logs web-1 -n team-a -c app --previous"
    failure = Failure("", "pod", "", "", "Unschedulable", "", is_pull=False)
    (cause,) = diagnosing.other(POD, failure).causes
    assert cause.message == "the Pod is in Unschedulable"
    assert cause.hint == "kubectl describe pod web-1 -n team-a"


def test_a_pod_that_crashes_is_called_as_it_is():
    """kubelet names it with its UID, which looks like a token, as does what is none of it."""
    uid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    pod = replace(POD, name="web-767868b8bf-ccznt", uid=uid)
    said = f"back-off 40s restarting failed container=app pod={pod.name}_team-a({uid})"
    odd = f"{said} key {uid.replace('0', '9')}"
    for text, shown in ((said, said), (odd, f"{said} key ********")):
        failure = Failure("app", "container", "i", "", "CrashLoopBackOff", text, is_pull=False)
        (cause,) = diagnosing.other(pod, failure).causes
        assert cause.message == f"container app is in CrashLoopBackOff: {shown}"


def test_a_pod_that_is_being_replaced_needs_nobody():
    facts = stage(sa=["pull"], secrets={"pull": auths()}, answers=OK)
    assert diagnose(facts).causes[0].mends
    (cause,) = diagnose(replace(facts, outdated=True)).causes
    assert cause.reason is Reason.POD_OLDER_THAN_ATTACHMENT
    assert cause.message.endswith(" now, and deployment/web makes newer Pods already")
    assert cause.mends == ()
    assert cause.hint == (
        "nothing is to be done: this one goes when those run, as "
        "kubectl rollout status deployment/web -n team-a shows"
    )


def test_a_secret_that_the_serviceaccount_does_not_allow():
    refused = (
        'Error creating: pods "web-1" is forbidden: imagePullSecrets[0].name="pull" is not allowed '
        "because service account builder does not reference that imagePullSecret"
    )
    containers = (Container("app", "i"),)
    template = PodTemplate("deployment/web", NAMESPACE, "builder", ("pull",), containers)
    found = diagnosing.not_made(NotMade(NAMESPACE, "Deployment", "web", refused, template))
    (cause,) = found.causes
    assert cause.reason is Reason.SECRET_NOT_ON_SERVICEACCOUNT
    assert [each.command for each in cause.mends] == [
        "regcred attach pull -n team-a --serviceaccount builder",
        RESTART,
    ]
    job = diagnosing.not_made(NotMade(NAMESPACE, "Job", "web", refused)).causes[0]
    assert [each.command for each in job.mends] == [
        "regcred attach pull -n team-a --serviceaccount default"
    ]
    assert "tries again by itself" in job.hint


def test_a_serviceaccount_that_is_missing():
    refused = (
        'pods "web-1" is forbidden: error looking up service account team-a/ghost: '
        'serviceaccount "ghost" not found'
    )
    (cause,) = diagnosing.not_made(NotMade(NAMESPACE, "StatefulSet", "web", refused)).causes
    assert cause.reason is Reason.NOT_A_PULL_PROBLEM
    assert cause.mends[0].command == "kubectl create serviceaccount ghost -n team-a"
    assert "there is no ServiceAccount ghost" in cause.message


def test_any_other_refusal_is_passed_on():
    refused = 'pods "web-1" is forbidden: exceeded quota: q, requested: pods=1'
    (cause,) = diagnosing.not_made(NotMade(NAMESPACE, "Job", "web", refused)).causes
    assert (cause.reason, cause.mends) == (Reason.NOT_A_PULL_PROBLEM, ())
    assert "exceeded quota" in cause.message
    assert cause.hint == "kubectl describe job/web -n team-a"


PARTS = {
    "own": st.lists(st.sampled_from(["a", "b", "regcred"]), max_size=3, unique=True),
    "template": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
    "sa": st.none() | st.lists(st.sampled_from(["a", "c", "regcred"]), max_size=3, unique=True),
    "others": st.lists(st.sampled_from(["b", "c"]), max_size=2, unique=True),
    "secrets": st.dictionaries(
        st.sampled_from(["a", "b", "c", "regcred"]),
        st.sampled_from(
            [MISSING, OPAQUE, BROKEN, BROKEN_OTHER, EXPIRED, auths(), auths("ghcr.io")]
        ),
    ),
    "answers": st.dictionaries(st.sampled_from([None, "ann"]), st.sampled_from(sorted(REASONS))),
    "probe": st.booleans(),
    "kind": st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "X;rm"]),
    "container": st.sampled_from(["container", "init container", "ephemeral container"]),
    "running": st.booleans(),
    "state": st.sampled_from(["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "X"]),
    "text": st.builds(
        said,
        st.sampled_from(sorted(Reason)),
        st.text(max_size=5),
        network=st.none() | st.sampled_from(Network),
        status=st.sampled_from([0, 401, 503]),
    ),
    "image": st.sampled_from(["registry.example/team/app:1", "nginx", "team/App", "x:99999/y"]),
    "last": st.none() | st.just(LAST),
    "paused": st.booleans(),
    "on_delete": st.booleans(),
    "elsewhere": st.dictionaries(st.sampled_from(["a", "b"]), st.just(("team-b",))),
    "kept": st.dictionaries(
        st.sampled_from(["a", "regcred"]), st.sampled_from(["login", "operator"])
    ),
    "times": st.dictionaries(st.sampled_from(["a", "b"]), st.just((BEFORE, AFTER))),
}


def test_a_registry_that_throttles_without_a_word():
    wordless = stage(answers={None: Reason.OK}, text=said(Reason.REGISTRY_THROTTLES, ""))
    (cause,) = diagnose(wordless).causes
    assert cause.message.startswith("the registry takes no more requests for now")


@given(st.fixed_dictionaries({}, optional=PARTS))
def test_every_situation_has_a_cause_and_shows_no_password(parts):
    facts = stage(**parts)
    found = diagnose(facts)
    assert found.causes
    for cause in found.causes:
        assert cause.message
        assert cause.mends or cause.hint
    secret = auths()[1][".dockerconfigjson"].decode()
    for shown in (repr(found.causes), repr(found.evidence), repr(found.not_excluded)):
        assert PASSWORD not in shown
        assert PASSWORD[:8] not in shown
        assert secret not in shown
