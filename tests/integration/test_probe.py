"""Probe real registries: htpasswd, token service, TLS; indexes pushed with skopeo."""

import asyncio
import json
import re
import secrets
import subprocess
from base64 import b64encode
from hashlib import sha256

import pytest

from cluster import ocilayout
from cluster.registries import PUSHER
from regcred.core.credential import Credential, Password
from regcred.core.logins.image import parse_image
from regcred.core.problem import Reason
from regcred.core.registry.imagemanifest import OCI_INDEX
from regcred.core.registry.platform import Platform
from regcred.registry.prober import Prober

KINDS = ["htpasswd", "token"]
AMD64 = Platform("linux", "amd64")


def login(registry, username="", password=""):
    who = username or registry.username
    return Credential(registry.address, who, Password(password or registry.accounts()[who]))


async def probe(image, credential, platform=AMD64, **options):
    async with Prober(env={}, **options) as prober:
        answer = await prober.probe(parse_image(image), credential, platform)
    if credential is not None:
        assert credential.password.reveal() not in repr(answer)
    return answer


def push_index(registry, name, platforms, folder):
    """Push an index of one image for each platform; the reference, and the index's digest."""
    files, entries = {}, []
    for architecture, variant in platforms:
        layout = ocilayout.layout(architecture.encode(), path="/app", architecture=architecture)
        files |= layout
        entry = json.loads(layout["index.json"])["manifests"][0]
        if variant:
            entry["platform"]["variant"] = variant
        entries.append(entry)
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    digest = sha256(index).hexdigest()
    files[f"blobs/sha256/{digest}"] = index
    outer = {"mediaType": OCI_INDEX, "digest": f"sha256:{digest}", "size": len(index)}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [outer]}).encode()
    ocilayout.write_folder(files, folder / "layout")
    auth = b64encode(f"{PUSHER}:{registry.accounts()[PUSHER]}".encode()).decode()
    (folder / "auth.json").write_text(json.dumps({"auths": {registry.address: {"auth": auth}}}))
    reference = f"{registry.address}/{name}"
    command = ["skopeo", "--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false"]
    subprocess.run(
        [
            *command,
            f"--authfile={folder}/auth.json",
            f"oci:{folder}/layout",
            f"docker://{reference}",
        ],
        check=True,
    )
    return reference, f"sha256:{digest}"


@pytest.mark.parametrize("kind", KINDS)
async def test_image_is_there(cluster, kind):
    registry = cluster.registries[kind]
    answer = await probe(registry.image, login(registry))
    assert answer.reason == Reason.OK
    by_digest = f"{registry.address}/team/app@{answer.digest}"
    assert (await probe(by_digest, login(registry))).digest == answer.digest


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("team/app:none", "has no tag none in its repository team/app"),
        ("team/none:1", "has no repository team/none"),
        (f"team/app@sha256:{'0' * 64}", f"has no team/app@sha256:{'0' * 64}"),
    ],
)
async def test_tag_or_repository_or_digest_is_missing(cluster, kind, image, said):
    registry = cluster.registries[kind]
    answer = await probe(f"{registry.address}/{image}", login(registry))
    assert answer.reason == Reason.NOT_FOUND
    assert answer.message == f"{registry.address} {said}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("username", ["puller", "nobody"])
async def test_wrong_password(cluster, kind, username):
    registry = cluster.registries[kind]
    answer = await probe(registry.image, login(registry, username, "wr0ng-password"))
    assert answer.reason == Reason.UNAUTHORIZED
    assert f"does not accept user '{username}' with this password" in answer.message


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody(cluster, kind):
    answer = await probe(cluster.registries[kind].image, None)
    assert answer.reason == Reason.UNAUTHORIZED


async def test_identity_token(token_registry, identity_token):
    token = Credential(token_registry.address, "", Password(identity_token))
    assert (await probe(token_registry.image, token)).reason == Reason.OK
    unknown = Credential(token_registry.address, "", Password("unknown-token"))
    answer = await probe(token_registry.image, unknown)
    assert answer.reason == Reason.UNAUTHORIZED
    assert "does not accept this identity token" in answer.message


async def test_who_may_pull_nothing(token_registry):
    answer = await probe(token_registry.image, login(token_registry, "outsider"))
    assert answer.reason == Reason.FORBIDDEN
    assert "lets user 'outsider' in, but not pull team/app" in answer.message


@pytest.mark.parametrize("kind", KINDS)
async def test_platforms(cluster, kind, tmp_path):
    registry = cluster.registries[kind]
    reference, digest = push_index(
        registry, "team/many:1", [("amd64", ""), ("arm", "v6"), ("arm64", "")], tmp_path
    )
    present = ("linux/amd64", "linux/arm/v6", "linux/arm64")
    for wanted, chosen in [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm/v7", "linux/arm/v6"),
    ]:
        answer = await probe(reference, login(registry), Platform.parse(wanted))
        assert (answer.reason, answer.chosen) == (Reason.OK, chosen)
        assert (answer.digest, answer.platforms) == (digest, present)
    answer = await probe(reference, login(registry), Platform.parse("linux/s390x"))
    assert (answer.reason, answer.platforms) == (Reason.PLATFORM_MISSING, present)
    answer = await probe(f"{registry.address}/team/many@{digest}", login(registry))
    assert answer.reason == Reason.OK


async def test_certificate_of_an_unknown_ca(tls_registry, tmp_path):
    answer = await probe(tls_registry.image, login(tls_registry))
    assert answer.reason == Reason.UNREACHABLE
    assert "not trusted" in answer.message
    ca_file = str(tls_registry.ca_file)
    assert (await probe(tls_registry.image, login(tls_registry), ca_file=ca_file)).reason == "Ok"
    place = tmp_path / tls_registry.address
    place.mkdir()
    (place / "hosts.toml").write_text(f'ca = "{ca_file}"\n')
    answer = await probe(tls_registry.image, login(tls_registry), certs_dir=str(tmp_path))
    assert answer.reason == Reason.OK


async def test_requests_for_many_images(cluster, token_registry):
    """One token for all ten images, and one request for each once it is held."""
    run = f"count-{secrets.token_hex(4)}"
    images = [token_registry.push(f"{run}/app-{number}:1") for number in range(10)]
    pushed = len(_requests(cluster, run))
    async with Prober(env={}) as prober:
        answers = await asyncio.gather(
            *(prober.probe(parse_image(image), login(token_registry), AMD64) for image in images)
        )
    assert {answer.reason for answer in answers} == {Reason.OK}
    made = _requests(cluster, run)[pushed:]
    # The first finds out that a token is wanted, and that HEAD is known.
    assert len(made) == len(images) + 2
    assert sum(status == "401" for status in made) == 1


def _requests(cluster, run):
    """Statuses of the registry's answers about repositories of `run`, as it logs them."""
    log = cluster.folder.log("registry-token").read_text()
    return re.findall(rf'"[A-Z]+ /v2/{run}/\S+ HTTP/1.1" ([0-9]+) ', log)
