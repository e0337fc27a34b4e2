"""What settings of a request hit nothing, and what they may have been meant for."""

import pytest

from regcred.core.formats.documents import split
from regcred.core.manifests.inject import Injector, Request
from regcred.core.manifests.manifestpath import parse_kind_path
from regcred.core.manifests.misses import Misses

POD = "{containers: [{name: a, image: ghcr.io/me/web}]}"
SHOP = f"apiVersion: example.com/v1\nkind: Shop\nspec: {{template: {{spec: {POD}}}, plain: {{}}}}\n"


def misses(text, *paths, images=()):
    request = Request(("regcred",), images=images, paths=tuple(map(parse_kind_path, paths)))
    found = Misses(request)
    injector = Injector(request)
    for document in split([text]):
        found.look(document, injector.inject(document))
    longer = {str(path): str(longer) for path, longer in found.longer.items()}
    return [str(path) for path in found.paths], longer, found.images


@pytest.mark.parametrize(
    "path", ["Shop=.spec.pod", "Shop.example.org=.spec.template.spec", "Shops=.spec.template.spec"]
)
def test_path_that_no_object_has(path):
    assert misses(SHOP, path) == ([path], {}, {})


@pytest.mark.parametrize("path", ["Shop=.spec.template.spec", "Shop.example.com=.spec.plain"])
def test_path_that_one_has(path):
    assert misses(SHOP, path) == ([], {}, {})
    assert misses(f"kind: Shop\n---\n{SHOP}---\nkind: Shop\n", path) == ([], {}, {})
    # Although nothing is changed: its image is another one's, or its list is right.
    assert misses(SHOP, path, images=("quay.io/*",))[0] == []
    done = SHOP.replace("{containers", "{imagePullSecrets: [{name: regcred}], containers")
    assert misses(done, path)[0] == []


def test_path_that_is_too_short():
    path = "Shop=.spec.template"
    longer = {path: "Shop=.spec.template.spec"}
    assert misses(SHOP, path) == ([], longer, {})
    assert misses(f"{SHOP}---\n{SHOP}", path) == ([], longer, {})
    # One with containers of its own is meant so.
    both = SHOP.replace("{template: {", "{template: {containers: [{image: a}], ")
    assert misses(f"{SHOP}---\n{both}---\n{SHOP}", path) == ([], {}, {})


def test_place_where_nothing_could_be_written_is_one():
    shared = SHOP.replace("plain: {}", "plain: &a {imagePullSecrets: [{name: regcred}]}, too: *a")
    assert misses(shared, "Shop=.spec.plain")[0] == []


@pytest.mark.parametrize(
    ("glob", "longer"),
    [
        ("ghcr.io", {"ghcr.io": "ghcr.io/*"}),
        ("ghcr.io/me/", {"ghcr.io/me/": "ghcr.io/me/*"}),
        ("docker.io/library", {"docker.io/library": "docker.io/library/*"}),
        ("ghcr", {}),
        ("quay.io", {}),
    ],
)
def test_beginning_of_an_image(glob, longer):
    pods = "".join(
        f"---\napiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: {image}}}]}}\n"
        for image in ("ghcr.io/me/web:1", "nginx", "ghcr.io/me/db")
    )
    assert misses(pods, images=(glob,))[2] == longer
    assert misses(pods, images=("*", glob))[2] == {}
