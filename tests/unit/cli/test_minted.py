"""``--from KIND``: the flags of login and secret, against providers on this machine."""

import base64
import json
from datetime import timedelta

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred.cli.sourceflags import SETTINGS
from regcred.core.operator.sourcekinds import MINTED_KINDS
from tests.support.cli import run_regcred
from tests.support.providers.gitlab import AccessToken, GitLab
from tests.support.providers.programs import Programs
from tests.support.providers.serving import Clock, nobody, serve

CRD = CHECKOUT / "charts" / "regcred" / "files" / "pullcredentials.regcred.dev.yaml"
ACCESS = "glpat-Xy12abCDef34GHij56kl"
REGISTRY, OTHER = "registry.example.com/team", "mirror.example.com"
SECRET = ("secret", "pull", "--dry-run=client", "--output=json", f"--registry={REGISTRY}")


@pytest.fixture
def provider():
    return GitLab(Clock(), {"projects/team/app": 7}, {ACCESS: AccessToken()})


@pytest.fixture
def served(provider):
    with serve(provider.app()) as served:
        yield served


@pytest.fixture
def source(served, tmp_path):
    """Flags for a deploy token of the project."""
    (tmp_path / "token").write_text(f"{ACCESS}\n")
    settings = ("--set", f"url={served.url}", "--set", "project=team/app")
    return ("--from=gitlab", *settings, "--secret-file", f"token={tmp_path / 'token'}")


def written(done):
    """Registry → the login in the Secret that was printed."""
    data = json.loads(done.stdout)["data"][".dockerconfigjson"]
    auths = json.loads(base64.b64decode(data))["auths"]
    return {key: (entry["username"], entry["password"]) for key, entry in auths.items()}


def refused(*arguments, code=2, **options):
    """What is said on stderr, which is no secret; nothing goes to stdout."""
    done = run_regcred(*arguments, check=code, **options)
    assert done.stdout == b""
    said = done.stderr.decode()
    assert ACCESS not in said
    return said


def test_a_login_of_the_provider_is_what_the_secret_holds(provider, source):
    done = run_regcred(*SECRET, f"--registry={OTHER}", *source)
    (made,) = provider.deploy_tokens
    assert made.name.startswith("regcred-login-")
    login = (made.username, made.token)
    assert written(done) == {REGISTRY: login, OTHER: login}
    assert provider.may_pull(*login)
    said = done.stderr.decode()
    assert f"{made.expires:%Y-%m-%d %H:%M} UTC" in said
    assert ACCESS not in said + done.stdout.decode()
    assert made.token not in said


def test_when_it_ends_stands_on_the_secret(provider, source):
    printed = json.loads(run_regcred(*SECRET, *source, "--save-config").stdout)
    (made,) = provider.deploy_tokens
    annotations = printed["metadata"]["annotations"]
    assert annotations["regcred.dev/expires-at"] == f"{made.expires:%Y-%m-%dT%H:%M:%SZ}"
    applied = json.loads(annotations.pop("kubectl.kubernetes.io/last-applied-configuration"))
    assert applied == printed


def test_settings_are_what_a_pullcredential_would_have(provider, source):
    run_regcred(*SECRET, *source, "--set", "days=7")
    (made,) = provider.deploy_tokens
    assert timedelta(days=6, hours=23) < made.expires - provider.now() <= timedelta(days=7)


def test_every_call_makes_one_of_its_own(provider, source):
    """Nothing is taken back: nobody knows who still uses the one before."""
    for _ in range(2):
        run_regcred(*SECRET, *source)
    assert len({each.name for each in provider.deploy_tokens}) == 2


def test_a_secret_may_come_from_standard_input(provider, source):
    done = run_regcred(*SECRET, *source[:-1], "token=-", stdin=f"{ACCESS}\n".encode())
    assert len(written(done)) == len(provider.deploy_tokens) == 1


def test_standard_input_is_one(provider):
    flags = ("--set=url=http://localhost", "--set=projects=a", "--from=harbor")
    files = ("--secret-file=username=-", "--secret-file=password=-")
    said = refused(*SECRET, *flags, *files, stdin=b"hush")
    assert "password=-: standard input is that of username already" in said


