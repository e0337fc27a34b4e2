"""What else is missing, once a right is refused.

Whoever has the one right granted that the API server names then meets the next one. So what a verb
would have needed after it is asked about as well: only once something is refused, since all that
is fine takes no request more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regcred.core import fields
from regcred.core.errors import Forbidden, NotFound, RegcredError
from regcred.kube import grants
from regcred.kube.grants import Need
from regcred.kube.resources import SELFSUBJECTACCESSREVIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regcred.kube.client import Client


async def with_others(client: Client, error: Forbidden, needs: Sequence[Need]) -> Forbidden:
    """A refusal, and what else is missing of what would have come after it, with one hint for all.

    Args:
        client: the API server.
        error: the refusal.
        needs: all that is taken where it was refused, in the order in which it would be met.
    """
    (told,) = await all_with_others(client, [error], needs)
    return told


async def all_with_others(
    client: Client, errors: Sequence[Forbidden], needs: Sequence[Need]
) -> list[Forbidden]:
    """Refusals of one namespace, each with one hint for all that is missing there.

    Args:
        client: the API server.
        errors: the refusals; the first also says what was not tried yet.
        needs: as for `with_others`.
    """
    refused = [found for error in errors if (found := grants.of_error(error))]
    common = {(each.user, each.namespace) for each in refused}
    known = [need for need in needs if any(map(need.is_what, refused))]
    if len(refused) != len(errors) or len(common) != 1 or not known:
        return [*errors]
    place = refused[0].namespace
    also = [
        need
        for need in needs[needs.index(known[0]) + 1 :]
        if need not in known
        and not any(each.excludes(need) for each in known)
        and not await _may(client, need, place)
    ]
    missing = [*known, *also]
    also = [need for need in also if await _applies(client, need, needs, missing, place)]
    return grants.of_needs(errors, refused[0], known, also)


async def _applies(
    client: Client, need: Need, needs: Sequence[Need], missing: Sequence[Need], namespace: str
) -> bool:
    """Whether it would come to that: an object is made that is not there, or changed that is."""
    # Whether one that is there is changed or deleted, nobody knows.
    if not any(need.excludes(other) and "create" in (need.verb, other.verb) for other in needs):
        return True
    if Need("get", need.kind, need.name) in missing:
        return True  # Nobody knows.
    try:
        await client.get(need.kind, need.name, namespace)
    except NotFound:
        return need.verb == "create"
    except RegcredError:
        return True  # Nobody knows; the refusal is what is told.
    return need.verb != "create"


async def _may(client: Client, need: Need, namespace: str) -> bool:
    reviews = SELFSUBJECTACCESSREVIEWS
    asked = {
        "verb": need.verb,
        "group": need.kind.group,
        "resource": need.kind.plural,
        "namespace": namespace,
        "name": need.only,
    }
    body = {"apiVersion": reviews.api_version, "kind": reviews.kind}
    try:
        answer = await client.request(
            "POST",
            reviews.path(),
            body=body | {"spec": {"resourceAttributes": asked}},
            doing=f"ask for the right to {need}",
        )
    except RegcredError:
        return True  # Nobody knows; the verb will meet it.
    return bool(fields.mapping(answer.get("status")).get("allowed"))
