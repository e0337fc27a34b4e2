"""What happens to a world that an operator serves, in steps, and what has come of it after each.

A run that nobody disturbs shows how the world has to be after each step; every other run, with
whatever fault, is compared with it object by object::

    calm = undisturbed(operator_world())
    follow(operator_world(), calm, before=lambda step: proxy.cut())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.operatorworld import PASSWORD, REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.operatorworld import OperatorWorld, Snapshot

ACCOUNTS = {"app": ["theirs"], "other": ["theirs"]}
ROTATED = f"new-{PASSWORD}"


def install(world: OperatorWorld) -> None:
    """The PullCredential comes."""
    world.put_pullcredential("main")


def grow(world: OperatorWorld) -> None:
    """A namespace comes."""
    world.add_namespaces(["late"], ACCOUNTS)


def harm(world: OperatorWorld) -> None:
    """A Secret is deleted, one is edited, and one entry is taken off a ServiceAccount."""
    name = world.installation.secret_name
    world.delete(f"{world.path('ns-0')}/secrets/{name}")
    world.change(f"{world.path('late')}/secrets/{name}", lambda obj: obj.update(data=_NOTHING))
    world.change(
        f"{world.path('ns-1')}/serviceaccounts/app",
        lambda obj: obj.update(imagePullSecrets=[{"name": "theirs"}]),
    )


def rotate(world: OperatorWorld) -> None:
    """A new password."""
    world.put_source("login", "puller", ROTATED)


def narrow(world: OperatorWorld) -> None:
    """One namespace fewer, and one ServiceAccount."""
    world.put_pullcredential(
        "main",
        namespaces={"matchLabels": world.label, "exclude": [world.full("ns-0")]},
        serviceAccounts={"include": ["default"]},
    )


def delete(world: OperatorWorld) -> None:
    """The PullCredential goes."""
    world.delete_pullcredential("main")


_NOTHING = {".dockerconfigjson": "eyJhdXRocyI6e319"}  # no logins
Step = Callable[["OperatorWorld"], None]
STEPS: tuple[Step, ...] = (install, grow, harm, rotate, narrow, delete)


def undisturbed(world: OperatorWorld, steps: Sequence[Step] = STEPS) -> dict[str, Snapshot]:
    """How a world is after each step; an operator runs, and nothing goes wrong.

    Args:
        world: of two namespaces or more.
        steps: all of them, or the first ones.
    """
    pristine = world.snapshot()
    snapshots = {}
    for step in steps:
        step(world)
        found: Snapshot = {}

        def is_done(step: Step = step, found: Snapshot = found) -> bool:
            if not _is_done(world, step):
                return False
            found.clear()
            found.update(world.snapshot())
            said = [obj for (plural, *_), obj in found.items() if plural == "pullcredentials"]
            return all(_says_so(obj["status"]) for obj in said)

        world.await_state(step.__doc__ or "", is_done)
        snapshots[step.__name__] = found
    if delete in steps:
        assert snapshots["harm"] == snapshots["grow"] != snapshots["install"]
        late = {key for key in snapshots["delete"] if key[1].endswith("late")}
        assert {k: v for k, v in snapshots["delete"].items() if k not in late} == pristine
    return snapshots


def follow(
    world: OperatorWorld,
    calm: Mapping[str, Snapshot],
    *,
    before: Callable[[str], object] = lambda _: None,
    steps: Sequence[Step] = STEPS,
    timeout: float = 60.0,
) -> None:
    """Take the steps, each when the world is as the undisturbed one was after the last.

    Args:
        world: with as many namespaces as the other had.
        calm: what `undisturbed` gave.
        before: called with the name of each step before it is taken.
        steps: which.
        timeout: seconds for each.

    Raises:
        AssertionError: it does not become so; with what is different.
    """
    for step in steps:
        before(step.__name__)
        step(world)
        try:
            world.await_snapshot(calm[step.__name__], timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"after {step.__name__}: {error}") from None


def _is_done(world: OperatorWorld, step: Step) -> bool:
    """By what people would look at."""
    if step is delete:
        return world.pullcredential("main") is None and not world.logins()
    left = [name for name in world.namespaces if step is not narrow or name != "ns-0"]
    password = PASSWORD if step in (install, grow, harm) else ROTATED
    secret = world.installation.secret_name
    accounts = {"default": []} if step is narrow else {"default": [], "app": ACCOUNTS["app"]}
    return (
        world.ready() == f"{len(left)}/{len(left)}"
        and world.logins() == {name: {REGISTRY: ("puller", password)} for name in left}
        and all(
            world.lists(account)[name] == [*theirs, secret]
            for account, theirs in accounts.items()
            for name in left
        )
    )


def _says_so(status: Mapping[str, Any]) -> bool:
    """Not what it said a moment ago, when the step was about to be seen to."""
    (ready,) = [each["status"] for each in status["conditions"] if each["type"] == "Ready"]
    return (
        bool(ready == "True") and status["namespaces"]["ready"] == status["namespaces"]["desired"]
    )
