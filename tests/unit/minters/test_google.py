"""googleArtifactRegistry: google-auth as it is, against the servers that it asks."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from regcred.core.operator.source import SourceReason as Reason
from regcred.minters import google
from tests.support.providers import google as provider
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import failure
from tests.support.providers.google import IAM, OAUTH, PROVIDER, STS

REGISTRIES = ("europe-docker.pkg.dev/images", "gcr.io")
KEY = {"secretRef": {"name": "key"}}
IDENTITY = {"serviceAccount": "puller", "audience": PROVIDER}
NEW_KEY = "gcloud iam service-accounts keys create"


@pytest.fixture
def cloud(clock, issuer):
    return provider.Google(clock, issuer.url)


@pytest.fixture
def served(start, cloud, dns):
    """Google's real names lead here."""
    served = start(cloud.app, *provider.HOSTS)
    dns.update(dict.fromkeys(provider.HOSTS, served.port))
    return served


@pytest.fixture
def account(cloud):
    return cloud.account("puller")


@pytest.fixture
def key(account):
    return account.key_file()


@pytest.fixture
def from_file(desk, clock, issuer):
    """Mint with a key file: ``await from_file(FILE, {SETTINGS})``."""

    async def mint(file, settings=KEY, **options):
        text = file if isinstance(file, str | bytes) else json.dumps(file)
        return await google.mint(
            settings,
            await desk(
                *REGISTRIES,
                secrets={"key": {"key.json": text}},
                identity=issuer,
                now=clock,
                **options,
            ),
        )

    return mint


@pytest.fixture
def from_identity(desk, clock, issuer):
    """Mint with a ServiceAccount's token."""

    async def mint(**settings):
        made = await desk(*REGISTRIES, identity=issuer, now=clock)
        return await google.mint({"identity": IDENTITY} | settings, made)

    return mint


@pytest.fixture
def from_metadata(desk, clock):
    """Mint with what a metadata server has."""

    async def mint(host, **settings):
        made = await desk(*REGISTRIES, now=clock, env={"GCE_METADATA_HOST": host})
        return await google.mint(settings, made)

    return mint


def check(minted, cloud, principal):
    """The token is the principal's, for reading alone, and ends when it is said to."""
    first, second = minted.credentials
    assert (first.registry, second.registry) == REGISTRIES
    assert first.username == second.username == "oauth2accesstoken"
    assert first.password == second.password
    granted = cloud.tokens[first.password.reveal()]
    assert granted.principal == principal
    assert granted.scopes == {google.SCOPE}
    assert abs(granted.ends - minted.expires) < timedelta(seconds=30)
    assert (minted.handle, minted.warnings) == ("", ())


async def test_a_service_account_key(served, cloud, account, key, from_file):
    check(await from_file(key), cloud, account.email)
    assert [seen.headers["host"] for seen in served.requests] == [OAUTH]


async def test_a_key_may_name_a_token_endpoint_of_this_machine(start, cloud, account, from_file):
    here = start(cloud.app)
    check(await from_file(account.key_file(f"{here.url}/token")), cloud, account.email)


async def test_a_key_that_becomes_another_account(served, cloud, account, key, from_file):
    target = cloud.account("images", account.email)
    minted = await from_file(key, KEY | {"impersonate": target.email})
    check(minted, cloud, target.email)


async def test_a_service_account_of_the_cluster(served, cloud, issuer, from_identity):
    minted = await from_identity()
    check(minted, cloud, cloud.federated("puller"))
    assert all(token not in str(minted) for token in issuer.tokens)


@pytest.mark.parametrize("form", ["https://iam.googleapis.com/{}", "//iam.googleapis.com/{}"])
async def test_the_provider_may_be_written_in_full(served, cloud, from_identity, form):
    identity = IDENTITY | {"audience": form.format(PROVIDER)}
    check(await from_identity(identity=identity), cloud, cloud.federated("puller"))


