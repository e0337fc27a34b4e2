"""What `regcred status` keeps of objects as the API server gives them."""

import pytest

from regcred.core.namespace.statusfacts import NamespaceFacts, RefusedPod
from regcred.core.pods.podstate import PULLS


def pod(name="web-1", *, secrets=(), account="default", reason="", image="gcr.io/p/app:1", **more):
    statuses = [{"name": "c", "state": {"waiting": {"reason": reason}}}] if reason else None
    return {
        "metadata": {"name": name, "namespace": "a"} | more,
        "spec": {
            "serviceAccountName": account,
            "imagePullSecrets": [{"name": s} for s in secrets],
            "containers": [{"name": "c", "image": image}, {"name": "d", "image": "other"}],
        },
        "status": {"phase": "Pending", "containerStatuses": statuses},
    }


class TestPods:
    def facts(self, *pods):
        facts = NamespaceFacts("a")
        for each in pods:
            facts.add_pod(each)
        return facts

    @pytest.mark.parametrize("reason", sorted(PULLS))
    def test_one_that_fails(self, reason):
        facts = self.facts(pod(reason=reason, secrets=["x", "", "x"]))
        assert facts.refused == [RefusedPod("web-1", ("gcr.io/p/app:1",), ("x",))]
        assert facts.named == {"x": 1}

    @pytest.mark.parametrize(
        "error",
        [
            "illegal base64 data at input byte 0",
            "json: cannot unmarshal string into Go value of type credentialprovider.DockerConfig",
        ],
    )
    def test_one_whose_secret_does_not_decode_has_gos_error_for_a_reason(self, error):
        waits = pod(reason=error, secrets=["bad"])
        waits["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = error
        assert self.facts(waits).refused == [RefusedPod("web-1", ("gcr.io/p/app:1",), ("bad",))]

    @pytest.mark.parametrize("reason", ["", "ContainerCreating", "CrashLoopBackOff"])
    def test_one_that_does_not(self, reason):
        facts = self.facts(pod(reason=reason, secrets=["x"], account="build"))
        assert not facts.refused
        assert (facts.runs_as, facts.named) == ({"build"}, {"x": 1})

    def test_one_that_is_being_deleted_counts_for_nothing(self):
        gone = pod(reason="ErrImagePull", secrets=["x"], deletionTimestamp="2026-01-01T00:00:00Z")
        facts = self.facts(gone)
        assert facts.is_empty
        assert not facts.named

    def test_without_any_status(self):
        bare = pod(account="") | {"status": None}
        facts = self.facts(bare, {"metadata": {"name": "x"}, "spec": {}})
        assert facts.runs_as == {"default"}
        assert not facts.refused

    @pytest.mark.parametrize(
        ("containers", "statuses"),
        [
            ("initContainers", "initContainerStatuses"),
            ("ephemeralContainers", "ephemeralContainerStatuses"),
        ],
    )
    def test_other_containers(self, containers, statuses):
        waits = pod()
        waits["spec"][containers] = [{"name": "i", "image": "gcr.io/init"}]
        waits["status"][statuses] = [
            {"name": "i", "state": {"waiting": {"reason": "ErrImagePull"}}},
            {"name": "j", "state": {"running": {}}},
            {"name": "k"},
        ]
        assert self.facts(waits).refused[0].images == ("gcr.io/init",)

    @pytest.mark.parametrize(
        ("message", "image"),
        [
            ("", "gcr.io/p/app:1"),
            ('Back-off pulling image "gcr.io/p/model:1"', "gcr.io/p/model:1"),
        ],
    )
    def test_the_image_of_a_volume_where_the_text_names_it(self, message, image):
        waits = pod(reason="ErrImagePull")
        waits["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = message
        waits["spec"]["containers"][0]["volumeMounts"] = [{"name": "model"}, {"name": "tmp"}]
        waits["spec"]["volumes"] = [
            {"name": "model", "image": {"reference": "gcr.io/p/model:1"}},
            {"name": "tmp", "emptyDir": {}},
        ]
        assert self.facts(waits).refused[0].images == (image,)


def test_what_is_named_and_is_no_pull_secret():
    facts = NamespaceFacts("a")
    assert facts.is_empty
    facts.add_secret({"metadata": {"name": "here"}, "type": "kubernetes.io/dockercfg"})
    facts.add_account(
        {"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "here"}, {"name": "b"}, {}]}
    )
    facts.add_pod(pod(secrets=["a", "b"]))
    assert facts.accounts == {"default": ("here", "b")}
    assert facts.absent == ["a", "b"]
    assert not facts.is_empty
