"""A Pod spec that cannot be read is refused, and not taken for one without images."""

import pytest

from regcred.core.errors import InvalidInput
from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.pods.podreading import templates

NO_LIST = [{"a": "b"}, "nothing", 7, True]


def images(spec, *, kind="Pod", api_version="v1", **options):
    obj = {"kind": kind, "apiVersion": api_version, "metadata": {"name": "a"}, **spec}
    return [c.image for template in templates(obj, **options) for c in template.containers]


def wrong(spec, **options):
    with pytest.raises(InvalidInput) as caught:
        images(spec, **options)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("name", ["containers", "initContainers", "ephemeralContainers", "volumes"])
def test_what_should_be_a_list(name):
    for value in NO_LIST:
        assert wrong({"spec": {name: value}}) == f"{name} of pod/a is no list"
    for value in (None, []):
        assert images({"spec": {name: value}}) == []
    for entry in ("a", None, 7, ["a"]):
        said = f"{name} of pod/a has an entry that is no mapping"
        assert wrong({"spec": {name: [{"name": "x"}, entry]}}) == said


@pytest.mark.parametrize("image", [7, True, 1.5, ["a"], {"a": "b"}])
def test_an_image_that_is_no_string(image):
    listed = [{"name": "x", "image": "a"}, {"name": "y", "image": image}]
    said = "the image of y in containers of pod/a is no string"
    assert wrong({"spec": {"containers": listed}}) == said
    said = "the image of containers of pod/a is no string"
    assert wrong({"spec": {"containers": [{"image": image}]}}) == said
    volume = {"name": "v", "image": {"reference": image}}
    said = "the image of v in volumes of pod/a is no string"
    assert wrong({"spec": {"volumes": [volume]}}) == said


def test_what_another_fills_in_is_left_to_it():
    listed = [{"name": "x"}, {"name": "y", "image": None}, {"name": "z", "image": "a"}]
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "w", "image": None}, {"image": "no mapping"}]
    assert images({"spec": {"containers": listed, "volumes": volumes}}) == ["a"]


@pytest.mark.parametrize("value", ["nothing", 7])
def test_what_should_lead_to_a_spec(value):
    apps = {"kind": "Deployment", "api_version": "apps/v1"}
    assert wrong({"spec": value}, **apps) == "spec of deployment/a is no mapping"
    said = "template of deployment/a is no mapping"
    assert wrong({"spec": {"template": value}}, **apps) == said
    assert images({"spec": {"template": None}}, **apps) == []
    volcano = {"kind": "Job", "api_version": "batch.volcano.sh/v1alpha1"}
    tasks = [{"template": {"spec": {}}}, {"template": {"spec": value}}]
    assert wrong({"spec": {"tasks": tasks}}, **volcano) == "spec of job/a is no mapping"


def test_kinds_that_keep_images_elsewhere_are_read_as_they_are():
    spec = {"predictor": {"minReplicas": 1, "model": {"image": "a"}}}
    serving = {"kind": "InferenceService", "api_version": "serving.kserve.io/v1beta1"}
    assert images({"spec": spec}, **serving) == ["a"]
    account = {"kind": "ServiceAccount", "api_version": "v1"}
    assert images({"spec": "nothing"}, **account) == []


def test_a_place_that_a_person_names_is_one_too():
    extra = (parse_kind_path("Widget=.spec.pod"),)
    widget = {"kind": "Widget", "api_version": "example.com/v1", "extra": extra}
    said = "containers of widget/a is no list"
    assert wrong({"spec": {"pod": {"containers": "x"}}}, **widget) == said
    assert wrong({"spec": {"pod": "x"}}, **widget) == "pod of widget/a is no mapping"