async def test_a_service_account_of_the_cluster_that_becomes_one_of_google(
    served, cloud, from_identity
):
    target = cloud.account("images", cloud.federated("puller"))
    check(await from_identity(impersonate=target.email), cloud, target.email)


async def test_an_external_account_configuration(served, cloud, from_file):
    settings = KEY | {"identity": {"serviceAccount": "puller"}}
    minted = await from_file(provider.external_account(), settings)
    check(minted, cloud, cloud.federated("puller"))


async def test_an_external_account_configuration_that_impersonates(served, cloud, from_file):
    target = cloud.account("images", cloud.federated("puller"))
    file = provider.external_account(
        service_account_impersonation_url=provider.impersonation_url(target.email),
        service_account_impersonation={"token_lifetime_seconds": 1200},
    )
    minted = await from_file(file, KEY | {"identity": {"serviceAccount": "puller"}})
    check(minted, cloud, target.email)
    (asked,) = [seen for seen in served.requests if seen.headers["host"] == IAM]
    assert asked.json["lifetime"] == "1200s"


async def test_a_provider_with_an_audience_of_its_own(served, cloud, from_file):
    cloud.audience = "registries"
    identity = {"serviceAccount": "puller", "audience": "registries"}
    minted = await from_file(provider.external_account(), KEY | {"identity": identity})
    check(minted, cloud, cloud.federated("puller"))


async def test_the_metadata_server(start, cloud, from_metadata):
    metadata = start(provider.Metadata(cloud, "node", google.SCOPE).app)
    check(await from_metadata(metadata.host), cloud, "node")


async def test_a_metadata_server_that_gives_less_where_less_is_asked_for(
    start, cloud, from_metadata
):
    metadata = provider.Metadata(cloud, "node")
    metadata.narrows = True
    check(await from_metadata(start(metadata.app).host), cloud, "node")


async def test_the_metadata_server_by_its_own_name(start, cloud, desk, dns):
    metadata = start(provider.Metadata(cloud, "node", google.SCOPE).app)
    dns["metadata.google.internal"] = metadata.port
    check(await google.mint({}, await desk(*REGISTRIES)), cloud, "node")


async def test_the_metadata_servers_account_becomes_another(start, served, cloud, from_metadata):
    cloud.lifetime = timedelta(minutes=1)  # It hands out what it has, however long that lasts.
    metadata = provider.Metadata(cloud, "node")
    metadata.narrows = True
    metadata = start(metadata.app)
    target = cloud.account("images", "node")
    minted = await from_metadata(metadata.host, impersonate=target.email)
    check(minted, cloud, target.email)


async def test_a_clock_that_is_wrong_is_told_of(served, key, clock, from_file):
    clock.forward(timedelta(minutes=2))
    (warning,) = (await from_file(key)).warnings
    assert warning.startswith(f"the clock of {OAUTH} is 1")
    assert "behind" in warning


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"impersonate": "puller"}, "impersonate"),
        ({"impersonate": "a@b.gserviceaccount.com/../x"}, "impersonate"),
        ({"impersonate": 5}, "impersonate"),
        ({"identity": "puller"}, "identity"),
        ({"identity": {"audience": PROVIDER}}, "serviceAccount"),
        ({"identity": {"serviceAccount": "puller"}}, "identity.audience"),
        ({"identity": IDENTITY | {"audience": PROVIDER.replace("123456789", "images")}}, "NUMBER"),
        ({"identity": IDENTITY | {"audience": f"http:{PROVIDER}"}}, "identity.audience"),
        ({"secretRef": "key"}, "secretRef"),
        ({"secretRef": {}}, "name"),
        ({"secretRef": {"name": "other"}}, "Secret other"),
        ({"secretRef": {"name": "key", "key": "x"}}, "no key x; it has key.json"),
        (KEY | {"identity": IDENTITY}, "exclude each other"),
    ],
)
async def test_settings_that_cannot_be_meant(key, from_file, settings, says):
    error = await failure(from_file(key, settings), hides=[key["private_key"]])
    assert error.reason == Reason.NOT_CONFIGURED
    assert says in error.message


