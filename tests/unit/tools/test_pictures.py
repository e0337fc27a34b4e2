"""The pictures of the docs are those of their sources, and can be read by everybody."""

import re
from xml.etree import ElementTree

import pytest
import yaml

from tools.pictures import PictureError, draw, sources
from tools.pictures.layers import contract, layers, modules, rooms
from tools.pictures.theme import DARK, LIGHT, TONES

SVG = "{http://www.w3.org/2000/svg}"
SOURCES = {path.stem: path for path in sources()}


@pytest.fixture(params=SOURCES)
def source(request):
    return SOURCES[request.param]


def test_drawn_from_its_source(source):
    assert source.with_suffix(".svg").read_text() == draw(source), "run: make pictures"


def test_every_picture_has_a_source():
    found = {path.stem for path in next(iter(SOURCES.values())).parent.glob("*.svg")}
    assert found == {*SOURCES}


def root(source):
    # It is one of ours.
    return ElementTree.fromstring(source.with_suffix(".svg").read_text())  # noqa: S314


def test_small_and_by_itself(source):
    """No script, and nothing that a viewer would have to fetch."""
    text = source.with_suffix(".svg").read_text()
    assert len(text) < 60_000
    tags = {each.tag.removeprefix(SVG) for each in root(source).iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "circle", "path", "text"}
    assert re.findall(r"https?:[^\"']*|url\(|@import|href|data:", text) == [SVG[1:-1]]


def test_said_in_words_and_with_text_for_text(source):
    svg = root(source)
    said = yaml.safe_load(source.read_text())
    assert svg.get("role") == "img"
    named = {each.get("id"): each.text for each in svg if each.tag in (f"{SVG}title", f"{SVG}desc")}
    assert named == {"title": said["title"], "desc": said["description"]}
    assert svg.get("aria-labelledby").split() == [*named]
    assert [each.text for each in svg.iter(f"{SVG}text")] != []


def test_light_and_dark(source):
    text = source.with_suffix(".svg").read_text()
    light, _, dark = text.partition("@media (prefers-color-scheme:dark)")
    rule = re.compile(r"(\.[\w,.]+|text)\{fill:(#\w+)")
    assert {*dict(rule.findall(light))} == {*dict(rule.findall(dark))}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft"])
def test_text_stands_out(scheme, ink):
    """By as much as WCAG 2.1 wants of text (AA)."""
    for behind in [scheme["sheet"], *(scheme[tone][0] for tone in TONES)]:
        darker, lighter = sorted([luminance(scheme[ink]), luminance(behind)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, behind


def test_layers_are_the_contract_and_the_folders():
    assert {module for row in contract() for module in row} == modules()
    assert contract()[-1] == ["core"]
    core = SOURCES["layers"].parents[2] / "src/regcred/core"
    folders = {path.parent.name for path in core.glob("*/__init__.py")}
    assert {room for row in rooms() for room in row} == folders != set()


@pytest.mark.parametrize("change", ["gone", "new"])
def test_layers_that_are_not_there(change):
    said = yaml.safe_load(SOURCES["layers"].read_text())
    if change == "gone":
        del said["modules"]["kube"]
    else:
        said["modules"]["clouds"] = said["modules"]["kube"]
    with pytest.raises(PictureError, match="kube" if change == "gone" else "clouds"):
        layers(said)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("tone: ours", "tone: loud"), "no tone loud"),
        (("text: [manifest]", "text: [the manifest and all that is in it]"), "no room"),
        (("to: registry", "to: operator"), "not in line"),
        (("to: registry", "to: nowhere"), "nowhere"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn(tmp_path, change, why):
    path = tmp_path / "pull.yaml"
    path.write_text(SOURCES["pull"].read_text().replace(*change))
    with pytest.raises(PictureError, match=why):
        draw(path)
