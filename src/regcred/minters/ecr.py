"""Amazon ECR: authorization tokens, one a region, by boto3.

A token opens every registry that its principal may read, in whatever account, so accounts need no
asking of their own (``registryIds`` is deprecated for that). ECR Public has a token of its own.
Who asks is, in this order: keys of a Secret; a ServiceAccount of the operator's namespace, with
which AssumeRoleWithWebIdentity gives the role; else what the platform gives the operator's Pod,
which is the SDK's to find (IRSA, EKS Pod Identity, the instance's role). ``roleArn`` is assumed on
top of that, with ``externalId`` where its trust policy wants one.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import MintFailed
from regcred.core.operator.minting import Minted
from regcred.core.operator.source import SourceReason
from regcred.minters import awsfailures, ecrplaces, threads
from regcred.minters import settings as reading
from regcred.minters.awsfailures import Question
from regcred.minters.web import clock_warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.ecrplaces import Place

_AUDIENCE = "sts.amazonaws.com"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_NOT_IN_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)
_LONGEST_NAME = 64
_SDK = "pip install 'regcred[aws]'"


@dataclass(frozen=True, slots=True)
class Login:
    """As whom to ask.

    Args:
        keys: access key id, secret access key, session token; None for what the platform gives.
        role: to assume; empty for none.
        external: what its trust policy wants to hear besides; empty for nothing.
        token: of a ServiceAccount, to assume it with.
        name: of the session, for CloudTrail.
    """

    keys: tuple[str, Password, Password] | None
    role: str
    external: str
    token: Password | None
    name: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be in a message."""
        held = [*(self.keys or ())[1:], self.token]
        return tuple(each.reveal() for each in held if isinstance(each, Password))


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """See `regcred.minters.Minter`."""
    region = reading.text(settings, "region", default="")
    places = {registry: ecrplaces.place(registry, region) for registry in desk.registries}
    if not places:
        raise reading.refuse("registries is empty, and a token is for those of a region")
    login = await _login(settings, desk)
    try:
        import boto3  # noqa: F401
    except ImportError:
        raise reading.lacking("boto3 is not installed, which asks AWS for tokens", _SDK) from None
    return await threads.run(_minted, places, login, region, desk)


async def _login(settings: Mapping[str, Any], desk: Desk) -> Login:
    role = reading.text(settings, "roleArn", default="")
    if role and not _ROLE.fullmatch(role):
        raise reading.refuse("roleArn is not the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME")
    external = reading.text(settings, "externalId", default="")
    name = _NOT_IN_NAME.sub("-", desk.owner)[:_LONGEST_NAME]
    identity = reading.mapping(settings, "identity")
    if external and (identity is not None or not role):
        raise reading.refuse("externalId needs roleArn, and has no meaning with identity")
    if external and not _EXTERNAL_ID.fullmatch(external):
        raise reading.refuse("externalId has characters that none can have, or too few of them")
    if identity is None:
        return Login(await _keys(settings, desk), role, external, None, name)
    if reading.mapping(settings, "secretRef") is not None:
        raise reading.refuse("secretRef and identity exclude each other")
    if not role:
        raise reading.refuse("identity needs roleArn: the role that the ServiceAccount may assume")
    account = reading.text(identity, "serviceAccount")
    audience = reading.text(identity, "audience", default=_AUDIENCE)
    return Login(None, role, "", await desk.identity(account, audience), name)


async def _keys(settings: Mapping[str, Any], desk: Desk) -> tuple[str, Password, Password] | None:
    there = reading.mapping(settings, "secretRef")
    if there is None:
        return None
    if "key" in there:
        raise reading.refuse(
            "secretRef.key has no meaning here: the keys are access-key-id and secret-access-key"
        )
    key = await reading.secret_text(settings, desk, "access-key-id")
    secret = await reading.secret_text(settings, desk, "secret-access-key")
    session = ""
    if "session-token" in await desk.secret(reading.text(there, "name")):
        session = await reading.secret_text(settings, desk, "session-token")
    return key, Password(secret), Password(session)


def _minted(places: Mapping[str, Place], login: Login, region: str, desk: Desk) -> Minted:
    """Ask for a token for each place; this blocks."""
    first = region or next(iter(places.values())).region
    session = _session(login, first, desk)
    tokens: dict[Place, _Token] = {}
    warnings: list[str] = []
    for place in dict.fromkeys(places.values()):
        tokens[place], said = _token(session, place, login, desk)
        warnings += said
    credentials = tuple(
        Credential(registry, tokens[place].user, tokens[place].password)
        for registry, place in places.items()
    )
    ends = min(token.expires for token in tokens.values())
    return Minted(credentials, ends, warnings=tuple(dict.fromkeys(warnings)))