@pytest.mark.parametrize("name", ["client_email", "private_key", "token_uri"])
@pytest.mark.parametrize("value", [None, "", 5])
async def test_a_key_without_a_field(key, from_file, name, value):
    secret = key["private_key"]
    error = await failure(from_file(key | {name: value}), hides=[secret])
    assert (error.reason, NEW_KEY in error.hint) == (Reason.NOT_CONFIGURED, True)
    assert error.message == f"the service account key has no {name}"


@pytest.mark.parametrize(
    "file",
    ["", "{", "[]", "5", "null", "[" * 100_000, {}, {"type": "authorized_user"}, {"type": ["x"]}],
)
async def test_other_files(from_file, file):
    error = await failure(from_file(file), hides=[])
    assert error.reason == Reason.NOT_CONFIGURED


async def test_a_private_key_that_is_none(key, from_file):
    broken = key["private_key"].replace("A", "B")
    for pem in (broken, "x", key["private_key"][:200]):
        error = await failure(from_file(key | {"private_key": pem}), hides=[pem])
        assert error.reason == Reason.NOT_CONFIGURED
        assert "private_key" in error.message


async def test_another_universe(key, from_file):
    error = await failure(from_file(key | {"universe_domain": "example.com"}), hides=[])
    assert error.reason == Reason.NOT_CONFIGURED


HOSTILE = [
    "http://oauth2.googleapis.com/token",
    "https://oauth2.googleapis.com.example.com/token",
    "https://examplegoogleapis.com/token",
    "https://user@oauth2.googleapis.com/token",
    "https://example.com/token",
    "https://169.254.169.254/token",
    "http://metadata.google.internal/computeMetadata/v1/instance",
    "file:///var/run/secrets/kubernetes.io/serviceaccount/token",
    "https://oauth2.googleapis.com\\@example.com/token",
    "gopher://x",
]


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_key_that_leads_elsewhere_sends_nothing(key, dns, served, from_file, url):
    dns["example.com"] = dns["metadata.google.internal"] = served.port
    error = await failure(from_file(key | {"token_uri": url}), hides=[key["private_key"]])
    assert error.reason == Reason.NOT_CONFIGURED
    assert error.message.startswith("token_uri of the key")
    assert served.requests == []


@pytest.mark.parametrize("url", HOSTILE)
@pytest.mark.parametrize("name", ["token_url", "service_account_impersonation_url"])
async def test_a_configuration_that_leads_elsewhere_sends_nothing(
    dns, served, issuer, from_file, name, url
):
    dns["example.com"] = dns["metadata.google.internal"] = served.port
    file = provider.external_account(**{name: url})
    settings = KEY | {"identity": {"serviceAccount": "puller"}}
    error = await failure(from_file(file, settings), hides=issuer.tokens)
    assert error.reason == Reason.NOT_CONFIGURED
    assert error.message.startswith(f"{name} of the configuration")
    assert (served.requests, issuer.tokens) == ([], [])


SOURCES = [
    {"file": "/etc/passwd"},
    {"url": "http://169.254.169.254/latest/meta-data"},
    {"executable": {"command": "/bin/sh -c id", "timeout_millis": 5000}},
    {"certificate": {"use_default_certificate_config": True}},
    {"environment_id": "aws1", "region_url": "http://169.254.169.254/"},
]


