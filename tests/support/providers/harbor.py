"""Harbor's API of robot accounts, as its description and its handlers have it.

https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
https://github.com/goharbor/harbor/blob/main/src/server/v2.0/handler/robot.go
https://goharbor.io/docs/main/administration/robot-accounts/
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_MOST = 100
#: Of a project's permissions those that tests meet.
_ACCESS = {("repository", "pull"), ("repository", "push"), ("robot", "create")}


@dataclass
class User:
    """Who asks.

    Args:
        password: in clear.
        is_admin: of the system.
        admin_of: projects.
    """

    password: str
    is_admin: bool = False
    admin_of: tuple[str, ...] = ()


@dataclass
class Robot:
    """A robot account that there is; `permissions` as they were sent."""

    id: int
    name: str
    description: str
    level: str
    project: int
    permissions: list[dict[str, Any]]
    secret: str
    expires: datetime


class Refused(Exception):
    """Status, code and message of an error."""


@dataclass
class Harbor:
    """A Harbor.

    Args:
        now: the time of day.
        projects: name → ID.
        users: name → who it is.
        robots: that there are.
        prefix: of robot accounts' names, which administrators may change.
    """

    now: Callable[[], datetime]
    projects: dict[str, int] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    robots: list[Robot] = field(default_factory=list)
    prefix: str = "robot$"
    _made: int = 0

    def app(self) -> web.Application:
        """To be served."""
        app = web.Application()
        app.router.add_get("/api/v2.0/projects/{name}", self._guarded(self._project))
        app.router.add_get("/api/v2.0/robots", self._guarded(self._list))
        app.router.add_post("/api/v2.0/robots", self._guarded(self._create))
        app.router.add_delete("/api/v2.0/robots/{id}", self._guarded(self._delete))
        return app

    def may_pull(self, username: str, password: str, project: str) -> bool:
        """What the registry of this Harbor makes of a login."""
        return any(
            (self.prefix + each.name, each.secret) == (username, password)
            and each.expires > self.now()
            and any(
                grant["namespace"] in (project, "*")
                and {"resource": "repository", "action": "pull"} in grant["access"]
                for grant in each.permissions
            )
            for each in self.robots
        )

    def make(
        self, name: str, description: str, permissions: list[dict[str, Any]], *, level: str
    ) -> Robot:
        """Make a robot account that lives for a day, as somebody else would."""
        self._made += 1
        project = self.projects[permissions[0]["namespace"]] if level == "project" else 0
        full = f"{permissions[0]['namespace']}+{name}" if level == "project" else name
        if any((each.name, each.project) == (full, project) for each in self.robots):
            raise Refused(409, "CONFLICT", f"robot account {full} already exists")
        secret = f"{secrets.token_urlsafe(21)}Aa1"
        expires = (self.now() + timedelta(days=1)).replace(microsecond=0)
        made = Robot(self._made, full, description, level, project, permissions, secret, expires)
        self.robots.append(made)
        return made

    def _guarded(
        self, answer: Callable[[web.Request, User], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            try:
                return await answer(request, self._authenticated(request))
            except Refused as error:
                status, code, message = error.args
                errors = [{"code": code, "message": message}]
                return web.json_response({"errors": errors}, status=status)

        return guarded

    def _authenticated(self, request: web.Request) -> User:
        scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, password = base64.b64decode(pair, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise Refused(401, "UNAUTHORIZED", "unauthorized") from None
        user = self.users.get(name)
        if scheme != "Basic" or user is None or user.password != password:
            raise Refused(401, "UNAUTHORIZED", "unauthorized")
        return user

    def _require(self, user: User, level: str, project: str | None, doing: str) -> None:
        if user.is_admin or (level == "project" and project in user.admin_of):
            return
        raise Refused(403, "FORBIDDEN", f"forbidden: {doing} robot")

    async def _project(self, request: web.Request, user: User) -> web.Response:
        name = request.match_info["name"]
        if name.isdigit() and request.headers.get("X-Is-Resource-Name") != "true":
            name = self._named(int(name)) or name
        if name not in self.projects:
            raise Refused(404, "NOT_FOUND", f"project {name} not found")
        if not user.is_admin and name not in user.admin_of:
            raise Refused(403, "FORBIDDEN", "forbidden")
        return web.json_response({"project_id": self.projects[name], "name": name})

    async def _create(self, request: web.Request, user: User) -> web.Response:
        body = await request.json()
        self._validate(body)
        namespaces = [each["namespace"] for each in body["permissions"]]
        self._require(user, body["level"], namespaces[0], "create")
        for name in namespaces:
            if name != "*" and name not in self.projects:
                raise Refused(404, "NOT_FOUND", f"project {name} not found")
        made = self.make(
            body["name"], body.get("description", ""), body["permissions"], level=body["level"]
        )
        made.expires = (self.now() + timedelta(days=body["duration"])).replace(microsecond=0)
        shown = {
            "id": made.id,
            "name": self.prefix + made.name,
            "secret": made.secret,
            "creation_time": self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "expires_at": int(made.expires.timestamp()),
        }
        return web.json_response(shown, status=201)

    def _validate(self, body: dict[str, Any]) -> None:
        if not _NAME.fullmatch(body.get("name", "")):
            said = "robot name is not in lower case or contains illegal characters"
            raise Refused(400, "BAD_REQUEST", said)
        duration = body.get("duration")
        if not isinstance(duration, int) or not (duration == -1 or duration > 0):
            raise Refused(400, "BAD_REQUEST", f"bad request error duration input: {duration}")
        if body.get("level") not in ("system", "project"):
            raise Refused(400, "BAD_REQUEST", "bad request error level input")
        grants = body.get("permissions") or []
        if not grants or not all(each.get("access") for each in grants):
            raise Refused(400, "BAD_REQUEST", "bad request empty permission")
        if body["level"] == "project" and len(grants) > 1:
            raise Refused(400, "BAD_REQUEST", "bad request permission")
        for grant in grants:
            asked = {(each["resource"], each["action"]) for each in grant["access"]}
            if grant.get("kind") != "project" or not asked <= _ACCESS:
                raise Refused(400, "BAD_REQUEST", "bad request permission")

    async def _list(self, request: web.Request, user: User) -> web.Response:
        query = dict(each.split("=", 1) for each in request.query.get("q", "").split(",") if each)
        level, project = query.get("Level", "system"), 0
        if level == "project":
            if not query.get("ProjectID", "").isdigit():
                raise Refused(
                    400, "BAD_REQUEST", "must with project ID when to query project robots"
                )
            project = int(query["ProjectID"])
        self._require(user, level, self._named(project), "list")
        size, page = int(request.query.get("page_size", "10")), int(request.query.get("page", "1"))
        if size > _MOST:
            raise Refused(422, "UNPROCESSABLE_ENTITY", "page_size in query should be less than 100")
        found = [each for each in self.robots if each.project == project]
        shown = [
            {
                "id": each.id,
                "name": self.prefix + each.name,
                "description": each.description,
                "level": each.level,
                "expires_at": int(each.expires.timestamp()),
                "permissions": each.permissions,
                "editable": True,
            }
            for each in found[(page - 1) * size : page * size]
        ]
        headers = {"X-Total-Count": str(len(found))}
        return web.json_response(shown or None, headers=headers)

    async def _delete(self, request: web.Request, user: User) -> web.Response:
        for each in self.robots:
            if str(each.id) == request.match_info["id"]:
                self._require(user, each.level, self._named(each.project), "delete")
                self.robots.remove(each)
                return web.Response()
        raise Refused(404, "NOT_FOUND", f"robot {request.match_info['id']} not found")

    def _named(self, project: int) -> str | None:
        return next((name for name, number in self.projects.items() if number == project), None)