def _session(login: Login, region: str, desk: Desk) -> Any:
    """A session of the SDK that signs as `login` says."""
    if login.token is not None:
        import botocore

        config = _config(signature_version=botocore.UNSIGNED)
        client = _client(
            _sdk(None, region, desk), Question("sts", region), login, desk, config=config
        )
        token = {"WebIdentityToken": login.token.reveal()}
        return _assumed(client, "AssumeRoleWithWebIdentity", login, token, region, desk)
    session = _sdk(login.keys, region, desk)
    if not login.role:
        return session
    client = _client(session, Question("sts", region), login, desk)
    more = {"ExternalId": login.external} if login.external else {}
    return _assumed(client, "AssumeRole", login, more, region, desk)


def _assumed(
    client: Any, action: str, login: Login, more: Mapping[str, str], region: str, desk: Desk
) -> Any:
    question = Question("sts", region, action, login.role, awsfailures.host(client))
    asked = {"RoleArn": login.role, "RoleSessionName": login.name, **more}
    answer, _ = awsfailures.ask(client, question, asked, login.secrets, desk.now)
    found = answer.get("Credentials")
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    given = [found.get(name) for name in names] if isinstance(found, dict) else []
    held = [each for each in given if isinstance(each, str) and each]
    if len(held) != len(names):
        raise awsfailures.unknown(question, "has no keys in it")
    key, secret, session = held
    return _sdk((key, Password(secret), Password(session)), region, desk)


def _sdk(keys: tuple[str, Password, Password] | None, region: str, desk: Desk) -> Any:
    import boto3
    import botocore.session

    core = botocore.session.get_session()
    # The requests that the SDK makes to find out who it is are bounded too.
    core.set_default_client_config(_config())
    key, secret, session = keys or ("", None, None)
    try:
        if keys is None:
            _past_proxies(core)
        return boto3.session.Session(
            aws_access_key_id=key or None,
            aws_secret_access_key=secret.reveal() if secret else None,
            aws_session_token=session.reveal() if session else None,
            region_name=region,
            botocore_session=core,
        )
    except awsfailures.raised() as error:
        raise awsfailures.translate(error, Question("sts", region), (), desk.now()) from None


def _past_proxies(core: Any) -> None:
    """Have the instance's metadata asked directly, for which the SDK has no setting.

    A proxy would say what its own machine is. Of all that the SDK asks for keys, this is the only
    one for which it looks at ``HTTP_PROXY``.
    """
    from botocore.httpsession import URLLib3Session

    instance = core.get_component("credential_provider").get_provider("iam-role")
    fetcher = instance._role_fetcher
    fetcher._session = URLLib3Session(timeout=fetcher._timeout)


def _config(**more: Any) -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 2}
    return Config(
        connect_timeout=10, read_timeout=20, retries=retries, user_agent_extra="regcred", **more
    )


def _client(session: Any, question: Question, login: Login, desk: Desk, **options: Any) -> Any:
    try:
        return session.client(question.service, region_name=question.region, **options)
    except awsfailures.raised() as error:
        raise awsfailures.translate(error, question, login.secrets, desk.now()) from None


@dataclass(frozen=True, slots=True)
class _Token:
    user: str
    password: Password
    expires: datetime


def _token(session: Any, place: Place, login: Login, desk: Desk) -> tuple[_Token, tuple[str, ...]]:
    question = Question(place.service, place.region)
    client = _client(session, question, login, desk)
    host = awsfailures.host(client)
    question = Question(place.service, place.region, "GetAuthorizationToken", login.role, host)
    answer, heard = awsfailures.ask(client, question, {}, login.secrets, desk.now)
    found = answer.get("authorizationData")
    if isinstance(found, list):  # ECR Public gives one, ECR a list of one.
        found = found[0] if found else None
    if not isinstance(found, dict):
        raise awsfailures.unknown(question, "has no token in it")
    ends = found.get("expiresAt")
    if not isinstance(ends, datetime):
        raise awsfailures.unknown(question, "does not say when the token ends")
    ends = heard.here(ends)
    if ends <= desk.now():
        raise MintFailed(
            SourceReason.MINT_FAILED,
            f"{question.host} gives a token that ended at {ends:%Y-%m-%dT%H:%M:%S%z}",
            hint="see whether the clock here is right",
        )
    user, password = _pair(found.get("authorizationToken"))
    if not user or not password:
        raise awsfailures.unknown(question, "has a token in it that is no user and password")
    return _Token(user, Password(password), ends), clock_warning(heard)


def _pair(token: Any) -> tuple[str, str]:
    """User and password of a token; empty where it is none."""
    try:
        user, _, password = b64decode(token, validate=True).decode("ascii").partition(":")
    except (TypeError, ValueError):
        return "", ""
    return user, password
