"""ECR: boto3 as it is, against moto behind what AWS checks first."""

import base64
import sys
from datetime import timedelta

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from regcred.core.credential import Password
from regcred.core.operator.source import SourceReason as Reason
from regcred.minters import ecr
from regcred.minters.awsfailures import Question, translate
from tests.support.providers import aws, awsplatform
from tests.support.providers.clocks import CLOSE, off
from tests.support.providers.desk import OWNER, failure
from tests.support.providers.serving import Clock

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ECR, STS = "api.ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"
PUBLIC = "api.ecr-public.us-east-1.amazonaws.com"
KEYS = {"secretRef": {"name": "aws"}}
IDENTITY = {"roleArn": aws.FEDERATED, "identity": {"serviceAccount": aws.SERVICE_ACCOUNT}}


@pytest.fixture(scope="module")
def account():
    with aws.moto() as account:
        yield account


@pytest.fixture
def cloud(account, clock, issuer):
    return aws.Aws(account, clock, issuer.url)


@pytest.fixture
def served(start, cloud, dns, monkeypatch):
    """The real names of AWS lead here."""
    served = start(cloud.app, *aws.HOSTS)
    dns.update(dict.fromkeys(aws.HOSTS, served.port))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return served


@pytest.fixture
def mint(desk, account, clock, issuer, served):
    """Mint with a user's keys, or as the settings say."""

    async def mint(*registries, keys=None, issued_by=issuer, **settings):
        secrets = {"aws": data(keys or account.puller)}
        options = {"secrets": secrets, "identity": issued_by, "now": clock}
        made = await desk(*(registries or [REGISTRY]), **options)
        return await ecr.mint(settings or KEYS, made)

    return mint


@pytest.fixture
def from_platform(desk, served, clock):
    """Mint with what the environment says."""

    async def mint(*registries, **settings):
        return await ecr.mint(settings, await desk(*(registries or [REGISTRY]), now=clock))

    return mint


@pytest.fixture
def irsa(monkeypatch, tmp_path, issuer):
    """A Pod whose ServiceAccount has a role."""
    file = tmp_path / "token"
    file.write_text(issuer.token(aws.SERVICE_ACCOUNT, aws.AUDIENCE))
    monkeypatch.setenv("AWS_ROLE_ARN", aws.FEDERATED)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    return file


@pytest.fixture
def agent(monkeypatch, tmp_path, start, cloud):
    """A Pod on a node with EKS Pod Identity's agent."""
    agent = start(awsplatform.PodIdentity(cloud, "token-of-the-pod").app)
    file = tmp_path / "token"
    file.write_text("token-of-the-pod")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(file))
    return agent


@pytest.fixture
def instance(monkeypatch, start, cloud, served):
    """A machine that has a role."""
    there = start(awsplatform.InstanceMetadata(cloud).app)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", there.url)
    return there


def data(keys):
    held = {"access-key-id": keys.id, "secret-access-key": keys.secret}
    return held | ({"session-token": keys.session} if keys.session else {})


def check(minted, cloud):
    """Each login was given for it, and the first of them ends when it is said to."""
    given = [cloud.tokens[each.password.reveal()] for each in minted.credentials]
    assert {each.username for each in minted.credentials} == {"AWS"}
    assert abs(min(given) - minted.expires) < timedelta(seconds=1)
    assert (minted.handle, minted.warnings) == ("", ())


def asked(served, host):
    return [seen for seen in served.requests if seen.headers["host"] == host]


async def test_keys_of_a_secret(mint, cloud):
    minted = await mint()
    check(minted, cloud)
    assert [each.registry for each in minted.credentials] == [REGISTRY]
    assert minted.expires.utcoffset() is not None


async def test_keys_with_a_session(mint, cloud):
    check(await mint(keys=cloud.session()), cloud)


async def test_a_role_of_a_user(mint, cloud, served):
    check(await mint(**KEYS, roleArn=aws.PULLER), cloud)
    (sts,), (token,) = asked(served, STS), asked(served, ECR)
    assert f"RoleSessionName={OWNER}" in sts.body.decode()
    assert "x-amz-security-token" in token.headers


