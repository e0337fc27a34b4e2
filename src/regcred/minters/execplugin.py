"""Any other source: a program that speaks one of two protocols.

``CredentialHelper``: a ``docker-credential-*`` helper is asked with ``get`` for each host. It does
not say until when a login is good, unless the login itself does.

``CredentialProvider``: a credential provider plugin of kubelet's is asked for an image of each
registry, as kubelet would for a Pod. For how long kubelet may keep the answer is the nearest to an
expiry that it gives; where it does not say, ``defaultCacheDuration`` counts, as in kubelet's own
configuration, and so it does for helpers.

https://github.com/docker/docker-credential-helpers#development
https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from regcred.core.credential import Credential, Password
from regcred.core.errors import InvalidImage, InvalidInput, InvalidRegistry, MintFailed
from regcred.core.formats import duration
from regcred.core.formats.gojsonread import NotJSON, read
from regcred.core.logins import credentialprovider, expiry, helperlogin
from regcred.core.logins.clientconfig import server_names
from regcred.core.logins.credentialprovider import API_VERSIONS, BadResponse
from regcred.core.logins.image import DOCKER_HUB, parse_image
from regcred.core.logins.registrykey import display, is_docker_hub, parse_registry
from regcred.core.operator.minting import Minted
from regcred.core.setting import setting
from regcred.minters import program
from regcred.minters.settings import lacking, refuse, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regcred.minters.desk import Desk
    from regcred.minters.program import Program

_HELPER = "CredentialHelper"
_PROTOCOLS = (_HELPER, "CredentialProvider")
#: Logins, and for how many seconds they are good; None where nobody says.
_Given = tuple[list[Credential], float | None]


async def mint(settings: Mapping[str, Any], desk: Desk) -> Minted:
    """Run the program.

    Raises:
        MintFailed: it gives no login.
    """
    protocol = settings.get("protocol")
    if protocol not in _PROTOCOLS:
        raise refuse(f"protocol has to be {' or '.join(_PROTOCOLS)}")
    default = _default(settings)
    command = program.find(settings, desk.env)
    asked = desk.now()
    if protocol == _HELPER:
        credentials, seconds = await _from_helper(command, desk)
    else:
        credentials, seconds = await _from_provider(command, settings, desk)
    own = [moment for each in credentials if (moment := expiry.expires(each.password))]
    if seconds is None and not own:
        seconds = default
    ends = own if seconds is None else [*own, asked + timedelta(seconds=seconds)]
    expires = min(ends, default=None)
    if expires is not None and expires <= desk.now():
        raise command.failed(f"gives a login that has ended at {expires:%Y-%m-%dT%H:%M:%SZ}")
    unknown = f"nobody says when what {command.name} gives ends: defaultCacheDuration would"
    return Minted(tuple(credentials), expires, warnings=() if expires else (unknown,))


async def _from_helper(command: Program, desk: Desk) -> _Given:
    logins: dict[str, tuple[str, Password]] = {}
    found = []
    for registry in desk.registries:
        server = _server(registry)
        if server not in logins:
            logins[server] = await _login(command, server)
        found.append(Credential(registry, *logins[server]))
    return found, None


async def _login(command: Program, server: str) -> tuple[str, Password]:
    answer = await command.ask("get", stdin=server.encode("utf-8", "surrogateescape"))
    if answer.code:
        if helperlogin.is_not_found(answer.stdout):
            raise _no_login(command, server)
        raise command.ended_badly(answer)
    try:
        document = read(answer.stdout)
    except NotJSON:
        raise command.failed("did not print JSON") from None
    if document.kind != "an object":
        raise command.failed(f"printed {document.kind} and not an object")
    username, password = helperlogin.login(document)
    if username == helperlogin.TOKEN_USER:
        raise command.failed(
            f"gives an identity token for {display(server)}, which kubelet cannot use"
        )
    if not username or not password:
        raise _no_login(command, server)
    return username, password


async def _from_provider(command: Program, settings: Mapping[str, Any], desk: Desk) -> _Given:
    version = text(settings, "apiVersion", default=API_VERSIONS[0])
    if version not in API_VERSIONS:
        raise refuse(f"apiVersion has to be one of {', '.join(API_VERSIONS)}")
    named = text(settings, "image", default="")
    found: list[Credential] = []
    seconds: list[float] = []
    answered: list[tuple[credentialprovider.Response, str]] = []
    for registry in desk.registries:
        credential = _first(answered, registry)
        if credential is None and not (named and answered):
            image = _normal(named or _image_of(registry))
            response = await _response(command, image, version)
            answered.append((response, image))
            seconds += [response.seconds] if response.seconds is not None else []
            credential = response.login(registry, image)
        if credential is None:
            raise _no_login(command, registry)
        found.append(credential)
    return found, min(seconds, default=None)


def _first(
    answered: list[tuple[credentialprovider.Response, str]], registry: str
) -> Credential | None:
    logins = (response.login(registry, image) for response, image in answered)
    return next((each for each in logins if each is not None), None)


async def _response(command: Program, image: str, version: str) -> credentialprovider.Response:
    answer = await command.ask(stdin=credentialprovider.request(image, version))
    if answer.code:
        raise command.ended_badly(answer)
    try:
        return credentialprovider.read(answer.stdout, version)
    except BadResponse as error:
        raise command.failed(f"printed what kubelet could not use: {error}") from None


def _server(registry: str) -> str:
    """What a helper knows a registry by."""
    try:
        server = server_names(registry)[0]
    except InvalidRegistry as error:
        raise refuse(error.message, error.hint) from None
    if "*" in server:
        raise refuse(
            f"{display(registry)} is a pattern, and a credential helper is asked for hosts"
        )
    return server


def _image_of(registry: str) -> str:
    """Some image of a registry."""
    try:
        key = parse_registry(registry)
    except InvalidRegistry as error:
        raise refuse(error.message, error.hint) from None
    if "*" in key.host:
        raise refuse(
            f"{display(registry)} is a pattern, and a credential provider is asked for an image",
            f"{setting('image')} names one",
        )
    host, path = (DOCKER_HUB, key.path) if is_docker_hub(key) else (key.host, key.path)
    if host == DOCKER_HUB and path in ("", "/", "/v1/", "/v2/"):
        path = "/library"
    return f"{host}{path.rstrip('/')}/x"


def _normal(image: str) -> str:
    """The name of an image as kubelet asks for it: with its host, without tag and digest."""
    try:
        return parse_image(image).name
    except InvalidImage as error:
        raise refuse(
            f"no image can be asked for: {error.message}", f"{setting('image')} names one"
        ) from None


def _default(settings: Mapping[str, Any]) -> float | None:
    given = text(settings, "defaultCacheDuration", default="")
    try:
        return duration.seconds(given) or None if given else None
    except InvalidInput:
        raise refuse("defaultCacheDuration has to be a duration such as 12h or 30m") from None


def _no_login(command: Program, what: str) -> MintFailed:
    return lacking(f"{command.name} has no login for {display(what)}")
