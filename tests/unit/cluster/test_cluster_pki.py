import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509

from cluster.pki import Authority


def load(files):
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def test_files_are_private(tmp_path):
    authority = Authority(tmp_path, "ca")
    authority.client("ann", "ann")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_client_certificate_names_user_and_groups(tmp_path):
    certificate = load(Authority(tmp_path, "ca").client("ann", "ann", ("a", "b")))
    assert certificate.subject.rfc4514_string() == "CN=ann,O=b,O=a"


def test_expired_certificate_was_valid_once(tmp_path):
    files = Authority(tmp_path, "ca").client("ann", "ann", valid_for=-timedelta(days=1))
    certificate = load(files)
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc < datetime.now(UTC)


def test_authority_is_read_again(tmp_path):
    first = Authority(tmp_path, "ca")
    issued = load(Authority(tmp_path, "ca").server("a", ("localhost", "127.0.0.1")))
    issued.verify_directly_issued_by(load(first.files))
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_handshake_as_strict_as_python_has_it(tmp_path):
    authority = Authority(tmp_path, "ca")
    files = authority.server("a", ("localhost",))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(files.certificate, files.key)
    client_side = ssl.create_default_context(cafile=authority.files.certificate)
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server, server_hostname="localhost")
    done = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"