async def test_a_role_that_asks_for_an_external_id(mint, cloud, account):
    check(await mint(**KEYS, roleArn=aws.PARTNER, externalId=aws.EXTERNAL_ID), cloud)
    for external in ({}, {"externalId": "regcred/43"}):
        await refused(
            mint(**KEYS, roleArn=aws.PARTNER, **external),
            Reason.NO_PERMISSION,
            f"{STS} gives no session of {aws.PARTNER}: AccessDenied",
            "externalId",
            hides=[account.puller.secret],
        )


async def test_a_service_account_of_the_cluster(mint, cloud, served, issuer):
    check(await mint(**IDENTITY), cloud)
    (sts,) = asked(served, STS)
    assert "authorization" not in sts.headers
    assert len(issuer.tokens) == 1


async def test_keys_of_the_environment(from_platform, cloud, account, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.puller.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.puller.secret)
    check(await from_platform(), cloud)
    check(await from_platform(roleArn=aws.PULLER), cloud)


async def test_a_role_of_the_operators_service_account(from_platform, cloud, irsa):
    check(await from_platform(), cloud)


async def test_pod_identity(from_platform, cloud, agent):
    check(await from_platform(), cloud)


async def test_an_instances_role(from_platform, cloud, instance):
    check(await from_platform(), cloud)


@pytest.mark.parametrize("way", ["agent", "instance"])
async def test_no_proxy_is_asked_who_we_are(
    request, from_platform, cloud, served, monkeypatch, unreachable, way
):
    there = request.getfixturevalue(way)
    monkeypatch.setenv("HTTP_PROXY", f"http://{unreachable}")
    # Elsewhere this machine needs no proxy anyhow.
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda *_: False)
    check(await from_platform(), cloud)
    assert there.requests


@pytest.mark.parametrize(
    "registry",
    [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team",
        "123456789012.dkr.ecr-fips.eu-west-1.amazonaws.com",
        "123456789012.dkr-ecr.eu-west-1.on.aws",
        "123456789012.dkr-ecr-fips.eu-west-1.on.aws",
        "*.dkr.ecr.eu-west-1.amazonaws.com",
        "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com:443/v2/",
    ],
)
async def test_the_registrys_name_says_the_region(mint, cloud, served, registry):
    minted = await mint(registry)
    check(minted, cloud)
    assert [each.registry for each in minted.credentials] == [registry]
    assert len(asked(served, ECR)) == 1


@pytest.mark.parametrize("registry", ["*.dkr.ecr.*.amazonaws.com", "images.example.com"])
async def test_the_settings_say_the_region(mint, cloud, served, registry):
    check(await mint(registry, **KEYS, region="eu-west-1"), cloud)
    assert len(asked(served, ECR)) == 1


async def test_several_accounts_and_regions(mint, cloud, served):
    other = REGISTRY.replace("123456789012", "210987654321")
    far = REGISTRY.replace("eu-west-1", "us-east-1")
    minted = await mint(REGISTRY, other, far, "public.ecr.aws", "ecr-public.aws.com", **KEYS)
    check(minted, cloud)
    here, there, away, public, dual = [each.password.reveal() for each in minted.credentials]
    assert (here, public) == (there, dual)
    assert len({here, away, public}) == 3
    hosts = [seen.headers["host"] for seen in served.requests]
    assert hosts == [ECR, "api.ecr.us-east-1.amazonaws.com", PUBLIC]


async def test_the_first_that_ends_counts(mint, cloud):
    left = iter([timedelta(hours=12), timedelta(minutes=5)])

    def shorter(found):
        cloud.lifetime = next(left, cloud.lifetime)
        return found

    cloud.answer = shorter
    check(await mint(REGISTRY, REGISTRY.replace("eu-west-1", "us-east-1"), "public.ecr.aws"), cloud)
    assert cloud.lifetime == timedelta(minutes=5)