def test_variables_do_as_flags_do(served, source):
    env = {
        "REGCRED_FROM": "gitlab",
        "REGCRED_SET": f"url={served.url} project=team/app",
        "REGCRED_SECRET_FILE": source[-1],
    }
    assert written(run_regcred(*SECRET, env=env))


def test_programs_of_the_path_may_be_run(tmp_path):
    Programs(tmp_path).helper("docker-credential-x", {"registry.example.com": ("me", "hush")})
    settings = ("command=docker-credential-x", "protocol=CredentialHelper", "env=A=b")
    flags = [part for each in settings for part in ("--set", each)]
    done = run_regcred(*SECRET, "--from=exec", *flags, env={"PATH": str(tmp_path)})
    assert written(done) == {REGISTRY: ("me", "hush")}
    assert b"warning: nobody says when what docker-credential-x gives ends" in done.stderr
    (call,) = Programs(tmp_path).calls("docker-credential-x")
    assert call.env["A"] == "b"


def test_the_registry_of_docker_hub_is_no_default_for_others(source):
    said = refused("secret", "pull", "--dry-run=client", *source)
    assert "a login of gitlab is none for Docker Hub" in said
    assert "--registry REGISTRY" in said


@pytest.mark.parametrize("verb", ["login", "secret"])
@pytest.mark.parametrize("flag", ["--set=url=x", "--secret-file=token=x"])
def test_settings_of_nothing(verb, flag, tmp_path):
    config = tmp_path / "config"
    cluster = {"name": "one", "cluster": {"server": "https://one.invalid"}}
    context = {"name": "one", "context": {"cluster": "one", "user": ""}}
    content = {"clusters": [cluster], "contexts": [context], "current-context": "one"}
    config.write_text(yaml.safe_dump(content))
    said = refused(verb, "gcr.io", flag, f"--kubeconfig={config}")
    assert f"{flag.partition('=')[0]} is nothing without --from SOURCE" in said


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--set=project"], "--set: 'project' is not KEY=VALUE"),
        (["--set==x"], "--set: what is given is not KEY=VALUE"),
        (["--set=days=1", "--set=days=2"], "--set days is given twice"),
        (["--set=days=soon"], "--set days takes a number, and not 'soon'"),
        (["--set=project=a", "--set=projct=b"], "--set projct is no setting of gitlab here"),
        (["--set=identity=a"], "it has project, group, days, url"),
        (["--secret-file=token"], "--secret-file: 'token' is not KEY=FILE"),
        (["--secret-file=token="], "--secret-file: 'token' is not KEY=FILE"),
        (["--secret-file=token=-"] * 2, "--secret-file token is given twice"),
        (["--gcp-key=x"], "--gcp-key and --from exclude each other"),
        (["--password-stdin"], "exclude each other"),
    ],
)
def test_flags_that_cannot_be_meant(flags, says):
    assert says in refused(*SECRET, "--from=gitlab", *flags, stdin=b"x")


def test_a_kind_that_there_is_not():
    said = refused(*SECRET, "--from=gitlb")
    assert "gitlb" in said
    assert "harbor" in said


@pytest.mark.parametrize(
    ("drop", "says"),
    [
        ("project=", "exactly one of project and group is required"),
        ("token=", "hint: gitlab takes --secret-file token=FILE"),
    ],
)
def test_something_is_missing(provider, source, drop, says):
    at = next(i for i, flag in enumerate(source) if flag.startswith(drop))
    assert says in refused(*SECRET, *source[: at - 1], *source[at + 1 :], code=2)
    assert provider.deploy_tokens == []


def test_a_file_that_is_not_there():
    said = refused(*SECRET, "--from=gitlab", "--secret-file=token=/nonexistent", code=2)
    assert "--secret-file token: there is no such file" in said


def test_a_file_under_another_key(tmp_path, source):
    said = refused(*SECRET, *source[:-1], f"tokn={tmp_path / 'token'}")
    assert "gitlab has no use for tokn" in said