@pytest.mark.parametrize("source", SOURCES)
async def test_a_credential_source_is_never_looked_at(
    served, cloud, from_file, monkeypatch, source
):
    # Without this the SDK runs no command, whoever asks it to.
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    file = provider.external_account(credential_source=source)
    error = await failure(from_file(file), hides=["root:"])
    assert error.reason == Reason.NOT_CONFIGURED
    assert "credential_source" in error.message
    assert error.hint.startswith("identity.serviceAccount")
    assert served.requests == []
    settings = KEY | {"identity": {"serviceAccount": "puller"}}
    check(await from_file(file, settings), cloud, cloud.federated("puller"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"audience": ""}, "audience"),
        ({"audience": 5}, "audience"),
        ({"subject_token_type": None}, "subject_token_type"),
        ({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}, "JWT"),
        ({"token_url": ["x"]}, "token_url"),
        ({"token_url": ""}, "token_url"),
        ({"service_account_impersonation_url": f"https://{IAM}/v1/x"}, "is none"),
        ({"service_account_impersonation": "x"}, "service_account_impersonation"),
        ({"service_account_impersonation": {"token_lifetime_seconds": 5}}, "600"),
    ],
)
async def test_a_configuration_that_cannot_be_meant(from_file, changes, says):
    settings = KEY | {"identity": {"serviceAccount": "puller"}}
    error = await failure(from_file(provider.external_account(**changes), settings), hides=[])
    assert error.reason == Reason.NOT_CONFIGURED
    assert says in error.message


async def refused(minting, reason, *says, hides=()):
    error = await failure(minting, hides=hides)
    assert error.reason == reason
    for each in says:
        assert each in f"{error.message} | {error.hint}"
    return error


async def test_a_key_that_was_deleted(served, account, key, from_file):
    account.keys.clear()
    await refused(
        from_file(key),
        Reason.BAD_CREDENTIALS,
        f"{OAUTH} gives no access token (400): invalid_grant: Invalid JWT Signature",
        "gcloud iam service-accounts keys list",
        hides=[key["private_key"]],
    )


async def test_a_key_of_another_account(served, key, from_file):
    file = key | {"client_email": "gone@images.iam.gserviceaccount.com"}
    await refused(from_file(file), Reason.BAD_CREDENTIALS, "account not found")


async def test_a_clock_that_is_too_wrong(served, key, clock, from_file):
    clock.forward(timedelta(hours=2))
    await refused(from_file(key), Reason.BAD_CREDENTIALS, "short-lived token", "clock here")


async def test_a_service_account_of_the_cluster_that_is_not_let_in(served, issuer, from_identity):
    await refused(
        from_identity(identity=IDENTITY | {"serviceAccount": "other"}),
        Reason.NO_PERMISSION,
        f"{STS} gives no access token (401): unauthorized_client",
        "attribute condition",
        hides=issuer.tokens,
    )


async def test_a_provider_that_wants_another_audience(served, cloud, issuer, from_identity):
    cloud.audience = "registries"
    await refused(
        from_identity(), Reason.BAD_CREDENTIALS, "audience", "provider", hides=issuer.tokens
    )


async def test_a_provider_that_is_not_there(served, from_identity):
    identity = IDENTITY | {"audience": PROVIDER.replace("clusters", "others")}
    await refused(
        from_identity(identity=identity), Reason.NOT_CONFIGURED, "invalid_target", "enabled"
    )


async def test_an_account_that_may_not_become_the_other(served, cloud, key, from_file):
    target = cloud.account("images")
    await refused(
        from_file(key, KEY | {"impersonate": target.email}),
        Reason.NO_PERMISSION,
        f"{IAM} gives no access token (403): PERMISSION_DENIED",
        "roles/iam.serviceAccountTokenCreator",
        hides=cloud.tokens,
    )


async def test_an_account_to_become_that_is_not_there(served, key, from_file):
    settings = KEY | {"impersonate": "gone@images.iam.gserviceaccount.com"}
    await refused(from_file(key, settings), Reason.NOT_CONFIGURED, "(404)", "accounts list")


async def test_a_node_with_narrow_scopes_becomes_nobody(start, served, cloud, from_metadata):
    metadata = start(provider.Metadata(cloud, "node", google.SCOPE).app)
    target = cloud.account("images", "node")
    await refused(
        from_metadata(metadata.host, impersonate=target.email),
        Reason.NO_PERMISSION,
        "insufficient authentication scopes",
        "cloud-platform",
        hides=cloud.tokens,
    )