async def test_a_clock_that_is_wrong_is_told_of(mint, clock):
    clock.forward(timedelta(minutes=3))
    (warning,) = (await mint(**KEYS)).warnings
    assert warning.startswith(f"the clock of {ECR} is 1")
    assert warning.endswith("s behind the one here")


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_made_up_for(desk, account, cloud, served, hours):
    ours = off(timedelta(hours=hours))
    there = await desk(REGISTRY, secrets={"aws": data(account.puller)}, now=ours)
    minted = await ecr.mint(KEYS, there)
    (ends,) = cloud.tokens.values()
    assert abs(minted.expires - ends - timedelta(hours=hours)) < CLOSE


async def test_what_a_clock_that_is_behind_would_take_for_alive(desk, account, cloud, served):
    ours = off(timedelta(hours=-2))
    cloud.lifetime = timedelta(seconds=-1)
    there = await desk(REGISTRY, secrets={"aws": data(account.puller)}, now=ours)
    await refused(ecr.mint(KEYS, there), Reason.MINT_FAILED, "ended", "clock")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"region": "Europe"}, "region"),
        ({"region": 5}, "region"),
        (KEYS | {"roleArn": "puller"}, "roleArn"),
        (KEYS | {"roleArn": aws.PULLER.replace(":role/", ":user/")}, "roleArn"),
        (KEYS | {"externalId": "regcred/42"}, "externalId needs roleArn"),
        (IDENTITY | {"externalId": "regcred/42"}, "no meaning with identity"),
        (KEYS | {"roleArn": aws.PARTNER, "externalId": "4"}, "externalId"),
        (KEYS | {"roleArn": aws.PARTNER, "externalId": "4 2"}, "externalId"),
        (KEYS | {"roleArn": aws.PARTNER, "externalId": 42}, "externalId"),
        (IDENTITY | KEYS, "exclude each other"),
        ({"identity": {"serviceAccount": "puller"}}, "identity needs roleArn"),
        (IDENTITY | {"identity": {}}, "serviceAccount"),
        (IDENTITY | {"identity": "puller"}, "identity"),
        ({"secretRef": "aws"}, "secretRef"),
        ({"secretRef": {}}, "name"),
        ({"secretRef": {"name": "other"}}, "Secret other"),
        ({"secretRef": {"name": "aws", "key": "x"}}, "secretRef.key"),
    ],
)
async def test_settings_that_cannot_be_meant(mint, account, settings, says):
    error = await failure(mint(**settings), hides=[account.puller.secret])
    assert error.reason == Reason.NOT_CONFIGURED
    assert says in error.message


@pytest.mark.parametrize("name", ["access-key-id", "secret-access-key", "session-token"])
@pytest.mark.parametrize("value", [None, "", b"\xff"])
async def test_a_secret_without_a_key(desk, account, served, name, value):
    held = data(account.puller) | {name: value}
    held = {key: each for key, each in held.items() if each is not None}
    minting = ecr.mint(KEYS, await desk(REGISTRY, secrets={"aws": held}))
    if (name, value) == ("session-token", None):
        assert (await minting).credentials
        return
    error = await failure(minting, hides=[account.puller.secret])
    assert error.reason == Reason.NOT_CONFIGURED
    assert name in error.message


@pytest.mark.parametrize(
    "registry",
    [
        "*.dkr.ecr.*.amazonaws.com",
        "123456789012.dkr.ecr.eu-*.amazonaws.com",
        "123456789012.dkr.ecr.europe.amazonaws.com",
        "123456789012.dkr.ecr.amazonaws.com",
        "images.example.com",
        "ghcr.io",
        "[",
    ],
)
async def test_nobody_says_the_region(mint, registry):
    error = await failure(mint(registry), hides=[])
    assert error.reason == Reason.NOT_CONFIGURED


async def test_there_is_no_registry(desk):
    error = await failure(ecr.mint({}, await desk()), hides=[])
    assert error.reason == Reason.NOT_CONFIGURED


async def refused(minting, reason, *says, hides=()):
    error = await failure(minting, hides=hides)
    assert error.reason == reason
    for each in says:
        assert each in f"{error.message} | {error.hint}"
    return error


