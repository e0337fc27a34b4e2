"""The flow of one probe: would a node get this image's manifest? Without networking in it.

As containerd does it: HEAD for the reference, which tells digest and type; then GET of that
digest, and what comes must be it. No layer, no configuration and no image of an index is
fetched, so two requests do once a token is held, or one. Mirrors are never asked.

`probe` is a generator. It yields each `Request`, and is sent the `Response`; where it needs
another login it yields a `Renewal`, and is sent the `Grant` that `Access.renew` returns. Who drives
it keeps those apart that renew the same access.

Source: containerd v2.1.4 core/remotes/docker/resolver.go (``Resolve``)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from regcred.core.errors import (
    BadCredentials,
    InvalidRegistry,
    RegcredError,
    RegistryBusy,
    RegistryDenied,
    RegistryProtocolError,
)
from regcred.core.logins.registrykey import is_loopback
from regcred.core.problem import Reason, listed
from regcred.core.registry import imagemanifest
from regcred.core.registry.access import Grant
from regcred.core.registry.answer import MOST_NAMES, Answer
from regcred.core.registry.httpmessage import REDIRECTS, Request, Response
from regcred.core.registry.imagemanifest import NoImage
from regcred.core.registry.registryjson import error_codes
from regcred.core.registry.tokenflow import spelled

if TYPE_CHECKING:
    from regcred.core.logins.image import ImageReference
    from regcred.core.registry.access import Access
    from regcred.core.registry.platform import Platform

#: Go's bound, and so containerd's.
_MAX_REDIRECTS = 10
#: What a server may answer to a token that is large because it is for many images.
_REFUSED_TOGETHER = frozenset({400, 401, 403, 431})


_BUSY = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Renewal:
    """Another login is needed: the arguments of `Access.renew`."""

    scope: str
    answer: Response | None
    refused: Grant | None


Flow = Generator[Request | Renewal, Response | Grant, Answer]
_Part = Generator[Request | Renewal, Response | Grant, Response]


def scope_of(image: ImageReference) -> str:
    """What a token must be for."""
    return f"repository:{image.path}:pull"


def probe(
    image: ImageReference,
    access: Access,
    platform: Platform | None,
    now: float,
    *,
    api: str = "/v2",
    namespace: str = "",
    head: bool = True,
) -> Flow:
    """Ask for the manifest of an image.

    Args:
        image: which.
        access: to its registry.
        platform: of the node; None to take any.
        now: for `Access.grant`.
        api: where the registry's API begins: a path.
        namespace: the registry that the image names, where another answers in its place.
        head: begin with HEAD. Where the registry has shown that it knows HEAD, GET alone says
            all that the two do, and is checked as well.

    Raises:
        RegcredError: `failed` makes an answer of it.
    """
    return (yield from _Probe(image, access, now, api, namespace).run(platform, head=head))


def failed(error: RegcredError) -> Answer:
    """The answer that an error is."""
    match error:
        case BadCredentials():
            reason = Reason.UNAUTHORIZED
        case RegistryDenied():
            reason = Reason.FORBIDDEN
        case RegistryBusy():
            reason = Reason.RATE_LIMITED
        case InvalidRegistry():
            reason = Reason.BAD_REFERENCE
        case _:
            reason = Reason.UNREACHABLE
    return Answer(reason, error.message, error.hint)


class _Probe:
    """One probe: the parts of the flow, and what they all need."""

    def __init__(
        self, image: ImageReference, access: Access, now: float, api: str, namespace: str
    ) -> None:
        self.image = image
        self.access = access
        self.login = access.login
        self.scope = scope_of(image)
        self.now = now
        self.base = f"{self.login.registry}{api}/{image.path}"
        self.query = f"?ns={namespace}" if namespace else ""
        #: Where the last request ended, when that was not at the registry.
        self.elsewhere = ""
        #: Whether the login has been renewed for this image alone.
        self.alone = False

    def run(self, platform: Platform | None, *, head: bool) -> Flow:
        """The whole of it."""
        image = self.image
        if self.access.refusal is not None:
            raise self.access.refusal
        told = got = None
        if head:
            told = yield from self.ask("HEAD", image.reference)
            if told.status in _BUSY:
                return self.refused(told)
        if told is None or not 200 <= told.status < 300:
            # Some do not know HEAD. And what a refusal says is in no answer to HEAD.
            told = got = yield from self.ask("GET", image.reference)
            if got.status != 200:
                return (yield from self.no(got))
        known = image.digest or told.digest
        if told.content_type == "text/html":
            raise self.no_registry("it answers with a web page")
        try:
            imagemanifest.check_kind(told.content_type)
            if known and not imagemanifest.is_digest(known):
                raise NoImage("under a digest that is none")
            if (told.length or 0) > imagemanifest.LARGEST:
                raise NoImage(f"{told.length} bytes large, and nodes take no such manifest")
            if got is None:
                got = yield from self.ask("GET", known or image.reference)
            if got.status != 200:
                return (yield from self.no(got))
            # Without a digest it is this answer that says what it is.
            media_type = told.content_type if known else got.content_type
            imagemanifest.check_kind(media_type)
            return self.judge(got, media_type, known or image.digest or "", platform)
        except NoImage as error:
            return Answer(
                Reason.NOT_FOUND,
                f"what {self.login.host} has as {self.what} is {error}",
                "push the image again",
            )

    @property
    def what(self) -> str:
        """The image as its registry calls it."""
        image = self.image
        return f"{image.path}@{image.digest}" if image.digest else f"{image.path}:{image.reference}"

    def judge(
        self, got: Response, media_type: str, known: str, platform: Platform | None
    ) -> Answer:
        """What the manifest says."""
        if got.body is None:
            raise NoImage("larger than any manifest that nodes take")
        digest = imagemanifest.digest_of(got.body, known or "sha256:")
        if known and digest != known:
            raise NoImage(f"not what its digest says: it should be {known}, and is {digest}")
        found = imagemanifest.read(got.body, media_type)
        present = [each for each in found if each is not None]
        spelled = islice((found[each] for each in present), MOST_NAMES)
        names = tuple(dict.fromkeys(map(imagemanifest.name_of, spelled)))
        unnamed = max(0, len(present) - MOST_NAMES)
        chosen = ""
        if found and platform is not None:
            at = platform.choose(present)
            if at is None and None not in found:
                return Answer(
                    Reason.PLATFORM_MISSING,
                    f"{self.what} is not there for {platform}, only for {listed(names, unnamed)}",
                    f"build and push it for {platform} too, or let its Pods run elsewhere",
                    digest,
                    media_type,
                    names,
                    unnamed=unnamed,
                )
            chosen = "" if at is None else str(present[at])
        if not found and media_type in imagemanifest.INDEXES:
            raise NoImage("an index without an image in it")
        message = f"{self.what} is there" + (f" for {chosen}" if chosen else "")
        return Answer(Reason.OK, message, "", digest, media_type, names, chosen, unnamed)

    def ask(self, method: str, reference: str) -> _Part:
        """Ask for a manifest."""
        return (yield from self.send(method, f"{self.base}/manifests/{reference}{self.query}"))

    def send(self, method: str, url: str, *, manifest: bool = True) -> _Part:
        """Make a request, with whatever login it takes."""
        grant = self.access.grant(self.scope, self.now)
        if grant is None and self.access.takes_tokens:
            grant = yield from self.renew(None, None)
        while True:
            authorization = grant.authorization if grant else None
            keep = imagemanifest.LARGEST if manifest and method == "GET" else 0
            request = Request(
                method,
                url,
                authorization,
                accept=imagemanifest.ACCEPT if manifest else "",
                keep=keep,
            )
            answer = yield from self.follow(request)
            together = grant is not None and len(grant.scopes) > 1
            refused = answer.status == 401 or (together and answer.status in _REFUSED_TOGETHER)
            if not refused or self.alone or self.elsewhere:
                return answer
            before = grant
            grant = yield from self.renew(answer if answer.status == 401 else None, before)
            if grant is before:
                return answer
            self.alone = before is not None

    def renew(
        self, answer: Response | None, refused: Grant | None
    ) -> Generator[Request | Renewal, Response | Grant, Grant]:
        """Another login."""
        grant = yield Renewal(self.scope, answer, refused)
        assert isinstance(grant, Grant)  # noqa: S101 - what is sent for a Renewal
        return grant

    def follow(self, request: Request) -> _Part:
        """Make a request and follow redirects; elsewhere goes no login, and none is given."""
        self.elsewhere = ""
        for _ in range(_MAX_REDIRECTS + 1):
            answer = yield request
            assert isinstance(answer, Response)  # noqa: S101 - what is sent for a Request
            if answer.status not in REDIRECTS or not answer.location:
                return answer
            url = self.login.join(request.url, answer.location)
            there = self.login.origin(url)
            if is_loopback(there[1]) and not is_loopback(self.login.hostname):
                raise RegistryProtocolError(
                    f"{self.login.host} leads to {there[1]}, an address that no registry may "
                    "lead to",
                    hint="is this the registry itself, and not a proxy in front of it?",
                )
            if there != self.login.origin(self.login.registry):
                self.elsewhere = spelled(there)
            authorization = None if self.elsewhere else request.authorization
            request = Request(
                request.method, url, authorization, accept=request.accept, keep=request.keep
            )
        raise RegistryProtocolError(
            f"{self.login.host} redirects in circles",
            hint="ask whoever runs the registry: what stands before it sends everybody back",
        )

    def refused(self, answer: Response) -> Answer:
        """The answer that a failure is."""
        login, image, said = self.login, self.image, self.login.said(answer)
        if answer.status == 401 and self.elsewhere:
            return Answer(
                Reason.UNAUTHORIZED,
                f"{login.host} sends the pull on to {self.elsewhere}, which wants a login, and "
                f"that for {login.host} is not for others{said}",
                f"name the image by {self.elsewhere.partition('://')[2]}",
            )
        if answer.status in (401, 403) and login.credential is None:
            return Answer(
                Reason.UNAUTHORIZED if answer.status == 401 else Reason.FORBIDDEN,
                f"{login.host} lets nobody pull {image.path} without a login{said}",
                f"regcred login {image.domain}",
            )
        if answer.status in (401, 403):
            return failed(login.denied(image.path, said))
        # A proxy before a registry that is down says so by a web page.
        if answer.is_foreign and answer.status < 500:
            raise self.no_registry("it answers with a web page or some other text")
        raise login.refused(self.elsewhere or login.host, answer)

    def no(self, answer: Response) -> Flow:
        """The answer that a failure to GET is."""
        if answer.status == 404 and not answer.is_foreign:
            return (yield from self.missing(answer))
        return self.refused(answer)

    def missing(self, answer: Response) -> Flow:
        """The answer where it is not there: is it the tag or the repository?"""
        login, image = self.login, self.image
        codes = error_codes(answer.json)
        what = f"no {self.what}"
        if "MANIFEST_UNKNOWN" in codes and image.digest is None:
            # The registry itself does not look whether there is a repository.
            tags = yield from self.send("GET", f"{self.base}/tags/list?n=1", manifest=False)
            codes |= error_codes(tags.json)
            if tags.status == 200:
                what = f"no tag {image.reference} in its repository {image.path}"
        if "NAME_UNKNOWN" in codes:
            what = f"no repository {image.path}"
        hint = "check the name, and that it has been pushed"
        if login.credential is None:
            hint += "; some registries say the same to whom is not logged in"
        return Answer(Reason.NOT_FOUND, f"{login.host} has {what}", hint)

    def no_registry(self, why: str) -> RegistryProtocolError:
        """The error for what is none."""
        where = self.elsewhere or self.login.host
        return RegistryProtocolError(
            f"{where} is no registry: {why}",
            hint="check host and port; a proxy or a captive portal answers like this too",
        )