async def test_an_api_that_is_not_enabled(served, cloud, account, key, from_file):
    target = cloud.account("images", account.email)
    error = provider.api_error(403, "PERMISSION_DENIED", "It is disabled.", "SERVICE_DISABLED")
    served.instead(403, error.body, path="/v1/projects")
    await refused(
        from_file(key, KEY | {"impersonate": target.email}),
        Reason.NOT_CONFIGURED,
        "gcloud services enable iamcredentials.googleapis.com",
    )


@pytest.mark.parametrize(
    ("status", "body", "reason", "says"),
    [
        (401, {"error": "invalid_client"}, Reason.BAD_CREDENTIALS, "invalid_client"),
        (401, {"error": "deleted_client"}, Reason.BAD_CREDENTIALS, "deleted_client"),
        (400, {"error": "invalid_scope"}, Reason.NOT_CONFIGURED, "invalid_scope"),
        (400, {"error": "org_internal"}, Reason.NO_PERMISSION, "org_internal"),
        (400, {"error": "something_new"}, Reason.NOT_CONFIGURED, "something_new"),
        (403, {"error": "access_denied"}, Reason.NO_PERMISSION, "access_denied"),
        (404, "<html>Not found</html>", Reason.NOT_CONFIGURED, "(404)"),
        (429, {"error": "rate_limit_exceeded"}, Reason.THROTTLED, "(429)"),
        (500, {"error": "internal_failure"}, Reason.UNREACHABLE, "(500)"),
        (503, {"error": "invalid_grant"}, Reason.UNREACHABLE, "(503)"),
        (502, "<html>", Reason.UNREACHABLE, "(502)"),
        (418, "", Reason.MINT_FAILED, "(418)"),
        (403, [1, 2], Reason.NO_PERMISSION, "(403)"),
        (400, {"error": {"status": 5, "details": "x"}}, Reason.NOT_CONFIGURED, "(400)"),
        (400, {"error": {"details": [5, {"reason": []}]}}, Reason.NOT_CONFIGURED, "(400)"),
        (307, "", Reason.NOT_CONFIGURED, "sends us elsewhere"),
    ],
)
async def test_refusals(served, key, from_file, status, body, reason, says):
    moved = {"Location": "https://example.com/"} if status == 307 else {}
    served.instead(status, body, headers={"Retry-After": "7", **moved})
    error = await refused(from_file(key), reason, says, OAUTH, hides=[key["private_key"]])
    assert "html" not in error.message
    assert error.retry_after == (None if moved else 7)
    assert len(served.requests) == 1  # Who tries again, and when, is not the SDK's to say.


GARBAGE = [
    "<html>",
    "",
    "[]",
    [],
    5,
    {},
    {"access_token": "ya29.secret-of-google"},
    {"access_token": "ya29.secret-of-google", "expires_in": "soon"},
    {"access_token": "ya29.secret-of-google", "expires_in": -5},
    {"access_token": "ya29.secret-of-google", "expires_in": 1e300},
    {"access_token": "ya29.secret-of-google", "expires_in": [3600]},
    {"access_token": "ya29.secret-of-google", "expires_in": {"a": "b"}},
    {"access_token": ["ya29.secret-of-google"], "expires_in": 3600},
    {"access_token": "", "expires_in": 3600},
    {"expires_in": 3600},
]


@pytest.mark.parametrize("body", GARBAGE)
async def test_answers_that_are_none(start, served, cloud, key, body, from_file, from_identity,
                                     from_metadata):  # fmt: skip
    served.instead(200, body)
    metadata = start(provider.Metadata(cloud, "node").app)
    metadata.instead(200, body)
    for minting, host in (
        (from_file(key), OAUTH),
        (from_identity(), STS),
        (from_metadata(metadata.host), metadata.host),
    ):
        await refused(minting, Reason.MINT_FAILED, host, hides=["secret-of-google"])


