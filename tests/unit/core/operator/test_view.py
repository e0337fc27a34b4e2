"""The view against a model: a world with a history, told with gaps, replays and stale lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regcred.core.operator.view import Added, Deleted, Modified, Synced, View
from regcred.core.operator.watchevent import WatchEvent

A, B = ("ns", "a"), ("ns", "b")


def obj(name: str, version: object, value: object = None, uid: str = "1-0") -> dict:
    return {
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": uid,
            "resourceVersion": str(version),
        },
        "value": value,
    }


def event(kind: str, *args: object, **options: object) -> WatchEvent:
    thing = obj(*args, **options)
    return WatchEvent(kind, thing, thing["metadata"]["resourceVersion"])


def bookmark(version: int) -> WatchEvent:
    return WatchEvent("BOOKMARK", {}, str(version))


def view_of(version: object, *objects: dict) -> View:
    view = View(lambda o: o["value"])
    adopt(view, version, *objects)
    return view


def adopt(view: View, version: object, *objects: dict) -> list:
    listing = view.listing()
    for each in objects:
        listing.put(each)
    return list(view.adopt(listing, str(version)))


class TestLists:
    def test_the_first(self):
        view = View(lambda o: o["value"])
        assert (len(view), view.version, view.generation) == (0, "", 0)
        assert adopt(view, 5, obj("a", 3, "x"), obj("b", 2, "y")) == [
            Added(A, "x"),
            Added(B, "y"),
            Synced(1),
        ]
        assert dict(view) == {A: "x", B: "y"}
        assert (view.version, view.generation) == ("5", 1)

    def test_another_tells_what_is_different_and_what_has_gone_first(self):
        view = view_of(5, obj("a", 1, "x"), obj("b", 2, "y"), obj("d", 2, "z"), obj("e", 3, "z"))
        told = adopt(
            view, 9, obj("b", 7, "Y"), obj("c", 8, "c"), obj("d", 6, "z"), obj("e", 3, "z")
        )
        assert told == [Deleted(A, "x"), Modified(B, "y", "Y"), Added(("ns", "c"), "c"), Synced(2)]

    def test_an_object_made_anew_is_deleted_and_added(self):
        view = view_of(5, obj("a", 1, "x"))
        told = adopt(view, 9, obj("a", 7, "x", uid="2-0"))
        assert told == [Deleted(A, "x"), Added(A, "x"), Synced(2)]

    def test_it_changes_nothing_before_it_is_whole(self):
        view = view_of(5, obj("a", 1, "x"))
        view.listing().put(obj("b", 6, "y"))
        assert dict(view) == {A: "x"}

    def test_changes_while_it_comes(self):
        view = View(lambda o: o["value"])
        listing = view.listing()
        listing.apply(event("ADDED", "a", 1, "x"))
        listing.apply(event("ADDED", "b", 2, "y"))
        listing.apply(event("MODIFIED", "a", 3, "X"))
        listing.apply(event("DELETED", "b", 4, "y"))
        listing.apply(event("DELETED", "c", 4, "y"))
        assert list(view.adopt(listing, "4")) == [Added(A, "X"), Synced(1)]

    def test_what_is_the_same_is_kept_once(self):
        view = View(lambda o: [o["value"]])
        adopt(view, 5, obj("a", 1, "x"))
        kept = view[A]
        adopt(view, 6, obj("a", 1, "x"))
        assert view[A] is kept

    def test_the_same_version_of_another_history(self):
        view = view_of(5, obj("a", 5, "x"))
        assert view.is_older("4")
        assert adopt(view, 4, obj("a", 5, "y")) == [Modified(A, "x", "y"), Synced(2)]

    @pytest.mark.parametrize(
        ("version", "older"), [("4", True), ("5", False), ("6", False), ("x", False)]
    )
    def test_older(self, version, older):
        assert view_of(5).is_older(version) is older

    def test_the_first_is_never_older(self):
        assert not View(dict).is_older("0")


class TestEvents:
    def test_each_kind(self):
        view = view_of(5)
        assert view.apply(event("ADDED", "a", 6, "x")) == (Added(A, "x"),)
        assert view.apply(event("MODIFIED", "a", 7, "y")) == (Modified(A, "x", "y"),)
        assert view.apply(event("DELETED", "a", 8, "y")) == (Deleted(A, "y"),)
        assert view.apply(event("DELETED", "a", 9, "y")) == ()
        assert view.version == "9"

    def test_a_bookmark_moves_the_version_only(self):
        view = view_of(5)
        assert view.apply(bookmark(8)) == ()
        assert view.version == "8"

    @pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
    def test_a_replay_is_nothing_new(self, kind):
        view = view_of(5, obj("a", 4, "x"))
        view.apply(bookmark(8))
        assert view.apply(event(kind, "a", 8, "y")) == ()
        assert (dict(view), view.version) == ({A: "x"}, "8")

    def test_what_is_kept_did_not_change(self):
        view = view_of(5, obj("a", 4, "x"))
        assert view.apply(event("MODIFIED", "a", 6, "x")) == ()

    def test_what_a_later_page_of_the_list_has_told_already(self):
        view = view_of(5, obj("a", 8, "new"))
        assert view.apply(event("MODIFIED", "a", 6, "old")) == ()
        assert view.apply(event("DELETED", "a", 7, "old")) == ()
        assert dict(view) == {A: "new"}

    def test_made_anew_between_two_events(self):
        view = view_of(5, obj("a", 4, "x"))
        told = view.apply(event("ADDED", "a", 9, "y", uid="no UUID"))
        assert told == (Deleted(A, "x"), Added(A, "y"))

    @pytest.mark.parametrize("version", ["opaque", "9" * 5000])
    def test_versions_that_are_no_numbers(self, version):
        view = view_of(version, obj("a", version, "x"))
        assert view.apply(event("MODIFIED", "a", version, "y")) == (Modified(A, "x", "y"),)
        assert adopt(view, version, obj("a", version, "y")) == [Synced(2)]

    def test_what_has_no_namespace(self):
        view = View(lambda o: 1)
        adopt(view, 5, {"metadata": {"name": "a", "resourceVersion": "1"}})
        assert list(view) == [("", "a")]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abc"), st.integers(0, 2)),
        st.tuples(st.just("delete"), st.sampled_from("abc"), st.none()),
        st.tuples(st.just("watch"), st.none(), st.integers(0, 30)),
        st.tuples(st.just("list"), st.none(), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_consumers_follow_the_world_and_never_go_back(steps):
    """Whatever a stream replays, the told differences make the world, each version once."""
    world: dict[str, dict] = {}
    history: list[WatchEvent] = []
    view = View(lambda o: (o["metadata"]["uid"], o["metadata"]["resourceVersion"], o["value"]))
    told: dict = {}
    newest: dict = {}

    def tell(events) -> None:
        for each in events:
            match each:
                case Added(key, new):
                    assert key not in told
                    told[key] = new
                case Modified(key, old, new):
                    assert told[key] == old != new
                    told[key] = new
                case Deleted(key, old):
                    assert told.pop(key) == old
                case Synced():
                    assert told == dict(view)
            if isinstance(each, Added | Modified):
                assert int(each.new[1]) > newest.get(each.key, 0)
                newest[each.key] = int(each.new[1])

    def watch(replayed: int) -> None:
        for each in history[max(0, len(history) - replayed) :]:
            tell(view.apply(each))

    version = 1
    tell(adopt(view, version))
    for action, name, value in steps:
        version += 1
        if action == "write":
            known = name in world
            uid = world[name]["metadata"]["uid"] if known else f"{version:x}"
            world[name] = obj(name, version, value, uid)
            history.append(WatchEvent("MODIFIED" if known else "ADDED", world[name], str(version)))
        elif action == "delete" and name in world:
            gone = world.pop(name)
            gone = obj(name, version, gone["value"], gone["metadata"]["uid"])
            history.append(WatchEvent("DELETED", gone, str(version)))
        elif action == "watch":
            missed = sum(int(each.version) > int(view.version) for each in history)
            watch(missed + value)
        elif action == "list":
            tell(adopt(view, version, *world.values()))
    watch(len(history))
    assert told == dict(view)
    assert {key[1]: kept[1] for key, kept in view.items()} == {
        name: each["metadata"]["resourceVersion"] for name, each in world.items()
    }
