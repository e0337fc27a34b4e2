"""The reference lists every reason that there is, and none besides."""

import re

from cluster.paths import CHECKOUT
from regcred.core.problem import Reason


def listed(name):
    text = (CHECKOUT / "docs" / "reference.md").read_text()
    _, _, rest = text.partition(f"<!-- {name}:begin -->")
    part, _, _ = rest.partition(f"<!-- {name}:end -->")
    return re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)


def test_the_reference_lists_all_reasons():
    documented = [*listed("reasons"), *listed("warnings"), *listed("causes")]
    assert sorted(documented) == sorted(reason.value for reason in Reason)
