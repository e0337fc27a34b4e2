"""A container runtime's complaint about a pull, as kubelet passes it on: read, and fit to show.

kubelet knows of a failed pull only a text (pkg/kubelet/images/image_manager.go): the runtime's
chain of causes, joined by ": ", with kubelet's own words before it. So the reason is read from
the words of containerd (core/remotes/docker), CRI-O (containers/image), Docker and the registries;
tests/unit/core/pulltexts.toml has one of each, with its source.

Where a Pod has several logins, kubelet tries them all and joins what it got. Then the reason is
of the one that came furthest: "not found" was said to somebody who may ask. That is the order of
`_RULES`. What the registry's mirrors said does not count where the registry itself was asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from regcred.core.credential import HIDDEN
from regcred.core.pods import pullchain
from regcred.core.pods.pullredact import show
from regcred.core.problem import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A secret of this length may be in any text.
_SHORTEST = 3


class Network(StrEnum):
    """What of the way to the registry fails."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    PLAIN_HTTP = "plain http"
    PROXY = "proxy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PullError:
    """One complaint.

    Args:
        reason: of the closed list; ``Unknown`` where the text is of no known kind.
        text: the complaint, one line, fit to be shown: credentials and what signs URLs redacted;
            of a known kind without the wrapping that repeats the image's name.
        host: who answered, or did not; empty where the text does not say.
        status: of the HTTP answer; 0 where the text does not say.
        network: what fails where `reason` is ``Unreachable``; None else.
    """

    reason: Reason
    text: str
    host: str = ""
    status: int = 0
    network: Network | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """A reason, by what the text says or by the status of an answer."""

    reason: Reason
    words: re.Pattern[str]
    network: Network | None = None
    statuses: range = range(0)


def _rule(
    reason: Reason, words: str, network: Network | None = None, statuses: range = range(0)
) -> _Rule:
    return _Rule(reason, re.compile(words), network, statuses)


#: Go's encoding/json and encoding/base64 and kubelet's own word, all without any wrapping: what
#: pkg/credentialprovider/secrets returns, and image_manager.go passes on as it is.
_MALFORMED = re.compile(
    r"(?:Error: )?(?:illegal base64 data at input byte \d+"
    r"|unable to parse auth field, must be formatted as base64\(username:password\)"
    r"|unexpected end of JSON input|json: (?:cannot unmarshal|invalid|Unmarshal).*"
    r"|invalid character \S+ (?:looking for beginning of|after|in|at) .*"
    r"|(?:json|jsontext): .*)"
)

#: Go's transport, where a proxy does not accept a CONNECT: the phrase of its status alone.
_CONNECT_REFUSED = (
    r"\b(?:Get|Head|Post|HEAD|GET|POST) \"[^\"]*\": (?:Forbidden|Bad Request|Bad Gateway"
    r"|Service Unavailable|Gateway Timeout|Proxy Authentication Required|Not Found"
    r"|Internal Server Error|Method Not Allowed)(?=$|[\],;)])"
)

