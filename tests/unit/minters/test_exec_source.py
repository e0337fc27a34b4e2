import asyncio
import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regcred.core.credential import Credential, Password
from regcred.minters import execplugin
from tests.support.processes import is_gone, wait_for_end
from tests.support.providers.desk import failure
from tests.support.providers.programs import Programs

REGISTRY = "registry.example.com/team"
HOST = "registry.example.com"
HELPER, PLUGIN = "docker-credential-x", "plugin-x"
SECRET = "hunter2-Correct-Horse"
UNKNOWN = "nobody says when what {} gives ends: defaultCacheDuration would"


@pytest.fixture
def programs(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    return Programs(folder)


@pytest.fixture
def env(programs):
    """The operator's environment, with a secret of its own."""
    return {
        "REGCRED_EXEC_PATH": str(programs.folder),
        "PATH": os.environ["PATH"],
        "OPERATORS_OWN": SECRET,
    }


@pytest.fixture
def desk_of(desk, env, clock):
    async def make(*registries):
        return await desk(*(registries or (REGISTRY,)), env=env, now=clock)

    return make


def helper(**more):
    return {"command": HELPER, "protocol": "CredentialHelper", **more}


def plugin(**more):
    return {"command": PLUGIN, "protocol": "CredentialProvider", **more}


def login(username="u", password=SECRET):
    return {"username": username, "password": password}


def jwt(expires):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int(expires.timestamp())}).encode())
    return f"eyJhbGciOiJub25lIn0.{claims.decode().rstrip('=')}.c2ln"


async def test_a_helper_is_asked_for_each_host(programs, desk_of):
    hub = "https://index.docker.io/v1/"
    programs.helper(HELPER, {HOST: ("u", SECRET), hub: ("h", "p"), "other:5000": ("o", "é\n")})
    registries = (REGISTRY, "docker.io/a", f"https://{HOST}/b", "docker.io", "other:5000")
    minted = await execplugin.mint(helper(args=["--x", "a b"]), await desk_of(*registries))
    assert minted.credentials == (
        Credential(REGISTRY, "u", Password(SECRET)),
        Credential("docker.io/a", "h", Password("p")),
        Credential(f"https://{HOST}/b", "u", Password(SECRET)),
        Credential("docker.io", "h", Password("p")),
        Credential("other:5000", "o", Password("é\n")),
    )
    assert (minted.expires, minted.handle) == (None, "")
    assert minted.warnings == (UNKNOWN.format(HELPER),)
    assert SECRET not in repr(minted)
    calls = programs.calls(HELPER)
    assert [call.stdin for call in calls] == [HOST, hub, "other:5000"]
    assert all(call.arguments == ["--x", "a b", "get"] for call in calls)


async def test_a_login_may_say_itself_when_it_ends(programs, desk_of, clock):
    soon, later = (clock().replace(microsecond=0) + timedelta(hours=n) for n in (1, 2))
    programs.helper(HELPER, {HOST: ("u", jwt(later)), "two:5000": ("u", jwt(soon))})
    settings = helper(defaultCacheDuration="1m")
    minted = await execplugin.mint(settings, await desk_of(REGISTRY, "two:5000"))
    assert (minted.expires, minted.warnings) == (soon, ())


async def test_a_person_may_know_how_long_it_is_good(programs, desk_of, clock):
    programs.helper(HELPER, {HOST: ("u", SECRET)})
    before = clock()
    minted = await execplugin.mint(helper(defaultCacheDuration="1h30m"), await desk_of())
    assert before <= minted.expires - timedelta(minutes=90) <= clock()
    assert minted.warnings == ()


