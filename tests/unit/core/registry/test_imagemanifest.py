import json

import pytest

from regcred.core.registry import imagemanifest
from regcred.core.registry.imagemanifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
)
from regcred.core.registry.platform import Platform

CONFIG = {"config": {"digest": "sha256:0"}, "layers": []}


def entry(**platform):
    return {"digest": "sha256:0", "platform": platform}


def read(document, media_type=OCI_INDEX):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return imagemanifest.read(body, media_type)


@pytest.mark.parametrize("media_type", [DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST])
def test_what_nodes_pull(media_type):
    imagemanifest.check_kind(media_type)
    assert media_type in imagemanifest.ACCEPT


@pytest.mark.parametrize(
    ("media_type", "why"),
    [
        ("", "of no type, which"),
        ("application/json", "'application/json', which is no image's"),
        ("text/plain", "schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
    ],
)
def test_what_nodes_do_not_pull(media_type, why):
    with pytest.raises(imagemanifest.NoImage, match=why):
        imagemanifest.check_kind(media_type)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("sha256:" + "a" * 64, True),
        ("sha512:" + "0" * 128, True),
        ("sha256:" + "A" * 64, False),
        ("sha256:" + "a" * 63, False),
        ("md5:" + "a" * 32, False),
        ("", False),
    ],
)
def test_digests(text, yes):
    assert imagemanifest.is_digest(text) is yes


def test_digest_of_a_body():
    assert imagemanifest.digest_of(b"", "sha512:x").startswith("sha512:cf83e1357eefb8bd")
    assert imagemanifest.digest_of(b"", "sha256:").startswith("sha256:e3b0c44298fc1c14")


def test_image_has_no_platforms():
    assert read(CONFIG, DOCKER_MANIFEST) == {}


def test_platforms_of_an_index():
    images = [
        entry(os="linux", architecture="amd64"),
        entry(os="linux", architecture="arm", variant="v6"),
        entry(os="unknown", architecture="unknown"),
        entry(os="windows", architecture=3),
        {"digest": "sha256:0"},
        {"platform": "linux/amd64"},
        "odd",
    ]
    assert list(read({"manifests": images})) == [
        Platform("linux", "amd64"),
        Platform("linux", "arm", "v6"),
        Platform("windows", ""),
        None,
    ]


def test_platforms_of_an_index_come_once():
    images = [
        entry(os="linux", architecture="x86_64"),
        entry(os="Linux", architecture="AMD64", variant="v1"),
        entry(os="Unknown"),
    ]
    found = read({"manifests": images * 20_000})
    assert found == {Platform("linux", "amd64"): ("linux", "x86_64", "")}
    assert list(read({"manifests": [entry()] * 20_000})) == [Platform("", "")]


def test_index_for_more_platforms_than_there_are():
    images = [entry(os="linux", architecture=f"a{n}") for n in range(10_001)]
    assert len(read({"manifests": images[1:]})) == 10_000
    with pytest.raises(imagemanifest.NoImage, match="more than 10000 platforms"):
        read({"manifests": images})


def test_name_of_a_platform_is_fit_for_a_message():
    secret = "eyJhbGciOi"
    assert imagemanifest.name_of(("Li\nnux", "x86_64", "v1")) == "li nux/amd64"
    assert imagemanifest.name_of(("linux", secret, "")) == "linux/********"
    assert len(imagemanifest.name_of(("linux", "x-" * 100, ""))) == len("linux/") + 50


@pytest.mark.parametrize(
    ("document", "media_type", "why"),
    [
        (b"", OCI_INDEX, "no JSON object"),
        (b"[" * 100_000, OCI_INDEX, "no JSON object"),
        (b"[]", OCI_INDEX, "no JSON object"),
        (b"\xff", OCI_INDEX, "no JSON object"),
        ({"fsLayers": [{}]}, DOCKER_MANIFEST, "schema 1"),
        (CONFIG, OCI_INDEX, "said to be an index, and is an image"),
        ({"mediaType": OCI_MANIFEST}, OCI_INDEX, "said to be an index, and is an image"),
        ({"manifests": [{}]}, OCI_MANIFEST, "said to be an image, and is an index"),
        ({"mediaType": OCI_INDEX}, OCI_MANIFEST, "said to be an image, and is an index"),
        ({}, OCI_MANIFEST, "without a configuration"),
        ({}, OCI_INDEX, "lists no images"),
        ({"mediaType": [{}]}, OCI_MANIFEST, "without a configuration"),
        ({"manifests": {}}, OCI_INDEX, "lists no images"),
    ],
)
def test_what_is_not_what_it_is_said_to_be(document, media_type, why):
    with pytest.raises(imagemanifest.NoImage, match=why):
        read(document, media_type)