_RULES = (
    _rule(Reason.IMAGE_POLICY_NEVER, r"is not present with pull policy of Never|ErrImageNeverPull"),
    _rule(Reason.SECRET_MISSING, r"^Unable to retrieve some image pull secrets"),
    _rule(
        Reason.BAD_REFERENCE,
        r"couldn't parse image|(?i:invalid (?:reference|image name|tag) format|InvalidImageName)"
        r"|failed to parse (?:image )?reference|repository name must be (?:lowercase|canonical)"
        r"|short name mode is enforcing|short-name resolution enforced"
        r"|short-name (?:\S+ )?did not resolve to an alias",
    ),
    # The node's, be it the runtime, the disk, the policy or kubelet's own limits.
    _rule(
        Reason.NOT_A_PULL_PROBLEM,
        r"^Failed to inspect image|no space left on device|disk quota exceeded"
        r"|read-only file system|input/output error|cannot allocate memory|too many open files"
        r"|dial unix |Cannot connect to the Docker daemon|error creating overlay mount"
        r"|failed to (?:extract layer|prepare extraction snapshot|register layer|mount )"
        r"|failed to (?:unpack image on snapshotter|record image pull intent)"
        r"|(?:mkdir|open|write|chmod|lchown|lstat|rename) /\S+: |Source image rejected"
        r"|signature validation failed|SignatureValidationFailed"
        r"|image verifier .{1,200} blocked pull|pull QPS exceeded|\bis blocked in /",
    ),
    _rule(
        Reason.PLATFORM_MISSING,
        r"no match for platform|no matching manifest for|no manifest found for platform"
        r"|no image found in (?:manifest list|image index) for architecture"
        r"|does not match the specified platform|no supported platform found in manifest list"
        r"|image operating system .{1,40} cannot be used on this platform",
    ),
    _rule(
        Reason.UNREACHABLE,
        rf"proxyconnect|socks connect|{_CONNECT_REFUSED}|Proxy Authentication Required"
        r"|invalid proxy address",
        Network.PROXY,
        range(407, 408),
    ),
    _rule(
        Reason.NOT_FOUND,
        r"(?i)manifest[ _]unknown|name[ _]unknown|repository name not known to registry"
        r"|(?<!file )(?<!command )(?<!executable )not found"
        r"(?=$|[^\w:]|: (?!does not exist or no pull))|code = NotFound\b"
        r"|does not exist in the registry|failed to fetch \"[^\"]*\" from request"
        r"|media type .{1,100} is no longer supported|schema 1 image manifests are no longer"
        r"|encountered remote .{1,100} when fetching|unsupported (?:manifest )?media ?type",
        statuses=range(404, 405),
    ),
    _rule(
        Reason.REGISTRY_THROTTLES,
        r"(?i)too ?many ?requests|pull rate limit|rate limit exceeded|rate exceeded",
        statuses=range(429, 430),
    ),
    _rule(
        Reason.EXPIRED,
        r"(?i)(?:token|credentials?|password|login|session) (?:has |have |is |are |was )?"
        r"(?:already )?expired|expired (?:\w{1,20} )?(?:token|credentials?|password)"
        r"|ExpiredToken|token is invalid or expired",
    ),
    _rule(
        Reason.UNAUTHORIZED,
        r"(?i)unauthenticated request|denied: anonymous |\bunauthenticated: "
        r"|HTTP Basic: Access denied",
    ),
    _rule(
        Reason.FORBIDDEN,
        r"(?:^|[:\[,(] )(?i:denied): (?!requested access)|(?:^|: )denied(?=$|[\],])"
        r"|(?i:access forbidden)|permission .{1,100} denied|(?i:insufficient permissions?)"
        r"|code = PermissionDenied\b|does not have permission|is not authorized to perform",
        statuses=range(403, 404),
    ),
    _rule(
        Reason.UNAUTHORIZED,
        r"(?i)(?:^|[:\[,(] )unauthorized\b|authentication required|authentication failed"
        r"|insufficient_scope|invalid_token|pull access denied|no basic auth credentials"
        r"|authorization failed|requested access to the resource is denied|no pull access"
        r"|invalid username/password|incorrect username or password|no auth credentials"
        r"|missing username or secret|access to the requested resource is not authorized"
        r"|login attempt to \S+ failed with status: 401"
        r"|code = Unauthenticated\b|authorization server did not include a token",
        statuses=range(401, 402),
    ),
    _rule(
        Reason.UNREACHABLE,
        r"server gave HTTP response to HTTPS client"
        r"|first record does not look like a TLS handshake",
        Network.PLAIN_HTTP,
    ),
    _rule(
        Reason.UNREACHABLE,
        r"no such host|server misbehaving|in name resolution|\blookup \S+(?: on \S+)?: ",
        Network.DNS,
    ),
    _rule(
        Reason.UNREACHABLE,
        r"x509: |certificate signed by|certificate has expired|\btls: |certificate verify failed",
        Network.TLS,
    ),
    _rule(Reason.UNREACHABLE, r"connection refused|actively refused", Network.REFUSED),
    _rule(
        Reason.UNREACHABLE,
        r"i/o timeout|TLS handshake timeout|context deadline exceeded|connection timed out"
        r"|Client\.Timeout|timeout awaiting response|request canceled|context canceled"
        r"|operation timed out|DeadlineExceeded",
        Network.TIMEOUT,
    ),
    _rule(
        Reason.UNREACHABLE,
        r"(?i)no route to host|network is unreachable|host is (?:down|unreachable)"
        r"|connection reset|broken pipe|use of closed network connection|\bEOF\b|stream error"
        r"|http2: |unexpected (?:commit digest|size)|failed (?:size|digest) validation"
        r"|filesystem layer verification failed|digest did not match|digest mismatch"
        r"|\bgot digest |HTTP request to an HTTPS server|registry is unavailable"
        r"|(?:^|: )failed to do request|can't talk to a V1 container registry"
        r"|internal server error|bad gateway|service unavailable|gateway timeout"
        r"|HTTP (?:status|response)|unexpected status|invalid status code|RegistryUnavailable",
        Network.OTHER,
        range(300, 600),
    ),
)

_NOBODY_ASKED = frozenset(
    {
        Reason.IMAGE_POLICY_NEVER,
        Reason.SECRET_MISSING,
        Reason.BAD_REFERENCE,
        Reason.NOT_A_PULL_PROBLEM,
    }
)


def parse(text: str, hide: Iterable[str] = ()) -> PullError:
    """What `text` says, of a container's status or of an event.

    Any text gets an answer. One of no known kind is `Reason.UNKNOWN` and shown whole.

    Args:
        text: as it stands.
        hide: secrets that are known: a registry may repeat what it was sent. Those of less than
            four characters are in any text, and left.
    """
    for secret in sorted(hide, key=len, reverse=True):
        if len(secret) > _SHORTEST:
            text = text.replace(secret, HIDDEN)
    whole = show(text)
    # What the wrapping stood between may be a secret, or one more wrapping, only together.
    cause = show(pullchain.cause(show(pullchain.cause(whole))))
    if _MALFORMED.fullmatch(cause):
        return PullError(Reason.SECRET_MALFORMED, cause)
    for shown in (cause, whole):
        words = pullchain.words(shown)
        statuses = pullchain.statuses(words)
        for rule in _RULES:
            fitting = [status for status in statuses if status in rule.statuses]
            if fitting or rule.words.search(words):
                status = next(iter(fitting or statuses), 0)
                return PullError(rule.reason, shown, _host(whole, rule), status, rule.network)
    return PullError(Reason.UNKNOWN, whole, pullchain.host(whole))


def _host(text: str, rule: _Rule) -> str:
    if rule.reason in _NOBODY_ASKED:
        return ""
    return (rule.network is Network.PROXY and pullchain.proxy(text)) or pullchain.host(text)
