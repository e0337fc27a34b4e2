"""PullCredentials that are taken, and that are refused with the reason: by the core, and by the
API server, which has to use the same words.
"""

from regcred.core.logins import claim
from regcred.core.operator import pcspec
from regcred.core.operator.sourcekinds import MINTED_KINDS, STATIC_KINDS

ONE_SOURCE = f"source must have exactly one of {', '.join((*STATIC_KINDS, *MINTED_KINDS))}"

TAKEN_REGISTRIES = [
    "ghcr.io",
    "https://ghcr.io",
    "http://ghcr.io/",
    "GHCR.io",
    "ghcr.io/team",
    "ghcr.io/team/",
    "ghcr.io/a__b/c-d.e/f--",
    "ghcr.io/v2/",
    "*.pkg.dev/my-project",
    "*.dkr.ecr.*.amazonaws.com",
    "reg-*.example.com:5000",
    "localhost",
    "http://localhost/x",
    "build:5000/team",
    "*",
    "[::1]:5000",
    "docker.io",
    "index.docker.io",
    "https://index.docker.io/v1/",
    "index.docker.io/v2/",
    "docker.io/team",
]

_HUB = "write https://index.docker.io/v1/"

REFUSED_REGISTRIES = [
    ("puller:hunter2@ghcr.io", claim.USER),
    ("https://me@ghcr.io/x", claim.USER),
    ("ghcr.io?x", claim.QUERY),
    ("ghcr.io/x#y", claim.QUERY),
    ("", "it has no host"),
    ("https://", "it has no host"),
    ("/team", "it has no host"),
    (":5000/team", "it has no host"),
    ("hub.docker.com", f"hub.docker.com is a web site and no registry; {_HUB}"),
    ("https://Hub.Docker.com/r/team", f"hub.docker.com is a web site and no registry; {_HUB}"),
    ("https://index.docker.io/v1", f"the slash at its end is missing; {_HUB}"),
    (
        "https://index.docker.io/team",
        "kubelet knows index.docker.io only without a path; write docker.io/team",
    ),
    (
        "ghcr",
        "an image ghcr/… is one of Docker Hub, since a host has a dot or a port in it; "
        "write ghcr:PORT, or the full host name",
    ),
    (
        "https://my_team/app",
        "an image my_team/… is one of Docker Hub, since a host has a dot or a port in it; "
        "write my_team:PORT, or the full host name",
    ),
    ("ghcr..io", "its host has an empty part between dots"),
    (".io/x", "its host has an empty part between dots"),
    ("ghcr.io.", "its host has an empty part between dots"),
    ("ghcr.io.:5000", "its host has an empty part between dots"),
    (
        "[::1]/team",
        "kubelet takes an IPv6 address without a port for a pattern; add the port",
    ),
    ("ghcr.io:*", "kubelet drops it, since its port is not a number"),
    ("ghcr.io:5000x/team", "kubelet drops it, since its port is not a number"),
    (
        "::1",
        "kubelet drops it, since its port is not a number; "
        "an IPv6 address must stand in [brackets]",
    ),
    (" ghcr.io", "kubelet drops it, since a host name cannot have ' ' in it"),
    ("${REGISTRY}.io", "kubelet drops it, since a host name cannot have '{' in it"),
    ("ghcr.io//team", "a repository has no empty part between slashes"),
    ("https://ghcr.io/team//", "a repository has no empty part between slashes"),
    ("ghcr.io/team/app:1", "tag and digest do not belong here; write ghcr.io/team/app"),
    ("ghcr.io/app@sha256:0123", "tag and digest do not belong here; write ghcr.io/app"),
    ("https://ghcr.io/Team/App", "repositories are lower-case; write ghcr.io/team/app"),
    (
        "ghcr.io/team/*",
        "a * works in the host only; a path is a prefix already; write ghcr.io/PREFIX",
    ),
    ("ghcr.io/team/.app", "no repository's name can begin with 'team/.app'"),
    ("ghcr.io/a---.b/" + "x" * 60, f"no repository's name can begin with 'a---.b/{'x' * 52}'"),
]

