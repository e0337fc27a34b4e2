from datetime import UTC, datetime, timedelta, timezone

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


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


@given(st.dictionaries(registries, moments))
def test_ends_come_back_as_they_were_written(ends):
    written = {name: value for name, value in marks.write_ends(ends).items() if value}
    assert marks.read_ends(of(**written)) == ends
    assert marks.expires_at(of(**written)) == min(ends.values(), default=None)


def test_what_is_no_end_is_passed_over():
    good = "2026-01-01T00:00:00Z"
    mangled = of(**{marks.LOGINS_EXPIRE_AT: f",{good},{good}=,tomorrow=a,=b,{good}=ghcr.io"})
    assert marks.read_ends(mangled) == {"ghcr.io": datetime(2026, 1, 1, tzinfo=UTC)}


def test_a_moment_is_written_in_utc_and_to_the_second():
    moment = datetime(2026, 1, 1, 1, 2, 3, 999999, tzinfo=timezone(timedelta(hours=1)))
    assert marks.write_moment(moment) == "2026-01-01T00:02:03Z"
