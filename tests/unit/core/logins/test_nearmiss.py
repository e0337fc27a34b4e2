import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.errors import InvalidImage
from regcred.core.logins.image import parse_image
from regcred.core.logins.nearmiss import nearest
from regcred.core.logins.registrykey import matches

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("key", "image", "why"),
    [
        # Docker Hub by its other names
        ("https://index.docker.io/v1", "nginx", "the slash at its end is missing"),
        ("index.docker.io/me", "me/x", "only without a path; write docker.io/me"),
        ("registry-1.docker.io", "nginx", "Docker Hub's images are docker.io/… to kubelet"),
        ("https://hub.docker.com/", "nginx", "a web site and no registry"),
        ("docker.io", "registry-1.docker.io/x", "written with registry-1.docker.io, which to kube"),
        ("https://index.docker.io/v1/", "registry-1.docker.io/x", "to kubelet is not Docker Hub"),
        ("*.docker.io", "nginx", "3 parts between dots and docker.io has 2; a . stands for"),
        ("Docker.io", "nginx", "upper and lower case"),
        # ports
        ("gcr.io:443", "gcr.io/x", "^the key has port 443 and the image no port; to kubelet"),
        ("gcr.io", "gcr.io:5000/x", "^the key has no port and the image port 5000"),
        ("gcr.io:5000", "gcr.io:5001/x", "the key has port 5000 and the image port 5001"),
        ("[::1]:5000", "[::1]:5001/x", "port 5000"),
        # parts between dots
        ("gcr.io", "eu.gcr.io/x", "^gcr.io has 2 parts between dots and eu.gcr.io has 3$"),
        ("*.gcr.io", "gcr.io/x", "has 3 parts .* gcr.io has 2; a . stands for exactly one part"),
        ("*.amazonaws.com", f"{ECR}/x", "3 parts between dots and .* has 6; a . stands"),
        ("*", "gcr.io/x", "has 1 part between dots"),
        ("*.*.*", "gcr.io/x", "has 3 parts between dots"),
        ("eu.gcr.io", "asia.gcr.io/x", "^eu.gcr.io is another host than asia.gcr.io$"),
        ("ghrc.io", "ghcr.io/x", "^ghrc.io is another host than ghcr.io$"),
        # upper case
        ("GCR.io", "gcr.io/x", "upper and lower case are different hosts"),
        ("gcr.io/Team", "gcr.io/team/x", "repositories are lower-case; write gcr.io/team"),
        # scheme and spelling
        ("HTTPS://gcr.io", "gcr.io/x", "knows only https:// and http:// .* not HTTPS://"),
        ("docker://gcr.io", "gcr.io/x", "and not docker://"),
        ("gcr.io ", "gcr.io/x", "kubelet drops it, since .* cannot have ' '"),
        ("https://u:p w@gcr.io", "gcr.io/x", "kubelet drops it"),
        ("gcr.io/p:1.0", "gcr.io/p", "tag and digest do not belong here; write gcr.io/p"),
        # paths
        ("gcr.io/v2", "gcr.io/x", "^without a slash at its end /v2 is taken for the beginning"),
        ("https://gcr.io/v1", "gcr.io/x", "without a slash at its end /v1"),
        ("gcr.io/p/app/", "gcr.io/p/app", "/p/app goes on without the slash at the end of /p/app/"),
        ("gcr.io/other", "gcr.io/p/app", "path /p/app does not begin with /other"),
        # two at once
        ("gcr.io:443/q", "gcr.io/p", "the key has port 443 .*; the image's path /p does not begin"),
    ],
)  # fmt: skip
def test_why_a_key_does_not_match(key, image, why):
    near = nearest([key], parse_image(image))
    assert near.registry == key
    assert re.search(why, near.why), near.why


@pytest.mark.parametrize(
    ("key", "image"),
    [
        ("quay.io", "gcr.io/x"),
        ("registry.example.org", "harbor.example.com/x"),
        ("*.com", "gcr.io/x"),
        ("io", "gcr.io/x"),
        ("", "gcr.io/x"),
        ("gcr.io" + "x" * 100, "gcr.io/x"),
        ("https://index.docker.io/v1/", "gcr.io/x"),
    ],
)
def test_keys_for_other_registries_are_not_near(key, image):
    assert nearest([key], parse_image(image)) is None


@pytest.mark.parametrize(
    ("keys", "image", "registry"),
    [
        (["azia.gcr.io", "gcr.io:443"], "asia.gcr.io/x", "gcr.io:443"),
        (["ghrc.io", "gcr.io", "ghcr.io:1"], "ghcr.io/x", "ghcr.io:1"),
        (["eu.gcr.io", "gcr.io", "asia.gcr.io/q"], "asia.gcr.io/x", "asia.gcr.io/q"),
        (["gcr.io:1/p", "gcr.io/q"], "gcr.io/p", "gcr.io/q"),
        (["gcr.io/q/a", "gcr.io/pr/a", "gcr.io/prod/a"], "gcr.io/prod/b", "gcr.io/prod/a"),
        (["gcr.io/a", "gcr.io/b"], "gcr.io/c", "gcr.io/a"),
        ([], "gcr.io/x", None),
    ],
)
def test_the_nearest_of_several(keys, image, registry):
    keys = [key for key in keys if not matches(key, parse_image(image).name)]
    near = nearest(keys, parse_image(image))
    assert (near and near.registry) == registry


@pytest.mark.parametrize(
    ("image", "instead"),
    [("nginx", "https://index.docker.io/v1/"), ("gcr.io:5000/x", "gcr.io:5000")],
)
def test_what_to_write(image, instead):
    assert nearest(["*"], parse_image(image)).instead == instead


PIECES = [
    "gcr", "eu", "docker", "index", "io", "localhost", "X", "*", ".", ".", ":5000", ":", "/", "/v2",
    "https://", "ftp://", "@", "?", "%2541", "%", "[::1]", "docker.io", "gcr.io", "hub.docker.com",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@given(st.lists(TEXTS, max_size=4), TEXTS.map("{}/x".format))
def test_whatever_does_not_match_has_a_reason(keys, image):
    try:
        reference = parse_image(image)
    except InvalidImage:
        return
    unmatched = [key for key in keys if not matches(key, reference.name)]
    near = nearest(unmatched, reference)
    if near:
        assert near.registry in unmatched
        assert near.why
        # kubelet takes a bare IPv6 address for a pattern: no key matches those.
        if reference.domain != "docker.io" and not reference.domain.endswith("]"):
            assert matches(near.instead, reference.name)
