"""The watch that every test of a minter stands under catches one that says what it should not."""

import contextlib
import json
import logging

import pytest
from aiohttp import web

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.operator.minting import Minted
from tests.support.providers.desk import open_desk
from tests.support.providers.serving import serve, watched
from tests.support.providers.watching import Watch

STORED, GIVEN = "correct-horse-battery-staple", "gldt-0123456789abcdefghij"


async def asked(desk, served):
    """What is stored, and what the provider gives for it."""
    stored = (await desk.secret("login"))["token"].decode()
    answer = await desk.web.ask("POST", served.url, authorization=Password(f"Bearer {stored}"))
    return stored, answer.text("token")


async def in_a_message(desk, served):
    raise MintFailed("MintFailed", f"not {(await asked(desk, served))[1]}")


async def in_a_hint(desk, served):
    raise MintFailed("MintFailed", "no", hint=f"try {(await asked(desk, served))[0]}")


async def in_a_cause(desk, served):
    given = (await asked(desk, served))[1]
    try:
        int(given)
    except ValueError as error:
        raise MintFailed("MintFailed", "no") from error


async def in_a_context(desk, served):
    stored = (await asked(desk, served))[0]
    try:
        json.loads("{}")[stored]
    except KeyError:
        raise MintFailed("MintFailed", "no")  # noqa: B904 - which is what is to be caught


async def in_a_warning(desk, served):
    stored, given = await asked(desk, served)
    return Minted((Credential("a", "u", Password(given)),), warnings=(f"{stored} is old",))


async def in_a_username(desk, served):
    given = (await asked(desk, served))[1]
    return Minted((Credential("a", given, Password(given)),))


async def in_the_log(desk, served):
    given = (await asked(desk, served))[1]
    try:
        int(given)
    except ValueError:
        logging.getLogger("sdk").exception("no number")


async def on_stdout(desk, served):
    print((await asked(desk, served))[0])  # noqa: T201 - which is what is to be caught


async def nowhere(desk, served):
    given = (await asked(desk, served))[1]
    return Minted((Credential("a", "u", Password(given)),))


async def watched_run(minter, caplog, capfd):
    """What the watch makes of a minter."""

    async def token(_):
        return web.json_response({"token": GIVEN})

    app, watch = web.Application(), Watch()
    app.router.add_post("/", token)
    with watched() as all_served, serve(app) as served:
        async with open_desk("a", secrets={"login": {"token": STORED}}) as desk:
            mint = watch.call("mint", lambda _, desk: minter(desk, served))
            with contextlib.suppress(MintFailed):
                await mint({}, watch.desk(desk))
    watch.add_served(all_served)
    watch.add_records(caplog.records)
    watch.require(stdout=capfd.readouterr().out)


@pytest.mark.parametrize(
    "minter",
    [
        *(in_a_message, in_a_hint, in_a_cause, in_a_context, in_a_warning, in_a_username),
        *(in_the_log, on_stdout),
    ],
    ids=lambda minter: minter.__name__,
)
async def test_a_minter_that_leaks_is_caught(minter, caplog, capfd):
    with pytest.raises(AssertionError, match=" is in ") as caught:
        await watched_run(minter, caplog, capfd)
    assert STORED not in str(caught.value)
    assert GIVEN not in str(caught.value)
    caplog.clear()


async def test_one_that_does_not_is_left_alone(caplog, capfd):
    await watched_run(nowhere, caplog, capfd)
