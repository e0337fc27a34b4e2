"""The pipelines of docs, run as far as the shell goes: each script as it stands there, in order.

What a CI does around the scripts is done here in its place, and only what the pages use: which jobs
run, the variables that a step gets, secrets, the shell and its flags, what a failed step does to
those after it. What GitHub, GitLab and Jenkins themselves would make of a file is not known from
this: the actions that are used are not run, nor is Groovy, and uv is a stand-in that installs the
regcred of this checkout. The YAML is held to its published schemas by tests/unit.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cluster import Cluster

_UV = """\
#!/bin/sh
# In place of uv, which would ask a package index.
[ "$1 $2" = "tool install" ] || exit 64
echo "$3" >> {log}.installed
bin="${{UV_TOOL_BIN_DIR:-$HOME/.local/bin}}"
mkdir -p "$bin" && ln -sf {regcred} "$bin/regcred"
"""
_LOGGED = '#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec {program} "$@"\n'


@dataclass
class Done:
    """What a pipeline came to.

    Args:
        code: 0, or the exit code of the step that failed; None where no job ran.
        said: what its steps printed.
        summary: what they wrote into ``GITHUB_STEP_SUMMARY``.
    """

    code: int | None = None
    said: str = ""
    summary: str = ""


class Machine:
    """Where jobs run: an environment that has only what the CI gives, and programs of its own.

    Args:
        cluster: whose kubectl.
        folder: of it; ``work`` in it is the checkout.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.work, self._log = folder / "work", folder / "argv"
        programs, home = folder / "programs", folder / "home"
        for made in (self.work, programs, home, folder / "temporary"):
            made.mkdir()
        self._log.touch()
        regcred = folder / "regcred"
        ours = f"{sys.executable} -m regcred"
        texts = {
            regcred: _LOGGED.format(log=self._log, program=ours),
            programs / "kubectl": _LOGGED.format(log=self._log, program=cluster.kubectl_path),
            programs / "uv": _UV.format(log=self._log, regcred=regcred),
            programs / "sleep": "#!/bin/sh\n",  # pauses between tries
        }
        for path, text in texts.items():
            path.write_text(text)
            path.chmod(0o755)
        path = f"{home}/.local/bin:{programs}:/usr/bin:/bin"
        self.env = {"PATH": path, "HOME": str(home), "CI": "true", "LANG": "C.UTF-8"}
        self.temporary, self.image = folder / "temporary", regcred

    @property
    def argv(self) -> list[str]:
        """The arguments of each regcred and kubectl that was started."""
        return self._log.read_text().splitlines()

    @property
    def installed(self) -> set[str]:
        """What uv was told to install."""
        path = self._log.with_suffix(".installed")
        return set(path.read_text().split()) if path.exists() else set()

    def run(self, shell: str, script: str, env: Mapping[str, str]) -> tuple[int, str]:
        """Exit code and output of a script.

        Args:
            shell: with its flags.
            script: given as a file.
            env: added to the machine's.
        """
        file = self.temporary / "script.sh"
        file.write_text(script)
        done = subprocess.run(
            [*shlex.split(shell), str(file)],
            cwd=self.work,
            env=self.env | dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout


def github(
    text: str, machine: Machine, event: Mapping[str, str], secrets: Mapping[str, str]
) -> Done:
    """Run a workflow.

    Args:
        text: of the file.
        machine: where; what the workflow ``uses`` is there already.
        event: the context: ``github.event_name`` and so on.
        secrets: name → value.
    """
    workflow = yaml.safe_load(text)
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    done = Done()
    for job in workflow["jobs"].values():
        if not _holds(job["if"], event):
            continue
        done.code = 0
        files = {name: machine.temporary / name for name in ("GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        env = {name: str(path) for name, path in files.items()}
        env |= {"RUNNER_TEMP": str(machine.temporary), "GITHUB_ACTIONS": "true"}
        for step in job["steps"]:
            assert step.keys() <= {"name", "if", "env", "run", "uses", "with"}
            if step.get("if", "success()") != ("failure()" if done.code else "success()"):
                continue
            if "uses" in step:
                assert re.fullmatch(
                    r"(actions/checkout|astral-sh/setup-uv)@[0-9a-f]{40}", step["uses"]
                )
                continue
            assert "${{" not in step["run"], "a secret would become part of the script"
            given = {key: _filled(value, secrets) for key, value in step.get("env", {}).items()}
            told = dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
            shell = "bash --noprofile --norc -eo pipefail"
            code, said = machine.run(shell, step["run"], workflow["env"] | env | told | given)
            done.code, done.said = done.code or code, done.said + said
        done.summary = files["GITHUB_STEP_SUMMARY"].read_text()
    return done


def _filled(value: str, secrets: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda found: secrets[found[1]], value)


def gitlab(text: str, machine: Machine, variables: Mapping[str, str]) -> Done:
    """Run a pipeline; ``check.xml`` is left in the checkout.

    Args:
        text: of the file.
        machine: where; regcred is in the jobs' image.
        variables: predefined ones, and those of the project.
    """
    pipeline = yaml.safe_load(text)
    image = machine.temporary / "image"
    image.mkdir(exist_ok=True)
    if not (image / "regcred").exists():
        (image / "regcred").symlink_to(machine.image)
    env = {"CI_PROJECT_DIR": str(machine.work), "GITLAB_CI": "true", **variables}
    env |= {"PATH": f"{image}:{machine.env['PATH']}"} | pipeline["variables"]
    done = Done()
    names = [
        name for stage in pipeline["stages"] for name in pipeline if _stage(pipeline, name) == stage
    ]
    for name in names:
        job = pipeline[name]
        job = pipeline[job["extends"]] | job
        assert job["artifacts"] == {"when": "always", "reports": {"junit": "check.xml"}}
        if done.code or not any(_holds(rule["if"], variables) for rule in job["rules"]):
            continue
        for _ in range(1 + job["retry"]["max"]):
            done.code, said = machine.run("bash -eo pipefail", "\n".join(job["script"]), env)
            done.said += said
            if done.code not in job["retry"]["exit_codes"]:
                break
    return done


def _stage(pipeline: Mapping[str, Any], name: str) -> str:
    job = pipeline[name]
    return job.get("stage", "") if isinstance(job, dict) and not name.startswith(".") else ""


def _holds(condition: str, known: Mapping[str, str]) -> bool:
    """``a == b && c == d`` of GitHub or GitLab: quoted is text, else a name; unknown is empty."""

    def value(term: str) -> str:
        term = term.strip()
        return term[1:-1] if term[0] in "'\"" else known.get(term.removeprefix("$"), "")

    parts = [part.split("==") for part in condition.split("&&")]
    return all(value(left) == value(right) for left, right in parts)


@dataclass
class Block:
    """``NAME(ARGUMENTS) { … }`` of a declarative Jenkinsfile.

    Args:
        head: what stands before the brace.
        lines: its statements that are no blocks, in order; of ``sh`` the script alone.
        blocks: those in it.
    """

    head: str
    lines: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def of(self, name: str) -> list[Block]:
        """Its blocks of a name."""
        return [block for block in self.blocks if re.match(rf"{name}\b", block.head)]


def read_jenkinsfile(text: str) -> Block:
    """Blocks, strings and statements of a Jenkinsfile; Groovy itself is not looked at.

    Raises:
        AssertionError: braces or strings that do not end.
    """
    token = re.compile(r"'''[\s\S]*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*|[{}\n]|[^{}\n'\"/]+|/")
    root = Block("")
    stack, statement, end = [root], "", 0
    for found in token.finditer(text):
        assert found.start() == end, text[end : end + 40]
        end, part = found.end(), found[0]
        if part == "{":
            stack[-1].blocks.append(Block(statement.strip()))
            stack.append(stack[-1].blocks[-1])
            statement = ""
        elif part in ("\n", "}"):
            if statement.strip():
                stack[-1].lines.append(statement.strip())
            statement = ""
            if part == "}":
                stack.pop()
        elif not part.startswith("//"):
            statement += part
    assert end == len(text)
    assert stack == [root], "a brace is not closed"
    (pipeline,) = root.blocks
    assert pipeline.head == "pipeline"
    return pipeline


def jenkins(
    text: str, machine: Machine, env: Mapping[str, str], credentials: Mapping[str, Any]
) -> Done:
    """Run the stages; ``check.xml`` is left in the workspace.

    Args:
        text: of the Jenkinsfile.
        machine: where.
        env: what Jenkins sets: ``BRANCH_NAME``, ``CHANGE_ID``, ``CHANGE_FORK``.
        credentials: ID → path of a file, or (user, password).
    """
    pipeline = read_jenkinsfile(text)
    env = {"WORKSPACE": str(machine.work), "JENKINS_URL": "http://jenkins", **env}
    env |= _environment(pipeline, env, credentials)
    done = Done()
    (stages,) = pipeline.of("stages")
    for stage in stages.of("stage"):
        if done.code or not _when(stage, env):
            continue
        given = env | _environment(stage, env, credentials)
        (steps,) = stage.of("steps")
        assert not steps.blocks
        for line in steps.lines:
            script = re.fullmatch(r"sh ('''|')([\s\S]*)\1", line)
            assert script, line
            done.code, said = machine.run("sh -xe", textwrap.dedent(script[2]), given)
            done.said += said
            if done.code:
                break
    (post,) = pipeline.of("post")
    (always,) = post.of("always")
    assert always.lines == ["junit testResults: 'check.xml', allowEmptyResults: true"]
    return done


def _environment(
    block: Block, env: Mapping[str, str], credentials: Mapping[str, Any]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in (line for each in block.of("environment") for line in each.lines):
        name, _, value = line.partition(" = ")
        if kept := re.fullmatch(r"credentials\('(.*)'\)", value):
            given = credentials[kept[1]]
            if isinstance(given, str):
                found[name] = given
            else:
                pair = {f"{name}_USR": given[0], f"{name}_PSW": given[1]}
                found |= pair | {name: ":".join(given)}
        elif value[0] == "'":
            found[name] = value[1:-1]
        else:
            found[name] = re.sub(r"\$\{(\w+)\}", lambda found: env[found[1]], value[1:-1])
    return found


def _when(stage: Block, env: Mapping[str, str]) -> bool:
    known = {
        "changeRequest()": "CHANGE_ID" in env,
        "branch 'main'": env.get("BRANCH_NAME") == "main",
        "!env.CHANGE_FORK": not env.get("CHANGE_FORK"),
    }
    conditions = [line for when in stage.of("when") for line in when.lines]
    conditions += [
        line for when in stage.of("when") for e in when.of("expression") for line in e.lines
    ]
    return all(known[each] for each in conditions)
