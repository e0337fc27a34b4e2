"""What the reference says of ``regcred check``: every option, and the reasons that there are."""

import re

from cluster.paths import CHECKOUT
from regcred.cli.check import check
from regcred.core.problem import Reason

REFERENCE = CHECKOUT / "docs" / "reference"


def listed(name):
    text = (REFERENCE / "reasons.md").read_text()
    _, _, rest = text.partition(f"<!-- {name}:begin -->")
    part, _, _ = rest.partition(f"<!-- {name}:end -->")
    return re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)


def test_the_reference_describes_every_option():
    text = (REFERENCE / "check.md").read_text()
    options = [each for each in check.params if each.param_type_name == "option"]
    known = set(re.findall(r"(?<![\w-])--?\w[\w-]*", text))
    missing = [each.name for each in options if known.isdisjoint(each.opts)]
    assert missing == ["kubeconfig", "context"]  # of every verb


def test_the_reference_lists_all_reasons():
    documented = [*listed("reasons"), *listed("warnings"), *listed("causes")]
    assert sorted(documented) == sorted(reason.value for reason in Reason)