async def test_keys_that_are_not_known(mint):
    keys = aws.Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    message = f"{ECR} gives no authorization token (eu-west-1): UnrecognizedClientException"
    hint = "aws iam list-access-keys"
    await refused(mint(keys=keys), Reason.BAD_CREDENTIALS, message, hint, hides=[keys.secret])
    await refused(
        mint(**KEYS, roleArn=aws.PULLER, keys=keys),
        Reason.BAD_CREDENTIALS,
        f"{STS} gives no session of {aws.PULLER}: InvalidClientTokenId",
        hides=[keys.secret],
    )


async def test_a_secret_key_of_another(mint, account):
    keys = aws.Keys(account.puller.id, account.nobody.secret)
    await refused(
        mint(keys=keys),
        Reason.BAD_CREDENTIALS,
        "InvalidSignatureException",
        "whether the secret key belongs to its id",
        hides=[keys.secret],
    )


async def test_a_clock_that_is_too_wrong(mint, account, clock):
    clock.forward(timedelta(minutes=20))
    await refused(
        mint(), Reason.BAD_CREDENTIALS, "the clock here is right", hides=[account.puller.secret]
    )


async def test_a_session_that_has_ended(mint, cloud):
    keys = cloud.session(lasts=timedelta(seconds=-1))
    await refused(
        mint(keys=keys),
        Reason.BAD_CREDENTIALS,
        "ExpiredToken",
        hides=[keys.secret, keys.session],
    )


async def test_a_user_who_may_nothing(mint, account):
    keys = account.nobody
    await refused(
        mint(keys=keys),
        Reason.NO_PERMISSION,
        "AccessDeniedException",
        "user/nobody is not authorized to perform: ecr:GetAuthorizationToken",
        "AmazonEC2ContainerRegistryPullOnly",
        hides=[keys.secret],
    )
    await refused(
        mint("public.ecr.aws", keys=keys),
        Reason.NO_PERMISSION,
        f"{PUBLIC} gives no authorization token",
        "sts:GetServiceBearerToken",
        hides=[keys.secret],
    )


@pytest.mark.parametrize("role", [aws.CLOSED, aws.PULLER.replace("puller", "gone")])
async def test_a_role_that_may_not_be_assumed(mint, account, role):
    await refused(
        mint(**KEYS, roleArn=role),
        Reason.NO_PERMISSION,
        f"{STS} gives no session of {role}: AccessDenied",
        "trust policy",
        hides=[account.puller.secret],
    )


async def test_a_role_that_may_nothing(mint):
    await refused(
        mint(**KEYS, roleArn=aws.POWERLESS),
        Reason.NO_PERMISSION,
        f"{ECR} gives no authorization token (eu-west-1) to {aws.POWERLESS}: AccessDenied",
        "allow ecr:GetAuthorizationToken",
    )


async def test_a_service_account_that_may_not_have_the_role(mint, issuer):
    await refused(
        mint(**IDENTITY | {"identity": {"serviceAccount": "other"}}),
        Reason.NO_PERMISSION,
        f"gives no session of {aws.FEDERATED}: AccessDenied",
        "system:serviceaccount:",
        hides=issuer.tokens,
    )


async def test_an_audience_that_the_account_does_not_know(mint, issuer):
    identity = {"serviceAccount": aws.SERVICE_ACCOUNT, "audience": "registries"}
    await refused(
        mint(**IDENTITY | {"identity": identity}),
        Reason.BAD_CREDENTIALS,
        "InvalidIdentityToken",
        "OIDC provider",
        hides=issuer.tokens,
    )


