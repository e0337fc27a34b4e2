"""GitLab's API of deploy tokens, as it is described and as it answers.

https://docs.gitlab.com/api/deploy_tokens/
https://docs.gitlab.com/api/rest/#namespaced-paths and #offset-based-pagination
https://docs.gitlab.com/api/rest/authentication/
https://docs.gitlab.com/user/project/deploy_tokens/#scope

A project's deploy tokens take the role Maintainer; those of a group Owner, or Maintainer to list
them. An access token may be a person's, a project's or a group's, and needs the scope ``api``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCOPES = frozenset(
    {
        *("read_repository", "read_registry", "write_registry", "read_virtual_registry"),
        *("read_package_registry", "write_package_registry", "write_virtual_registry"),
    }
)
_MOST = 100
_OWNER, _MAINTAINER, _DEVELOPER, _NOBODY = 50, 40, 30, 0
ROLES = {"Owner": _OWNER, "Maintainer": _MAINTAINER, "Developer": _DEVELOPER, "": _NOBODY}


@dataclass
class AccessToken:
    """What GitLab is asked with.

    Args:
        scopes: it has.
        role: of whose it is, in every project and group; empty for one who may not see them.
        expires: when it ends.
        revoked: whether somebody took it back.
    """

    scopes: tuple[str, ...] = ("api",)
    role: str = "Maintainer"
    expires: datetime | None = None
    revoked: bool = False


@dataclass
class DeployToken:
    """One that was made, and not deleted."""

    id: int
    place: str
    name: str
    scopes: list[str]
    expires: datetime | None
    token: str

    @property
    def username(self) -> str:
        return f"gitlab+deploy-token-{self.id}"


@dataclass
class GitLab:
    """A GitLab.

    Args:
        now: the time of day.
        places: ``projects/team/app``, ``groups/team``, … → its ID.
        access: the access tokens.
        deploy_tokens: those that there are.
    """

    now: Callable[[], datetime]
    places: dict[str, int] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    deploy_tokens: list[DeployToken] = field(default_factory=list)
    _made: int = 0

    def app(self) -> web.Application:
        """To be served."""
        app = web.Application()
        for kind in ("projects", "groups"):
            path = f"/api/v4/{kind}/{{id}}/deploy_tokens"
            app.router.add_get(path, self._guarded(kind, self._list, _MAINTAINER))
            least = _MAINTAINER if kind == "projects" else _OWNER
            app.router.add_post(path, self._guarded(kind, self._create, least))
            app.router.add_delete(path + "/{token}", self._guarded(kind, self._delete, least))
        app.router.add_route("*", "/{rest:.*}", _no_route)
        return app

    def may_pull(self, username: str, password: str) -> bool:
        """What the registry of this GitLab makes of a login."""
        return any(
            (each.username, each.token) == (username, password)
            and "read_registry" in each.scopes
            and (each.expires is None or each.expires > self.now())
            for each in self.deploy_tokens
        )

    def make(
        self, place: str, name: str, scopes: list[str], expires: datetime | None
    ) -> DeployToken:
        """Make a deploy token, as somebody else would."""
        self._made += 1
        made = DeployToken(
            self._made, place, name, scopes, expires, f"gldt-{secrets.token_urlsafe(15)}"
        )
        self.deploy_tokens.append(made)
        return made

    def _guarded(self, kind: str, answer: Callable[..., Any], least: int) -> Any:
        async def guarded(request: web.Request) -> web.Response:
            access = self._authenticated(request)
            if isinstance(access, web.Response):
                return access
            place = self._place(kind, request.match_info["id"])
            if place is None or ROLES[access.role] == _NOBODY:
                word = "Project" if kind == "projects" else "Group"
                return _message(404, f"404 {word} Not Found")
            if ROLES[access.role] < least:
                return _message(403, "403 Forbidden")
            body = await request.json() if request.body_exists else {}
            return answer(request, place, body)

        return guarded

    def _authenticated(self, request: web.Request) -> AccessToken | web.Response:
        given = request.headers.get("PRIVATE-TOKEN", "")
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        given = bearer if scheme == "Bearer" else given
        found = self.access.get(given)
        if found is None and not given.isascii():
            return _message(400, "400 Bad Request")
        if found is None:
            return _message(401, "401 Unauthorized")
        for is_so, said in (
            (found.revoked, "Token was revoked. You have to re-authorize from the user."),
            (
                found.expires is not None and found.expires <= self.now(),
                "Token is expired. You can either do re-authorization or token refresh.",
            ),
        ):
            if is_so:
                return web.json_response(
                    {"error": "invalid_token", "error_description": said}, status=401
                )
        if "api" not in found.scopes:
            said = "The request requires higher privileges than provided by the access token."
            error = {"error": "insufficient_scope", "error_description": said, "scope": "api"}
            return web.json_response(error, status=403)
        return found

    def _place(self, kind: str, name: str) -> str | None:
        for place, number in self.places.items():
            if place.startswith(f"{kind}/") and name in (place.partition("/")[2], str(number)):
                return place
        return None

    def _create(self, _request: web.Request, place: str, body: Mapping[str, Any]) -> web.Response:
        missing = [f"{name} is missing" for name in ("name", "scopes") if not body.get(name)]
        if missing:
            return web.json_response({"error": ", ".join(missing)}, status=400)
        if not set(body["scopes"]) <= _SCOPES:
            return web.json_response({"error": "scopes does not have a valid value"}, status=400)
        try:
            expires = datetime.fromisoformat(body["expires_at"]) if body.get("expires_at") else None
        except ValueError:
            return web.json_response({"error": "expires_at is invalid"}, status=400)
        made = self.make(place, body["name"], body["scopes"], expires)
        return web.json_response(self._shown(made) | {"token": made.token}, status=201)

    def _list(self, request: web.Request, place: str, _body: Mapping[str, Any]) -> web.Response:
        found = [self._shown(each) for each in self.deploy_tokens if each.place == place]
        size = min(int(request.query.get("per_page", "20")), _MOST)
        page = int(request.query.get("page", "1"))
        following = str(page + 1) if len(found) > page * size else ""
        headers = {"x-next-page": following, "x-page": str(page), "x-per-page": str(size)}
        return web.json_response(found[(page - 1) * size : page * size], headers=headers)

    def _delete(self, request: web.Request, place: str, _body: Mapping[str, Any]) -> web.Response:
        for each in self.deploy_tokens:
            if each.place == place and str(each.id) == request.match_info["token"]:
                self.deploy_tokens.remove(each)
                return web.Response(status=204)
        return _message(404, "404 Deploy Token Not Found")

    def _shown(self, each: DeployToken) -> dict[str, Any]:
        expires = None
        if each.expires is not None:
            expires = each.expires.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {
            "id": each.id,
            "name": each.name,
            "username": each.username,
            "expires_at": expires,
            "scopes": each.scopes,
            "revoked": False,
            "expired": each.expires is not None and each.expires < self.now() - timedelta(days=1),
        }


async def _no_route(_request: web.Request) -> web.Response:
    return web.json_response({"error": "404 Not Found"}, status=404)


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)