async def test_a_login_that_has_ended_is_not_taken(programs, desk_of, clock):
    old = jwt(datetime(2020, 1, 1, tzinfo=UTC))
    programs.helper(HELPER, {HOST: ("u", old)})
    error = await failure(execplugin.mint(helper(), await desk_of()), hides=[old])
    assert error.reason == "MintFailed"
    assert f"{HELPER} gives a login that has ended at 2020-01-01T00:00:00Z" in error.message


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1", None])
async def test_a_plugin_is_asked_as_kubelet_asks_it(programs, desk_of, clock, version):
    answer = {"auth": {HOST: login(), "*.example.com": login("other")}, "cacheDuration": "12h0m0s"}
    programs.plugin(PLUGIN, {f"{REGISTRY}/x": answer})
    settings, named = plugin(args=["--y"]), f"credentialprovider.kubelet.k8s.io/{version or 'v1'}"
    if version:
        settings["apiVersion"] = named
    before = clock()
    minted = await execplugin.mint(
        settings, await desk_of(REGISTRY, f"{HOST}/two", "a.example.com")
    )
    assert minted.credentials == (
        Credential(REGISTRY, "u", Password(SECRET)),
        Credential(f"{HOST}/two", "u", Password(SECRET)),
        Credential("a.example.com", "other", Password(SECRET)),
    )
    assert before <= minted.expires - timedelta(hours=12) <= clock()
    assert (minted.handle, minted.warnings) == ("", ())
    (call,) = programs.calls(PLUGIN)
    assert call.arguments == ["--y"]
    assert json.loads(call.stdin) == {
        "kind": "CredentialProviderRequest",
        "apiVersion": named,
        "image": f"{REGISTRY}/x",
    }


async def test_a_plugin_is_asked_again_for_what_it_left_out(programs, desk_of, clock):
    one = {"auth": {HOST: login("one")}, "cacheDuration": "2h"}
    two = {"auth": {"docker.io": login("two")}, "cacheDuration": "1h"}
    programs.plugin(PLUGIN, {HOST: one, "docker.io/library/x": two})
    registries = (REGISTRY, "https://index.docker.io/v1/", f"{HOST}/b", "docker.io")
    minted = await execplugin.mint(plugin(), await desk_of(*registries))
    assert [each.username for each in minted.credentials] == ["one", "two", "one", "two"]
    assert minted.expires < clock() + timedelta(hours=1)
    assert len(programs.calls(PLUGIN)) == 2


async def test_the_image_that_is_named_is_asked_for_once(programs, desk_of):
    auth = {"eu.example.com": login("eu"), "us.example.com": login("us")}
    programs.plugin(PLUGIN, {"eu.example.com/team/app": {"auth": auth}})
    settings = plugin(image="eu.example.com/team/app:v1")
    minted = await execplugin.mint(settings, await desk_of("*.example.com", "us.example.com"))
    assert [each.username for each in minted.credentials] == ["eu", "us"]
    (call,) = programs.calls(PLUGIN)
    assert json.loads(call.stdin)["image"] == "eu.example.com/team/app"
    error = await failure(
        execplugin.mint(settings, await desk_of("us.example.com", "gcr.io")), hides=[SECRET]
    )
    assert (error.reason, error.message) == (
        "NotConfigured",
        f"{PLUGIN} has no login for 'gcr.io'",
    )


@pytest.mark.parametrize("duration", [{}, {"cacheDuration": None}, {"cacheDuration": "0s"}])
async def test_a_plugin_that_does_not_say_how_long(programs, desk_of, clock, duration):
    programs.plugin(PLUGIN, {HOST: {"auth": {HOST: login()}} | duration})
    minted = await execplugin.mint(plugin(), await desk_of())
    assert (minted.expires, minted.warnings) == (None, (UNKNOWN.format(PLUGIN),))
    minted = await execplugin.mint(plugin(defaultCacheDuration="10m"), await desk_of())
    assert minted.expires < clock() + timedelta(minutes=10)


async def test_what_ends_first_counts(programs, desk_of, clock):
    soon = clock().replace(microsecond=0) + timedelta(minutes=5)
    answer = {"auth": {HOST: login(password=jwt(soon))}, "cacheDuration": "12h"}
    programs.plugin(PLUGIN, {HOST: answer})
    assert (await execplugin.mint(plugin(), await desk_of())).expires == soon