def test_nothing_is_made_for_a_registry_that_is_none(provider, source):
    assert "can never match" in refused(*SECRET, "--registry=ghcr", *source, code=2)
    assert provider.deploy_tokens == []


def test_who_is_not_let_in_is_told_why(provider, source):
    provider.access[ACCESS].revoked = True
    said = refused(*SECRET, *source, code=1)
    assert "Token was revoked" in said
    assert "hint: put an access token with the scope api into the file of --secret-file\n" in said


def test_a_name_with_the_word_of_a_setting_is_left_alone(provider, source):
    provider.access[ACCESS] = AccessToken(role="Developer")
    said = refused(*SECRET, *source, code=1)
    assert "hint: whose access token it is needs the role Maintainer in project team/app\n" in said


def test_a_provider_that_is_away(source):
    with nobody() as host:
        flags = [f"url=http://{host}" if each.startswith("url=") else each for each in source]
        said = refused(*SECRET, *flags, code=3)
    assert f"{host} cannot be reached" in said


def test_answers_that_are_none(served, source):
    served.instead(201, f"<html>{ACCESS}</html>")
    assert "no deploy token" in refused(*SECRET, *source, code=1)


@pytest.fixture
def no_cluster(tmp_path):
    """The environment of somebody whose cluster is away."""
    with nobody() as host:
        cluster = {"name": "c", "cluster": {"server": f"http://{host}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": ""}}
        config = {"clusters": [cluster], "contexts": [context], "current-context": "c"}
        (tmp_path / "config").write_text(json.dumps(config))
        yield {"KUBECONFIG": str(tmp_path / "config")}


LOGIN = ("login", REGISTRY, "--skip-verify")


def test_what_nobody_uses_is_taken_back(provider, source, no_cluster):
    theirs = provider.make("projects/team/app", "theirs", ["read_registry"], None)
    said = refused(*LOGIN, *source, env=no_cluster, code=3)
    assert "nobody uses what was minted, so gitlab is asked to take it back" in said
    assert provider.deploy_tokens == [theirs]


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        ((*LOGIN, "-n", "Not_One"), 2),
        (("secret", "pull", "--registry", REGISTRY, "-n", "team"), 3),
        (("secret", "pull", "--registry", REGISTRY, "--dry-run=server"), 3),
    ],
    ids=["no namespace", "no cluster", "tried only"],
)
def test_nor_is_anything_left_of_what_comes_to_nothing(provider, source, no_cluster, verb, code):
    refused(*verb, *source, env=no_cluster, code=code)
    assert provider.deploy_tokens == []


def test_nor_of_what_nobody_has_seen(provider, source):
    done = run_regcred("secret", "pull", "--dry-run=client", f"--registry={REGISTRY}", *source)
    assert done.stdout == b"secret/pull created (dry run)\n"
    assert provider.deploy_tokens == []


def test_a_cluster_that_nobody_can_read_of(provider, source, tmp_path):
    (tmp_path / "config").write_text("odd: [")
    env = {"KUBECONFIG": str(tmp_path / "config")}
    refused("secret", "pull", f"--registry={REGISTRY}", *source, env=env, code=2)
    assert provider.deploy_tokens == []


def test_what_cannot_be_taken_back_is_told(provider, source, no_cluster, monkeypatch):
    make = provider.make

    def and_then_no_more(*arguments):
        provider.access[ACCESS].revoked = True
        return make(*arguments)

    monkeypatch.setattr(provider, "make", and_then_no_more)
    said = refused(*LOGIN, *source, env=no_cluster, code=3)
    assert "what was minted ends by itself" in said
    assert len(provider.deploy_tokens) == 1


@pytest.mark.parametrize("kind", MINTED_KINDS)
def test_settings_are_those_of_the_crd(kind):
    crd = yaml.safe_load(CRD.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    fields = spec["properties"]["source"]["properties"][kind]["properties"]
    assert {*SETTINGS[kind]} == fields.keys() - {"secretRef", "identity"}


def test_settings_that_are_missing_are_named_as_flags():
    said = refused(*SECRET, "--from=ecr", code=None)
    assert "hint: give --set region=…, or write the registry as " in said
