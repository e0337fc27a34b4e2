import asyncio
import stat
import sys

import pytest

from regcred.core.credential import Password
from regcred.core.errors import CredentialHelperFailed
from regcred.kube.auth import TOKEN_FILE_SECONDS, Authenticator
from regcred.kube.config import Auth, ClusterConfig
from regcred.kube.entries import ExecPlugin

V1 = "client.authentication.k8s.io/v1"


def authenticator(**auth) -> Authenticator:
    return Authenticator(ClusterConfig(server="https://api", auth=Auth(**auth)))


async def test_what_never_changes():
    anonymous = authenticator()
    assert (await anonymous.current(0)).authorization == ""
    token = authenticator(token=Password("t"))
    proof = await token.current(0)
    assert proof.authorization == "Bearer t"
    assert await token.after_refusal(proof, 0) is None
    basic = authenticator(username="ann", password=Password("p:ö"))
    assert (await basic.current(0)).authorization == "Basic YW5uOnA6w7Y="
    assert "Bearer" not in repr(proof)


async def test_a_certificate_goes_with_a_token():
    proof = await authenticator(
        token=Password("t"), certificate=b"CERT", key=Password("KEY")
    ).current(0)
    assert (proof.authorization, proof.certificate) == ("Bearer t", b"CERT")


async def test_a_token_file_is_read_again_after_a_while(tmp_path):
    path = tmp_path / "token"
    path.write_text("first\n")
    source = authenticator(token_file=str(path))
    assert (await source.current(1000)).authorization == "Bearer first"
    path.write_text("second\n")
    just_before = 1000 + TOKEN_FILE_SECONDS - 1
    assert (await source.current(just_before)).authorization == "Bearer first"
    assert (await source.current(1000 + TOKEN_FILE_SECONDS)).authorization == "Bearer second"


async def test_a_token_file_is_read_again_after_a_refusal(tmp_path):
    path = tmp_path / "token"
    path.write_text("first")
    source = authenticator(token_file=str(path))
    proof = await source.current(0)
    assert await source.after_refusal(proof, 0) is None  # nothing new in it
    path.write_text("second")
    renewed = await source.after_refusal(await source.current(0), 0)
    assert renewed is not None
    assert renewed.authorization == "Bearer second"
    assert await source.current(1) is renewed


@pytest.mark.parametrize("content", [None, b"", b"\n", b"two\nlines", b"\xff"])
async def test_a_token_file_that_is_being_replaced(tmp_path, content):
    path = tmp_path / "token"
    path.write_text("first")
    source = authenticator(token_file=str(path))
    await source.current(0)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert (await source.current(1000)).authorization == "Bearer first"
    with pytest.raises(CredentialHelperFailed, match="cannot use the token file"):
        await authenticator(token_file=str(path)).current(0)
    other = authenticator(token_file=str(path), token=Password("t"))
    assert (await other.current(0)).authorization == "Bearer t"


@pytest.fixture
def counting_plugin(tmp_path):
    """A plugin whose n-th answer is the token n, good until n hours after the epoch."""
    path, count = tmp_path / "plugin", tmp_path / "count"
    count.write_text("0")
    path.write_text(
        f"#!{sys.executable}\nimport json\n"
        f"n = int(open({str(count)!r}).read()) + 1\nopen({str(count)!r}, 'w').write(str(n))\n"
        f"status = {{'token': str(n), 'expirationTimestamp': f'1970-01-01T{{n:02}}:00:00Z'}}\n"
        f"print(json.dumps({{'kind': 'ExecCredential', 'apiVersion': {V1!r}, 'status': status}}))"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    plugin = ExecPlugin(command=str(path), api_version=V1, interactive_mode="Never")
    return authenticator(exec=plugin)


async def test_a_plugin_is_asked_once_by_many_and_again_when_its_answer_expires(counting_plugin):
    proofs = await asyncio.gather(*(counting_plugin.current(3599) for _ in range(20)))
    assert {proof.authorization for proof in proofs} == {"Bearer 1"}
    assert (await counting_plugin.current(3600)).authorization == "Bearer 2"


async def test_a_plugin_is_asked_once_for_many_refusals(counting_plugin):
    used = await counting_plugin.current(0)
    renewed = await asyncio.gather(*(counting_plugin.after_refusal(used, 0) for _ in range(20)))
    assert {proof.authorization for proof in renewed if proof} == {"Bearer 2"}
    assert (await counting_plugin.current(0)).authorization == "Bearer 2"