@pytest.mark.parametrize("settings", [helper(), plugin()])
async def test_it_gets_nothing_of_the_environment_that_it_is_not_given(
    programs, env, desk_of, settings
):
    programs.helper(HELPER, {HOST: ("u", SECRET)})
    programs.plugin(PLUGIN, {HOST: {"auth": {HOST: login()}}})
    env |= {"HOME": "/home/x", "LANG": "C", "no_proxy": "a", "AWS_REGION": "r", "AWS_KEY": "k"}
    env["REGCRED_EXEC_ENV"] = "AWS_*, MINE"
    path = f"{programs.folder}:{env['PATH']}"
    always = {"HOME": "/home/x", "LANG": "C", "no_proxy": "a", "PATH": path}
    given = {
        "env": [{"name": "AWS_PROFILE", "value": "p $HOME"}, {"name": "MINE", "value": ""}],
        "passEnv": ["AWS_REGION", "AWS_NONE"],
    }
    desk, name = await desk_of(), settings["command"]
    await execplugin.mint(settings, desk)
    await execplugin.mint(settings | given, desk)
    known = {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}  # which an interpreter sets for itself
    first, second = (
        {k: v for k, v in c.env.items() if k not in known} for c in programs.calls(name)
    )
    assert first == always
    assert second == always | {"AWS_PROFILE": "p $HOME", "MINE": "", "AWS_REGION": "r"}


@pytest.mark.parametrize("allowed", [None, "", "AWS_*", "LD_PRELOADS,XLD_PRELOAD", " , "])
@pytest.mark.parametrize("name", ["LD_PRELOAD", "BASH_ENV", "PATH", "OPERATORS_OWN"])
@pytest.mark.parametrize("where", ["env", "passEnv"])
async def test_it_is_given_nothing_that_nobody_allows(programs, env, desk_of, allowed, name, where):
    programs.script(HELPER, "echo ran > ran")
    if allowed is not None:
        env["REGCRED_EXEC_ENV"] = allowed
    given = [{"name": name, "value": "v"}] if where == "env" else [name]
    error = await failure(
        execplugin.mint(helper(**{where: given}), await desk_of()), hides=[SECRET]
    )
    assert error.reason == "NotConfigured"
    assert f"{name} is no variable that a PullCredential may give" in error.message
    assert error.hint.startswith("REGCRED_EXEC_ENV of the operator")


@pytest.mark.parametrize(
    "command",
    [
        "/bin/sh",
        "../programs/docker-credential-x",
        "./x",
        ".",
        "..",
        "a b",
        "a;b",
        "$(a)",
        "é",
        "a\n",
    ],
)
async def test_only_names_are_commands(programs, desk_of, command):
    programs.helper(HELPER, {HOST: ("u", SECRET)})
    error = await failure(execplugin.mint(helper(command=command), await desk_of()), hides=[])
    assert error.reason == "NotConfigured"
    assert error.message == "command has to be the name of a program, without a folder"