async def test_a_token_of_the_cluster_that_has_ended(mint, issuer):
    async def late(account, audience):
        return Password(issuer.token(account, audience, lifetime=timedelta(seconds=-5)))

    await refused(
        mint(**IDENTITY, issued_by=late),
        Reason.BAD_CREDENTIALS,
        "ExpiredTokenException",
        hides=issuer.tokens,
    )


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "ThrottlingException", Reason.THROTTLED),
        (429, "TooManyRequestsException", Reason.THROTTLED),
        (429, "", Reason.THROTTLED),
        (400, "InvalidParameterException", Reason.NOT_CONFIGURED),
        (404, "UnknownOperationException", Reason.NOT_CONFIGURED),
        (403, "OptInRequired", Reason.NO_PERMISSION),
        (403, "IncompleteSignature", Reason.BAD_CREDENTIALS),
        (400, "RequestExpired", Reason.BAD_CREDENTIALS),
        (500, "ServerException", Reason.UNREACHABLE),
        (503, "ServiceUnavailable", Reason.UNREACHABLE),
        (502, "", Reason.UNREACHABLE),
        (302, "", Reason.NOT_CONFIGURED),
        (307, "", Reason.NOT_CONFIGURED),
        (400, "SomethingNew", Reason.MINT_FAILED),
        (418, "", Reason.MINT_FAILED),
    ],
)
async def test_refusals(mint, account, served, status, code, reason):
    body = {"__type": f"com.amazonaws.ecr#{code}", "message": "secret words"} if code else ""
    headers = {"Location": "https://example.com/", "Retry-After": "7"}
    served.instead(status, body, headers=headers)
    error = await refused(mint(), reason, ECR, code or f"({status})", hides=[account.puller.secret])
    assert error.retry_after == 7
    assert reason == Reason.NO_PERMISSION or "secret words" not in error.message
    assert len(served.requests) <= 2


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "IDPCommunicationError", Reason.UNREACHABLE),
        (403, "IDPRejectedClaim", Reason.BAD_CREDENTIALS),
        (403, "RegionDisabledException", Reason.NOT_CONFIGURED),
        (400, "Throttling", Reason.THROTTLED),
        (400, "ValidationError", Reason.NOT_CONFIGURED),
    ],
)
async def test_refusals_of_sts(mint, served, issuer, status, code, reason):
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>x</Message></Error></ErrorResponse>"
    served.instead(status, body, headers={"Content-Type": "text/xml"})
    await refused(mint(**IDENTITY), reason, STS, code, hides=issuer.tokens)


def token(text):
    return base64.b64encode(text.encode()).decode()


SECRET = "password-of-aws"
GOOD = {"authorizationToken": token(f"AWS:{SECRET}"), "expiresAt": 4102444800.0}


@pytest.mark.parametrize(
    "given",
    [
        [],
        5,
        "text",
        None,
        {},
        {"authorizationData": None},
        {"authorizationData": []},
        {"authorizationData": 5},
        {"authorizationData": {}},
        {"authorizationData": [5]},
        {"authorizationData": [{}]},
        {"authorizationData": [{**GOOD, "authorizationToken": "not base64"}]},
        {"authorizationData": [{**GOOD, "authorizationToken": token(SECRET)}]},
        {"authorizationData": [{**GOOD, "authorizationToken": token("AWS:")}]},
        {"authorizationData": [{**GOOD, "authorizationToken": token(":" + SECRET)}]},
        {"authorizationData": [{**GOOD, "authorizationToken": 5}]},
        {"authorizationData": [{**GOOD, "expiresAt": None}]},
        {"authorizationData": [{**GOOD, "expiresAt": "soon"}]},
        {"authorizationData": [{**GOOD, "expiresAt": 1e300}]},
        {"authorizationData": [{**GOOD, "expiresAt": []}]},
        {"authorizationData": [{**GOOD, "expiresAt": 1420070400.0}]},
        {"authorizationData": [{"expiresAt": 4102444800.0}]},
    ],
)
async def test_answers_that_are_none(mint, cloud, given):
    cloud.answer = lambda _found: given
    await refused(mint(), Reason.MINT_FAILED, ECR, hides=[SECRET, token(f"AWS:{SECRET}")])


@pytest.mark.parametrize("body", ["<html>", "", b"\xff\xfe", b"{"])
async def test_answers_that_are_no_json(mint, served, body):
    served.instead(200, body)
    await refused(mint(), Reason.MINT_FAILED, ECR)


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "",
        "{}",
        "<a/>",
        "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>",
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
    ],
)
async def test_answers_of_sts_that_are_none(mint, served, body):
    served.instead(200, body, headers={"Content-Type": "text/xml"})
    await refused(mint(**KEYS, roleArn=aws.PULLER), Reason.MINT_FAILED, STS)


