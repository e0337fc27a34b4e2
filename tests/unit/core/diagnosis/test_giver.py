"""A PullCredential as `why` reads it."""

from datetime import UTC, datetime

import pytest

from regcred.core.diagnosis import giver
from regcred.core.diagnosis.giver import Giver, Says
from regcred.core.logins.image import parse_image
from regcred.core.operator import pcstatus
from regcred.core.operator.pullcredential import parse

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def read(obj, namespace, labels):
    return giver.read(obj, parse(obj), namespace, labels)


def obj(namespaces=None, **status):
    spec = {
        "registries": ["ghcr.io/acme"],
        "source": {"githubApp": {"appId": 1, "secretRef": {"name": "app"}}},
        "namespaces": namespaces or {"include": ["team-*"]},
    }
    return {"metadata": {"name": "github"}, "spec": spec, "status": status}


def condition(kind, message):
    return {
        "type": kind,
        "status": "False",
        "reason": "Unreachable",
        "message": message,
        "lastTransitionTime": "2026-11-23T03:00:00Z",
    }


def test_what_its_status_says():
    status = {
        "conditions": [
            condition("Ready", "no"),
            condition("Minted", f"away{pcstatus.STAYS}"),
        ],
        "expiresAt": "2026-11-23T03:00:00Z",
        "failures": [
            {"namespace": "team-b", "message": "another"},
            {"namespace": "team-a", "message": "ours"},
        ],
    }
    says = Says("False", "Unreachable", "away", NOW)
    assert read(obj(**status), "team-a", {}) == Giver(
        "github",
        "githubApp",
        ("ghcr.io/acme",),
        True,
        says,
        Says("False", "Unreachable", "no", NOW),
        NOW,
        "ours",
    )
    ended = {"conditions": [condition("Minted", f"away{pcstatus.ENDED}")]}
    assert read(obj(**ended), "team-a", {}).minted == says
    assert (str(says), str(Says("True", "Minted"))) == ("Unreachable: away", "Minted")


def test_what_cannot_be_understood_selects_nothing():
    assert read({"metadata": {"name": "a"}, "status": "odd"}, "team-a", {}) == Giver(
        "a", selects=False
    )


def test_whom_it_selects():
    by_label = {"matchLabels": {"tier": "web"}}
    assert read(obj(), "team-a", None).selects is True
    assert read(obj(), "other", None).selects is False
    assert read(obj(by_label), "team-a", None).selects is None
    assert read(obj(by_label), "team-a", {}).selects is False
    assert read(obj(by_label), "team-a", {"tier": "web"}).selects is True


@pytest.mark.parametrize(
    ("registries", "image", "is_for"),
    [
        (["ghcr.io"], "ghcr.io/acme/app", True),
        (["ghcr.io/acme"], "ghcr.io/acme/app:1", True),
        (["ghcr.io/other"], "ghcr.io/acme/app", False),
        (["*.example.com", "docker.io"], "app", True),
        (["https://index.docker.io/v1/"], "acme/app", True),
        (["docker.io"], "ghcr.io/acme/app", False),
    ],
)
def test_which_images_it_is_for(registries, image, is_for):
    assert Giver("a", registries=tuple(registries)).is_for(parse_image(image)) is is_for


def test_without_a_list_it_may_be_for_any_image_while_its_source_fails():
    image = parse_image("ghcr.io/acme/app")
    assert not Giver("a", minted=Says("True")).is_for(image)
    assert Giver("a", minted=Says("False")).is_for(image)
