import pytest

from regcred.core.errors import UsageError
from regcred.core.registry.platform import Platform


def taken(text):
    return [str(platform) for platform in Platform.parse(text).takes()]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/x86-64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/arm64/v8.2", "linux/arm64/v8.2"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386/x", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
        (" windows/amd64 ", "windows/amd64"),
    ],
)
def test_spellings(text, normal):
    assert str(Platform.parse(text)) == normal


@pytest.mark.parametrize("text", ["", "linux", "linux/", "a/b/c/d", "linux/am d64", "linux//v8"])
def test_what_is_no_platform_is_told(text):
    with pytest.raises(UsageError, match="is no platform"):
        Platform.parse(text)


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("linux/amd64", ["linux/386"]),
        ("linux/amd64/v3", ["linux/amd64/v2", "linux/amd64", "linux/386"]),
        ("linux/amd64/vx", ["linux/386"]),
        ("linux/s390x", []),
        ("linux/arm/v7", ["linux/arm/v6", "linux/arm/v5"]),
        ("linux/arm/v5", []),
        ("linux/arm64", [f"linux/arm/v{level}" for level in (8, 7, 6, 5)]),
        (
            "linux/arm64/v9.1",
            [
                "linux/arm64/v9",
                *(f"linux/arm64/v8.{minor}" for minor in range(6, 0, -1)),
                "linux/arm64",
                *(f"linux/arm/v{level}" for level in (8, 7, 6, 5)),
            ],
        ),
    ],
)
def test_what_a_node_takes(text, below):
    assert taken(text) == [text, *below]


def test_unknown_variant_of_arm64_takes_nothing():
    assert taken("linux/arm64/v10") == []


def test_the_best_is_chosen_whatever_the_order():
    present = [Platform.parse(f"linux/{name}") for name in ("386", "arm/v6", "amd64", "arm/v7")]
    assert Platform.parse("linux/amd64").choose(present) == 2
    assert Platform.parse("linux/amd64").choose(present[:2]) == 0
    assert Platform.parse("linux/arm64").choose(present) == 3
    assert Platform.parse("windows/amd64").choose(present) is None