async def test_nobody_answers(mint, served, dns, unreachable):
    served.hang_up()
    await refused(mint(), Reason.UNREACHABLE, f"{ECR} cannot be reached")
    dns[ECR] = int(unreachable.rpartition(":")[2])
    await refused(mint(), Reason.UNREACHABLE, f"{ECR} cannot be reached")
    del dns[ECR]
    await refused(mint(), Reason.UNREACHABLE, f"{ECR} cannot be reached")
    await refused(mint(REGISTRY.replace("eu-west-1", "xx-north-9")), Reason.UNREACHABLE)


async def test_sts_does_not_answer_the_operators_service_account(from_platform, irsa, dns):
    del dns[STS]
    await refused(from_platform(), Reason.UNREACHABLE, f"{STS} cannot be reached")


async def test_a_partition_of_its_own(mint):
    registry = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
    error = await refused(mint(registry), Reason.BAD_CREDENTIALS)
    assert error.message.startswith("api.ecr.cn-north-1.amazonaws.com.cn gives no")


async def test_a_certificate_that_is_not_trusted(mint, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    await refused(mint(), Reason.UNREACHABLE, "certificate")


async def test_the_platform_has_nothing(from_platform):
    await refused(
        from_platform(), Reason.NOT_CONFIGURED, "there are no credentials", "eks.amazonaws.com"
    )


async def test_an_environment_that_cannot_be_meant(from_platform, monkeypatch):
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_PROFILE", "gone"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "nowhere"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            changed.setenv("AWS_ROLE_ARN", aws.FEDERATED)
            await refused(from_platform(roleArn=aws.PULLER), Reason.NOT_CONFIGURED)


async def test_a_role_of_the_operators_service_account_is_refused(from_platform, irsa, issuer):
    irsa.write_text(issuer.token("other", aws.AUDIENCE))
    await refused(
        from_platform(),
        Reason.NO_PERMISSION,
        "STS gives no session for what the environment says: AccessDenied",
        "trust policy",
        hides=issuer.tokens,
    )


async def test_pod_identitys_agent_refuses(from_platform, agent, tmp_path):
    (tmp_path / "token").write_text("token-of-another")
    await refused(from_platform(), Reason.BAD_CREDENTIALS, "(400)", hides=["token-of-another"])


async def test_pod_identitys_agent_is_odd(from_platform, agent, monkeypatch, unreachable):
    agent.instead(200, {"AccessKeyId": "ASIA"})
    await refused(from_platform(), Reason.MINT_FAILED, "credentials")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{unreachable}/v1")
    await refused(from_platform(), Reason.UNREACHABLE, "credentials")


async def test_the_sdk_is_missing(mint, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    await refused(mint(), Reason.NOT_CONFIGURED, "pip install 'regcred[aws]'")


async def test_nothing_of_it_is_logged(mint, account, cloud, issuer, caplog):
    caplog.set_level("INFO")  # From warnings on is what the operator hears of libraries.
    minted = [await mint(), await mint(**IDENTITY)]
    said = caplog.text + repr(minted)
    for secret in (account.puller.secret, *issuer.tokens, *cloud.tokens):
        assert secret not in said


async def test_a_certificate_that_nobody_trusts(mint, monkeypatch, account):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    await refused(
        mint(), Reason.UNREACHABLE, "certificate is not trusted", hides=[account.puller.secret]
    )


async def test_a_proxy_that_is_not_there(mint, monkeypatch, account, unreachable):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{unreachable}")
    await refused(
        mint(), Reason.UNREACHABLE, "the proxy does not let us", hides=[account.puller.secret]
    )


def test_no_answer_in_time():
    question = Question("ecr", "eu-west-1", "GetAuthorizationToken", host=ECR)
    for late in (ConnectTimeoutError, ReadTimeoutError):
        error = translate(late(endpoint_url=f"https://{ECR}/"), question, (), Clock()())
        assert error.reason == Reason.UNREACHABLE
        assert error.message == f"{ECR} cannot be reached: no answer in time"