#: What the core alone refuses: CEL would be long, and these are rare.
REFUSED_BY_CORE = ["ghcr%2eio", "ghcr.io/a%20b", "é.io", "ghcr.io/é", "-a.io", "[::1", "a\\b.io"]

BASIC = {"basic": {"secretRef": {"name": "login"}}}
MINIMAL = {"registries": ["ghcr.io"], "source": BASIC, "namespaces": {}}


def _source(kind, **ref):
    return {**MINIMAL, "source": {kind: {"secretRef": {"name": "login"} | ref}}}


def _namespaces(**selector):
    return {**MINIMAL, "namespaces": selector}


def _minted(kind, **settings):
    return {**MINIMAL, "source": {kind: settings}}


_REF = {"name": "login"}
_ACCOUNT = {"serviceAccount": "puller"}

#: spec, field, words
REFUSED_SPECS = [
    *(
        ({**MINIMAL, "registries": ["quay.io", text]}, "spec.registries[1]", why)
        for text, why in REFUSED_REGISTRIES
    ),
    (
        {**MINIMAL, "source": {}},
        "spec.source",
        ONE_SOURCE,
    ),
    (
        {**MINIMAL, "source": BASIC | {"dockerConfig": {"secretRef": {"name": "login"}}}},
        "spec.source",
        ONE_SOURCE,
    ),
    (
        {"source": BASIC, "namespaces": {}},
        "spec",
        "registries is required, unless the source is dockerConfig",
    ),
    (
        {**MINIMAL, "registries": []},
        "spec",
        "registries is required, unless the source is dockerConfig",
    ),
    ({"registries": ["ghcr.io"], "source": BASIC}, "spec.namespaces", "Required value"),
    (
        _source("basic", name="Login"),
        "spec.source.basic.secretRef.name",
        pcspec.SECRET_NAME,
    ),
    (
        _source("dockerConfig", name="../secrets/x"),
        "spec.source.dockerConfig.secretRef.name",
        pcspec.SECRET_NAME,
    ),
    (
        {**MINIMAL, "source": {"basic": {"secretRef": {}}}},
        "spec.source.basic.secretRef.name",
        "Required value",
    ),
    (
        _source("googleServiceAccount", key="a/b"),
        "spec.source.googleServiceAccount.secretRef.key",
        pcspec.SECRET_KEY,
    ),
    (
        _source("dockerConfig", key=".."),
        "spec.source.dockerConfig.secretRef.key",
        pcspec.SECRET_KEY,
    ),
    (
        _minted("ecr", secretRef={"name": "a/b"}),
        "spec.source.ecr.secretRef.name",
        pcspec.SECRET_NAME,
    ),
    (
        _minted("gitlab", project="a/b", secretRef={"name": "login", "key": "a b"}),
        "spec.source.gitlab.secretRef.key",
        pcspec.SECRET_KEY,
    ),
    (
        _minted("ecr", roleArn="arn:x", identity={"serviceAccount": "../x"}),
        "spec.source.ecr.identity.serviceAccount",
        pcspec.ACCOUNT_NAME,
    ),
    (
        _minted("quay", robot="a+b", identity={}),
        "spec.source.quay.identity.serviceAccount",
        "Required value",
    ),
    *(
        (_namespaces(include=["a", glob]), "spec.namespaces.include[1]", pcspec.NAMESPACE_GLOB)
        for glob in ("", "Team-*", "team-?", "team-[ab]", "-a", "*-", "a.b", "a b")
    ),
    (
        _namespaces(exclude=["a_b"]),
        "spec.namespaces.exclude[0]",
        pcspec.NAMESPACE_GLOB,
    ),
    *(
        (
            {**MINIMAL, "serviceAccounts": {"include": [glob]}},
            "spec.serviceAccounts.include[0]",
            pcspec.ACCOUNT_GLOB,
        )
        for glob in ("", "Default", "a..b", ".a", "a.", "a-.b", "a?", "a\nb")
    ),
    *(
        (
            _namespaces(matchExpressions=[{"key": "team", "operator": operator} | values]),
            "spec.namespaces.matchExpressions[0]",
            words,
        )
        for operator, values, words in (
            ("In", {}, pcspec.VALUES_MISSING),
            ("NotIn", {"values": []}, pcspec.VALUES_MISSING),
            ("Exists", {"values": ["a"]}, pcspec.VALUES_THERE),
            ("DoesNotExist", {"values": ["a"]}, pcspec.VALUES_THERE),
        )
    ),
    (
        _namespaces(matchExpressions=[{"key": "team", "operator": "Gt", "values": ["1"]}]),
        "spec.namespaces.matchExpressions[0].operator",
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ),
    (
        {**MINIMAL, "attach": "Node"},
        "spec.attach",
        'supported values: "ServiceAccount", "Pod", "None"',
    ),
    (
        {**MINIMAL, "rescue": "Restart"},
        "spec.rescue",
        'supported values: "Off", "Report", "Evict"',
    ),
    ({**MINIMAL, "registries": [7]}, "spec.registries[0]", "must be of type string"),
    ({**MINIMAL, "registries": "ghcr.io"}, "spec.registries", "must be of type array"),
    (_namespaces(matchLabels={"a": 1}), "spec.namespaces.matchLabels.a", "must be of type string"),
    (_namespaces(matchLabels=["a"]), "spec.namespaces.matchLabels", "must be of type object"),
]