async def test_only_what_is_in_the_folders_is_run(programs, env, desk_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Programs(tmp_path).helper(HELPER, {HOST: ("here", "p")})
    programs.script("unfit", "", mode=0o600)
    (programs.folder / "folder").mkdir()
    for command in (HELPER, "sh", "folder", "docker-credential-none"):
        error = await failure(execplugin.mint(helper(command=command), await desk_of()), hides=[])
        assert error.reason == "NotConfigured"
        assert error.message == f"there is no program {command} in {programs.folder}"
    error = await failure(execplugin.mint(helper(command="unfit"), await desk_of()), hides=[])
    assert error.message == f"{programs.folder}/unfit is not executable"
    assert error.hint == f"chmod +x {programs.folder}/unfit"
    for folders in (None, "", ".", ":", "programs"):
        env["REGCRED_EXEC_PATH"] = folders
        if folders is None:
            del env["REGCRED_EXEC_PATH"]
        error = await failure(execplugin.mint(helper(), await desk_of()), hides=[])
        assert "has no programs that a PullCredential could run" in error.message
        assert "REGCRED_EXEC_PATH" in error.hint
    env["REGCRED_EXEC_PATH"] = f":.:/nonexistent:{tmp_path}:{programs.folder}"
    programs.helper(HELPER, {HOST: ("there", "p")})
    minted = await execplugin.mint(helper(), await desk_of())
    assert minted.credentials[0].username == "here"


async def test_arguments_meet_no_shell(programs, desk_of):
    programs.helper(HELPER, {HOST: ("u", SECRET)})
    odd = ["$(id)", "; id", "`id`", "*", "'", '"', "a\nb"]
    await execplugin.mint(helper(args=odd), await desk_of())
    assert programs.calls(HELPER)[0].arguments == [*odd, "get"]


ENDS = [
    ("exit 3", "MintFailed", "failed with exit code 3: it said nothing on stderr"),
    ("echo no role >&2; exit 1", "MintFailed", "failed with exit code 1: no role"),
    ("echo 'No.' >&2; exit 1", "MintFailed", "failed with exit code 1: No"),
    (f"echo {SECRET}; exit 1", "MintFailed", "failed with exit code 1: it said nothing"),
    ("kill -9 $$", "MintFailed", "failed with signal 9"),
    ("yes abcdefgh", "MintFailed", "printed more than 1 MiB, and was ended"),
    ("sleep 600", "Unreachable", "did not answer within 1 s, and was ended"),
    ("exec >&- 2>&-; sleep 600", "Unreachable", "did not answer within 1 s, and was ended"),
]


@pytest.mark.parametrize(("script", "reason", "said"), ENDS)
@pytest.mark.parametrize("settings", [helper(), plugin()])
async def test_a_program_that_ends_badly(programs, desk_of, settings, script, reason, said):
    name = settings["command"]
    programs.script(name, script)
    seconds = 1 if reason == "Unreachable" else 300
    work = execplugin.mint(settings | {"timeoutSeconds": seconds}, await desk_of())
    error = await failure(work, hides=[SECRET])
    assert error.reason == reason
    assert error.message.startswith(f"{name} {said}")
    assert error.hint


async def test_what_it_was_given_is_not_in_its_last_words(programs, env, desk_of):
    programs.script(HELPER, "echo no $GIVEN, $OPERATORS_OWN, $HTTPS_PROXY >&2; exit 1")
    env |= {"REGCRED_EXEC_ENV": "*", "HTTPS_PROXY": "http://u:pass@proxy:1"}
    settings = helper(env=[{"name": "GIVEN", "value": "pw-1"}], passEnv=["OPERATORS_OWN"])
    hides = [SECRET, "pw-1", "u:pass"]
    error = await failure(execplugin.mint(settings, await desk_of()), hides=hides)
    assert "no ********, ********, ********" in error.message


@pytest.mark.parametrize("text", ["#!/nonexistent/interpreter\n", "\x7fELF no program"])
async def test_a_program_that_does_not_start(programs, desk_of, text):
    programs.script(HELPER, "").write_text(text)
    error = await failure(execplugin.mint(helper(), await desk_of()), hides=[SECRET])
    assert (error.reason, f"{HELPER} does not start: " in error.message) == ("NotConfigured", True)


async def test_a_nul_in_a_value(programs, desk_of):
    programs.helper(HELPER, {})
    error = await failure(execplugin.mint(helper(args=["a\0b"]), await desk_of()), hides=[])
    assert error.message == f"{HELPER} does not start: a value holds a NUL character"


@pytest.mark.parametrize("outputs", ["", "exec >&- 2>&-"])
async def test_to_cancel_it_is_to_end_it_with_what_it_started(programs, desk_of, tmp_path, outputs):
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    start = f"sleep 600 >/dev/null 2>&1 &\n{outputs}\necho $$ $! > {pipe}\nwait"
    programs.script(HELPER, start)
    work = asyncio.create_task(execplugin.mint(helper(timeoutSeconds=300), await desk_of()))
    own, other = map(int, (await asyncio.to_thread(pipe.read_text)).split())
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert is_gone(own)
    await asyncio.to_thread(wait_for_end, other)


def descriptors():
    return sorted(Path("/proc/self/fd").iterdir())


async def test_no_descriptor_is_left(programs, desk_of):
    programs.script(HELPER, "exit 1")
    desk = await desk_of()
    await failure(execplugin.mint(helper(), desk), hides=[])
    before = descriptors()
    for _ in range(3):
        await failure(execplugin.mint(helper(), desk), hides=[])
    assert descriptors() == before


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        ("", "MintFailed", "did not print JSON"),
        (f"<html>{SECRET}", "MintFailed", "did not print JSON"),
        (json.dumps([SECRET]), "MintFailed", "printed a list and not an object"),
        (json.dumps({}), "NotConfigured", f"has no login for '{HOST}'"),
        (json.dumps({"Username": "u"}), "NotConfigured", f"has no login for '{HOST}'"),
        (json.dumps({"Secret": SECRET}), "NotConfigured", f"has no login for '{HOST}'"),
        (json.dumps({"Username": 5, "Secret": SECRET}), "NotConfigured", "has no login for"),
        (
            json.dumps({"Username": "<token>", "Secret": SECRET}),
            "MintFailed",
            f"gives an identity token for '{HOST}', which kubelet cannot use",
        ),
    ],
)
async def test_what_is_no_answer_of_a_helper(programs, desk_of, said, reason, message):
    programs.script(HELPER, f"cat <<'EOF'\n{said}\nEOF")
    error = await failure(execplugin.mint(helper(), await desk_of()), hides=[SECRET])
    assert error.reason == reason
    assert error.message.startswith(f"{HELPER} {message}")


