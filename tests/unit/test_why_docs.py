"""What the reference says of ``regcred why``: its options, its document, its results."""

import inspect
import re

from cluster.paths import CHECKOUT
from regcred.cli import fixing, whyshown
from regcred.cli.why import why


def page():
    return (CHECKOUT / "docs" / "reference" / "why.md").read_text()


def test_every_option_of_its_own_is_described():
    shared = {"concurrency", "timeout", "ca_file", "certs_dir", "plain_http"}
    shared |= {"kubeconfig", "context"}
    known = set(re.findall(r"(?<![\w-])--?\w[\w-]*", page()))
    for option in why.params:
        if option.param_type_name == "option" and option.name not in shared:
            assert set(option.opts) & known, option.name


def test_every_field_of_the_document_is_named():
    source = inspect.getsource(whyshown)
    for field in set(re.findall(r'^ +"(\w+)": ', source, re.MULTILINE)):
        assert f'"{field}"' in page(), field


def test_every_result_is_described():
    source = inspect.getsource(fixing)
    words = set(re.findall(r'"([A-Z][a-z]+)"', source))
    assert "Recreated" in words
    assert words <= set(re.findall(r"^\| `(\w+)` \|", page(), re.MULTILINE))