#: The least and the most of each kind that mints.
MINTED_SPECS = [
    _minted("ecr"),
    _minted("ecr", region="eu-west-1", roleArn="arn:aws:iam::1:role/x", secretRef=_REF),
    _minted("ecr", roleArn="arn:aws:iam::1:role/x", identity=_ACCOUNT),
    _minted("ecr", roleArn="arn:aws:iam::1:role/x", externalId="a_B=1/2:3", secretRef=_REF),
    _minted("googleArtifactRegistry"),
    _minted(
        "googleArtifactRegistry",
        impersonate="a@b.iam.gserviceaccount.com",
        identity={**_ACCOUNT, "audience": "//iam.googleapis.com/projects/1/x"},
    ),
    _minted("googleArtifactRegistry", secretRef=_REF),
    _minted("googleArtifactRegistry", secretRef=_REF, identity=_ACCOUNT),
    _minted("acr"),
    _minted("acr", tenantId="t", clientId="c", cloud="AzureChina", secretRef=_REF),
    _minted("acr", tenantId="t", clientId="c", identity=_ACCOUNT),
    _minted("githubApp", appId=1, secretRef=_REF),
    _minted("githubApp", clientId="Iv23liAbCdEfGhIjKlMn", secretRef=_REF),
    _minted(
        "githubApp",
        appId=1,
        installationId=2,
        repositories=["a"],
        secretRef=_REF,
        url="https://ghe.example.com/api/v3",
    ),
    _minted("gitlab", project="team/app", secretRef=_REF),
    _minted("gitlab", group="7", days=30, secretRef=_REF, url="https://gitlab.example.com"),
    _minted("harbor", url="https://harbor.example.com", projects=["a"], secretRef=_REF),
    _minted("harbor", url="http://127.0.0.1:80", projects=["a"], days=3, secretRef=_REF),
    _minted("quay", robot="team+puller", secretRef=_REF),
    _minted("quay", robot="team+puller", identity=_ACCOUNT, url="https://quay.example.com"),
    _minted("dockerHub", username="team", secretRef=_REF),
    _minted("dockerHub", username="team", secretRef=_REF, expiresAt="2027-01-01T00:00:00Z"),
    _minted("exec", command="docker-credential-x", protocol="CredentialHelper"),
    _minted(
        "exec",
        command="ecr-credential-provider",
        protocol="CredentialProvider",
        args=["--verbose"],
        env=[{"name": "A", "value": ""}],
        passEnv=["AWS_REGION"],
        apiVersion="credentialprovider.kubelet.k8s.io/v1beta1",
        image="registry.example.com/app",
        defaultCacheDuration="1h30m",
        timeoutSeconds=5,
    ),
]

