"""The webhook's certificate: for the right names, merged with those of the others, renewed."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from regcred.operator import certificates
from regcred.operator.certificates import LIFETIME, make, merged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["regcred-webhook.ops.svc", "regcred-webhook.ops.svc.cluster.local", "127.0.0.1", "::1"]


def owners(bundle):
    return [
        each.subject.rfc4514_string().partition(",")[0].removeprefix("CN=")
        for each in x509.load_pem_x509_certificates(bundle)
    ]


def test_what_it_is():
    made = make(NAMES, "pod-a :9443", NOW)
    (certificate,) = x509.load_pem_x509_certificates(made.pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == NAMES
    assert certificate.not_valid_before_utc < NOW < made.renew < certificate.not_valid_after_utc
    assert certificate.not_valid_after_utc - NOW == LIFETIME
    assert "PRIVATE KEY" not in repr(made)
    assert b"PRIVATE KEY" not in made.pem


def test_no_two_are_alike():
    one, two = make(NAMES, "pod-a", NOW), make(NAMES, "pod-a", NOW)
    assert one.pem != two.pem
    assert one.key != two.key


def test_the_end_of_a_long_owner_tells_it():
    (long,) = owners(make(NAMES, "x" * 63 + "-abc [::]:9443", NOW).pem)
    assert len(long) == 64
    assert long.endswith("-abc [::]:9443")


async def shaken(context, trusted, name):
    """The certificate that a client meets who trusts a bundle."""
    ours, theirs = socket.socketpair()
    client = ssl.create_default_context(cadata=trusted.decode())
    loop = asyncio.get_running_loop()
    accept = loop.connect_accepted_socket(asyncio.Protocol, ours, ssl=context)
    (server, _), (_, writer) = await asyncio.gather(
        accept, asyncio.open_connection(sock=theirs, ssl=client, server_hostname=name)
    )
    try:
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        server.abort()


@pytest.mark.parametrize("name", [*NAMES])
async def test_a_client_that_has_the_bundle_trusts_it(name):
    now = datetime.now(UTC)
    one, two = make(NAMES, "pod-a", now), make(NAMES, "pod-b", now)
    bundle = merged(merged(b"", [one.pem], now), [two.pem], now)
    for each in (one, two):
        context = certificates.context(each.pem, each.key)
        met = await shaken(context, bundle, name)
        assert met == ssl.PEM_cert_to_DER_cert(each.pem.decode())


async def test_nobody_else_is_trusted():
    now = datetime.now(UTC)
    one, two = make(NAMES, "pod-a", now), make(NAMES, "pod-b", now)
    context = certificates.context(one.pem, one.key)
    for bundle, name in ((two.pem, NAMES[0]), (one.pem, "other.ops.svc")):
        with pytest.raises(ssl.SSLCertVerificationError):
            await shaken(context, bundle, name)


def test_tls_before_1_2_is_not_spoken():
    made = make(NAMES, "pod-a", NOW)
    context = certificates.context(made.pem, made.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("junk", [b"", b"junk"])
def test_what_is_none(junk):
    made, other = make(NAMES, "a", NOW), make(NAMES, "a", NOW)
    for pem, key in ((junk, made.key), (made.pem, junk), (made.pem, other.key)):
        with pytest.raises(ssl.SSLError):
            certificates.context(pem, key)


def test_a_key_with_a_password_asks_nobody():
    from cryptography.hazmat.primitives import serialization as s

    made = make(NAMES, "a", NOW)
    key = s.load_pem_private_key(made.key, None).private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"canary")
    )
    with pytest.raises(ssl.SSLError):
        certificates.context(made.pem, key)


def test_others_stay_and_nothing_is_done_twice():
    one, two = make(NAMES, "pod-a", NOW), make(NAMES, "pod-b", NOW)
    bundle = merged(b"", [one.pem], NOW)
    assert owners(bundle) == ["pod-a"]
    both = merged(bundle, [two.pem], NOW)
    assert owners(both) == ["pod-a", "pod-b"]
    for each in (one, two):
        assert merged(both, [each.pem], NOW) == both


def test_a_replica_that_starts_again_replaces_its_own():
    old, new, other = (make(NAMES, name, NOW) for name in ("pod-a", "pod-a", "pod-b"))
    bundle = merged(merged(b"", [old.pem], NOW), [other.pem], NOW)
    bundle = merged(bundle, [new.pem], NOW)
    assert owners(bundle) == ["pod-b", "pod-a"]
    assert old.pem not in bundle
    assert new.pem in bundle


def test_both_are_there_while_one_replaces_the_other():
    old, new = make(NAMES, "pod-a", NOW), make(NAMES, "pod-a", NOW + LIFETIME * 2 / 3)
    bundle = merged(old.pem, [old.pem, new.pem], NOW)
    assert owners(bundle) == ["pod-a"] * 2
    assert merged(bundle, [new.pem], NOW) == new.pem


def test_what_has_ended_goes():
    gone = make(NAMES, "pod-a", NOW - LIFETIME - timedelta(seconds=1))
    here, own = make(NAMES, "pod-b", NOW), make(NAMES, "pod-c", NOW)
    assert owners(merged(gone.pem + here.pem, [own.pem], NOW)) == ["pod-b", "pod-c"]


def test_a_bundle_does_not_grow_for_ever():
    bundle = b""
    for n in range(40):
        bundle = merged(bundle, [make(NAMES, f"pod-{n}", NOW + n * timedelta(hours=1)).pem], NOW)
    assert owners(bundle) == [f"pod-{n}" for n in range(15, 40)]


@given(
    st.integers(0, 2),
    st.integers(0, 9999),
    st.sampled_from([b"!", b"A", b"\n", b"\0", b"\xff", b""]),
)
def test_what_is_broken_costs_no_other(which, place, byte):
    blocks = [each.pem for each in THREE]
    place %= len(blocks[which])
    blocks[which] = blocks[which][:place] + byte + blocks[which][place + 1 :]
    bundle = merged(b"".join(blocks), [OWN.pem], NOW)
    others = [each for n, each in enumerate(THREE) if n != which]
    assert all(certificates.holds(bundle, each.pem) for each in [*others, OWN])
    assert len(owners(bundle)) in (3, 4)
    assert merged(bundle, [OWN.pem], NOW) == bundle


@pytest.mark.parametrize("junk", [b"junk\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_none_is_dropped(junk):
    other = make(NAMES, "pod-a", NOW)
    for bundle in (
        junk + other.pem + OWN.pem,
        other.pem + junk + OWN.pem,
        other.pem + OWN.pem + junk,
    ):
        assert merged(bundle, [OWN.pem], NOW) == other.pem + OWN.pem


def test_what_a_bundle_holds():
    other = make(NAMES, "pod-a", NOW)
    assert certificates.holds(other.pem.replace(b"\n", b"\r\n") + OWN.pem, other.pem)
    for bundle in (b"", b"junk", OWN.pem):
        assert not certificates.holds(bundle, other.pem)


@given(st.binary(max_size=200) | st.just(b"-----BEGIN CERTIFICATE-----\nAAAA\n"))
def test_a_bundle_that_is_none_is_replaced(junk):
    assert merged(junk, [OWN.pem], NOW) == OWN.pem


OWN = make(NAMES, "own", NOW)
THREE = [make(NAMES, f"pod-{n}", NOW) for n in range(3)]