@pytest.mark.parametrize(
    "body",
    [
        {"accessToken": "ya29.secret-of-google"},
        {"accessToken": "ya29.secret-of-google", "expireTime": "soon"},
        {"accessToken": "ya29.secret-of-google", "expireTime": 5},
        {"accessToken": "ya29.secret-of-google", "expireTime": "2015-01-01T00:00:00Z"},
        {"accessToken": {}, "expireTime": "2999-01-01T00:00:00Z"},
        "<html>",
        [],
    ],
)
async def test_answers_of_impersonation_that_are_none(served, cloud, account, key, from_file, body):
    target = cloud.account("images", account.email)
    served.instead(200, body, path="/v1/projects")
    await refused(
        from_file(key, KEY | {"impersonate": target.email}),
        Reason.MINT_FAILED,
        IAM,
        hides=["secret-of-google"],
    )


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        (403, Reason.NO_PERMISSION, "roles/iam.workloadIdentityUser"),
        (404, Reason.NOT_CONFIGURED, "give the instance a service account"),
        (429, Reason.THROTTLED, "(429)"),
        (500, Reason.UNREACHABLE, "(500)"),
        (302, Reason.NOT_CONFIGURED, "sends us elsewhere"),
    ],
)
async def test_refusals_of_the_metadata_server(start, cloud, from_metadata, status, reason, says):
    metadata = start(provider.Metadata(cloud, "node").app)
    metadata.instead(status, "Unable to generate access token", headers={"Location": "/x"})
    await refused(from_metadata(metadata.host), reason, says, metadata.host)


async def test_there_is_no_metadata_server(desk, from_metadata, unreachable):
    for minting in (from_metadata(unreachable), google.mint({}, await desk(*REGISTRIES))):
        await refused(minting, Reason.UNREACHABLE, "outside of Google Cloud give secretRef")


async def test_nobody_answers(key, from_file, served, from_identity, unreachable, dns):
    served.hang_up()
    await refused(from_file(key), Reason.UNREACHABLE, f"{OAUTH} cannot be reached", "hangs up")
    dns[STS] = int(unreachable.rpartition(":")[2])
    await refused(from_identity(), Reason.UNREACHABLE, f"{STS} cannot be reached")


async def test_the_sdk_is_missing(key, from_file, from_identity, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    for minting in (from_file(key), from_identity()):
        await refused(minting, Reason.NOT_CONFIGURED, "pip install 'regcred[google]'")


async def test_nothing_of_it_is_logged(served, cloud, key, issuer, caplog, from_file,
                                       from_identity):  # fmt: skip
    caplog.set_level("DEBUG")
    minted = [await from_file(key), await from_identity()]
    said = caplog.text + repr(minted)
    for secret in (*key["private_key"].splitlines()[1:-1], *issuer.tokens, *cloud.tokens):
        assert secret not in said


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_made_up_for(served, cloud, issuer, desk, hours):
    target = cloud.account("images", cloud.federated("puller"))
    there = await desk(*REGISTRIES, identity=issuer, now=off(timedelta(hours=hours)))
    minted = await google.mint({"identity": IDENTITY, "impersonate": target.email}, there)
    ends = cloud.tokens[minted.credentials[0].password.reveal()].ends
    assert abs(minted.expires - ends - timedelta(hours=hours)) < CLOSE


async def test_the_metadata_server_is_asked_past_all_proxies(start, cloud, desk, dns, unreachable):
    metadata = start(provider.Metadata(cloud, "node", google.SCOPE).app)
    dns["metadata.google.internal"] = metadata.port
    there = await desk(*REGISTRIES, env={"HTTP_PROXY": f"http://{unreachable}"})
    check(await google.mint({}, there), cloud, "node")


async def test_the_sdk_leaves_the_loop_a_thread_to_look_names_up(
    served, cloud, account, key, from_file
):
    only = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(only)
    check(await from_file(key), cloud, account.email)
