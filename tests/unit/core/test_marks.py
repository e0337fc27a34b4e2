from hypothesis import given
from hypothesis import strategies as st

from regcred.core import marks

names = st.sampled_from(["ghcr", "asia.gcr", "a-b"])
registries = st.sampled_from(["ghcr.io", "*.pkg.dev/p", "localhost:5000", "docker.io"])


def of(**annotations):
    return {"metadata": {"annotations": annotations}}


@given(st.dictionaries(registries, names))
def test_owners_come_back_as_they_were_written(owners):
    written = marks.write_owners(owners)
    assert marks.read_owners(of(**{marks.PULLCREDENTIALS: written})) == owners


def test_what_is_no_owner_is_passed_over():
    mangled = of(**{marks.PULLCREDENTIALS: "ghcr,=ghcr.io,a=,a=ghcr.io"})
    assert marks.read_owners(mangled) == {"ghcr.io": "a"}
    assert marks.read_owners({"metadata": {}}) == {}


def test_only_true_hands_over():
    def labelled(value):
        return {"metadata": {"labels": {marks.HAND_OVER: value}}}

    assert marks.handed_over(labelled("true"))
    assert not marks.handed_over(labelled("false"))
    assert not marks.handed_over({"metadata": {}})