async def test_a_helper_that_has_no_login(programs, desk_of):
    programs.helper(HELPER, {"gcr.io": ("u", SECRET)})
    error = await failure(execplugin.mint(helper(), await desk_of()), hides=[SECRET])
    assert (error.reason, error.message) == (
        "NotConfigured",
        f"{HELPER} has no login for '{HOST}'",
    )


HEAD = {
    "kind": "CredentialProviderResponse",
    "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    "cacheKeyType": "Registry",
    "auth": {HOST: login()},
}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "it is not JSON"),
        (SECRET, "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ([SECRET], "it is not an object"),
        (HEAD | {"kind": SECRET}, "it is not of the kind CredentialProviderResponse"),
        (HEAD | {"apiVersion": "v1"}, "it is not of the apiVersion credentialprovider.kube"),
        (HEAD | {"cacheKeyType": SECRET}, "its cacheKeyType is none of Image, Registry, Global"),
        (HEAD | {"cacheKeyType": ["Image"]}, "its cacheKeyType is none of"),
        (HEAD | {"auth": [SECRET]}, "its auth is not an object"),
        (HEAD | {"auth": {HOST: SECRET}}, "an entry of its auth is not an object"),
        (HEAD | {"auth": {HOST: login(password=[SECRET])}}, "a username or password of its auth"),
        *(
            (HEAD | {"cacheDuration": each}, "its cacheDuration is not a duration")
            for each in (5, "soon", "-1h", "1d", "", SECRET, [SECRET])
        ),
    ],
)
async def test_what_is_no_answer_of_a_plugin(programs, desk_of, said, why):
    said = said if isinstance(said, str) else json.dumps(said)
    programs.script(PLUGIN, f"cat <<'EOF'\n{said}\nEOF")
    error = await failure(execplugin.mint(plugin(), await desk_of()), hides=[SECRET])
    assert error.reason == "MintFailed"
    assert error.message.startswith(f"{PLUGIN} printed what kubelet could not use: {why}")