#: What a minter would refuse, and the API server does before it is asked: spec, field, words.
REFUSED_MINTED = [
    (
        _minted("ecr", secretRef=_REF, roleArn="arn:x", identity=_ACCOUNT),
        "spec.source.ecr",
        "secretRef and identity exclude each other",
    ),
    (
        _minted("ecr", identity=_ACCOUNT),
        "spec.source.ecr",
        "identity needs roleArn: the role that trusts it",
    ),
    *(
        (
            _minted("ecr", externalId="a/1", **others),
            "spec.source.ecr",
            "externalId needs roleArn, and has no meaning with identity",
        )
        for others in (
            {"secretRef": _REF},
            {"roleArn": "arn:aws:iam::1:role/x", "identity": _ACCOUNT},
        )
    ),
    (
        _minted("ecr", roleArn="arn:aws:iam::1:role/x", externalId="a b"),
        "spec.source.ecr.externalId",
        "no external ID has such characters: letters, digits and _+=,.@:/- are allowed",
    ),
    (
        _minted("googleArtifactRegistry", identity=_ACCOUNT),
        "spec.source.googleArtifactRegistry",
        "identity needs audience: the provider of the workload identity pool",
    ),
    (
        _minted("acr", secretRef=_REF),
        "spec.source.acr",
        "secretRef and identity need tenantId and clientId",
    ),
    (_minted("githubApp", appId=1), "spec.source.githubApp.secretRef", "Required value"),
    *(
        (
            _minted("githubApp", secretRef=_REF, **apps),
            "spec.source.githubApp",
            "exactly one of clientId and appId is required",
        )
        for apps in ({}, {"appId": 1, "clientId": "Iv23liAbCdEfGhIjKlMn"})
    ),
    (
        _minted("gitlab", secretRef=_REF),
        "spec.source.gitlab",
        "exactly one of project and group is required",
    ),
    *(
        (
            _minted("harbor", url=url, projects=["a"], secretRef=_REF),
            "spec.source.harbor.url",
            "it has to be a URL that begins with https://, without a user, ? and #",
        )
        for url in ("http://harbor.example.com", "https://u@harbor.example.com", "https://a?b", "a")
    ),
    (
        _minted("quay", robot="a+b"),
        "spec.source.quay",
        "exactly one of secretRef and identity is required",
    ),
    *(
        (
            _minted("exec", command=command, protocol="CredentialHelper"),
            "spec.source.exec.command",
            "it has to be the name of a program, without a folder",
        )
        for command in ("/bin/sh", "..", "a b")
    ),
]

TAKEN_SPECS = [
    MINIMAL,
    *({**MINIMAL, "registries": [text]} for text in TAKEN_REGISTRIES),
    {"source": {"dockerConfig": {"secretRef": {"name": "login"}}}, "namespaces": {}},
    _source("dockerConfig", key=".dockercfg"),
    _source("googleServiceAccount", key="key.json", name="a.b-c"),
    *(_namespaces(include=[glob]) for glob in ("*", "team-*", "a*b*c", "0", "a" * 63)),
    _namespaces(exclude=["kube-*", "default"], matchLabels={"a/b": "", "c": "d"}),
    _namespaces(
        matchExpressions=[
            {"key": "a", "operator": "In", "values": ["b", ""]},
            {"key": "a", "operator": "NotIn", "values": ["c"]},
            {"key": "d", "operator": "Exists"},
            {"key": "e", "operator": "DoesNotExist", "values": []},
        ]
    ),
    *MINTED_SPECS,
    *({**MINIMAL, "serviceAccounts": {"include": [g]}} for g in ("*", "ci.*", "*.a-*b")),
    *({**MINIMAL, "attach": attach} for attach in ("ServiceAccount", "Pod", "None")),
    *({**MINIMAL, "rescue": rescue} for rescue in ("Off", "Report", "Evict")),
]