@pytest.mark.parametrize(
    "auth",
    [
        *(None, {}, {"gcr.io": login()}, {HOST: {}}, {HOST: login("")}, {HOST: login("u", "")}),
        *({HOST: login(None)}, {"registry.example.com:5000": login()}, {"%zz": login()}),
    ],
)
async def test_a_plugin_that_has_no_login(programs, desk_of, auth):
    programs.plugin(PLUGIN, {HOST: {"auth": auth}})
    error = await failure(execplugin.mint(plugin(), await desk_of()), hides=[SECRET])
    assert (error.reason, error.message) == (
        "NotConfigured",
        f"{PLUGIN} has no login for '{REGISTRY}'",
    )


async def test_the_longest_key_comes_first(programs, desk_of):
    auth = {HOST: login("host"), f"{HOST}/team": login("team"), "*.example.com": login("any")}
    programs.plugin(PLUGIN, {HOST: {"auth": auth}})
    minted = await execplugin.mint(plugin(), await desk_of(REGISTRY, f"{HOST}/other"))
    assert [each.username for each in minted.credentials] == ["team", "host"]


@pytest.mark.parametrize(
    ("settings", "registry", "said"),
    [
        (helper(command=None), REGISTRY, "command is required"),
        (helper(command=5), REGISTRY, "command is required"),
        (helper(protocol=None), REGISTRY, "protocol has to be CredentialHelper or"),
        (helper(protocol="Other"), REGISTRY, "protocol has to be CredentialHelper or"),
        (helper(args="get"), REGISTRY, "args has to be a list of texts"),
        (helper(args=[5]), REGISTRY, "args has to be a list of texts"),
        (helper(env={"A": "b"}), REGISTRY, "env has to be a list of objects"),
        (helper(env=["A=b"]), REGISTRY, "env has to be a list of objects"),
        (helper(env=[{"value": "b"}]), REGISTRY, "name is required"),
        (helper(env=[{"name": "A"}]), REGISTRY, "env: the value of A has to be a text"),
        (helper(env=[{"name": "A", "value": 5}]), REGISTRY, "env: the value of A has to be"),
        (helper(env=[{"name": "A=B", "value": ""}]), REGISTRY, "A=B cannot be the name of a"),
        (helper(passEnv="A"), REGISTRY, "passEnv has to be a list of texts"),
        (helper(passEnv=["BASH_FUNC_a%%"]), REGISTRY, "cannot be the name of a variable"),
        (helper(timeoutSeconds=0), REGISTRY, "timeoutSeconds has to be a number from 1 to 300"),
        (helper(timeoutSeconds="5"), REGISTRY, "timeoutSeconds has to be a number"),
        (helper(defaultCacheDuration="1d"), REGISTRY, "defaultCacheDuration has to be a duration"),
        (helper(defaultCacheDuration=5), REGISTRY, "defaultCacheDuration is required, and has to"),
        (helper(), "*.example.com", "'*.example.com' is a pattern, and a credential helper is"),
        (helper(), "%zz", "is not a registry"),
        (plugin(), "*.example.com", "'*.example.com' is a pattern, and a credential provider is"),
        (plugin(), "%zz", "is not a registry"),
        (plugin(), f"{HOST}/UPPER", "no image can be asked for"),
        (plugin(image="UPPER"), REGISTRY, "no image can be asked for"),
        (plugin(image=5), REGISTRY, "image is required, and has to be a text"),
        (plugin(apiVersion="v1"), REGISTRY, "apiVersion has to be one of credentialprovider."),
    ],
)
async def test_settings_that_cannot_be_meant(programs, env, desk_of, settings, registry, said):
    env["REGCRED_EXEC_ENV"] = "*"
    programs.helper(HELPER, {HOST: ("u", SECRET)})
    programs.plugin(PLUGIN, {HOST: {"auth": {HOST: login()}}})
    error = await failure(execplugin.mint(settings, await desk_of(registry)), hides=[SECRET])
    assert (error.reason, said in error.message) == ("NotConfigured", True)
    assert programs.calls(HELPER) + programs.calls(PLUGIN) == []
