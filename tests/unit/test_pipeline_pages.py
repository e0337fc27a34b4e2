"""The pipelines on docs' pages are what the published schemas of their CIs take.

The schemas are those of SchemaStore and GitLab, as check-jsonschema ships them. Of a Jenkinsfile
there is none: braces, strings and sections are all that is looked at; Groovy is not.
"""

import json
import subprocess
import sys

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred import __version__
from tests.support.pages import read_page
from tests.support.pipelines import read_jenkinsfile

PAGES = CHECKOUT / "docs" / "how-to"
WORKFLOW, PIPELINE = ".github/workflows/deploy.yml", ".gitlab-ci.yml"


def held_to(schema, text, folder):
    """What check-jsonschema says of a file; empty for nothing."""
    file = folder / "file.yml"
    file.write_text(text)
    command = ["check_jsonschema", "--builtin-schema", f"vendor.{schema}", "-o", "json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert (done.returncode == 0) == (found["status"] == "ok"), done
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize(
    ("page", "file", "schema"),
    [
        ("github-actions.md", WORKFLOW, "github-workflows"),
        ("gitlab-ci.md", PIPELINE, "gitlab-ci"),
        ("gitlab-ci.md", "ecr-job.yml", "gitlab-ci"),
    ],
)
def test_a_pipeline_is_one(page, file, schema, tmp_path):
    text = read_page(PAGES / page).files[file]
    assert held_to(schema, text, tmp_path) == ""
    assert held_to(schema, text.replace("script:", "scripts:").replace("run:", "runs:"), tmp_path)


def test_the_steps_for_ecr_fit_into_the_workflow(tmp_path):
    files = read_page(PAGES / "github-actions.md").files
    workflow = yaml.safe_load(files[WORKFLOW])
    workflow["jobs"]["deploy"]["steps"] += yaml.safe_load(files["ecr-steps.yml"])
    text = yaml.safe_dump(workflow).replace("true:", "'on':")
    assert held_to("github-workflows", text, tmp_path) == ""


def test_a_jenkinsfile_has_its_sections():
    text = read_page(PAGES / "jenkins.md").files["Jenkinsfile"]
    pipeline = read_jenkinsfile(text)
    sections = ["agent", "options", "environment", "stages", "post"]
    assert [block.head for block in pipeline.blocks] == sections
    (stages,) = pipeline.of("stages")
    for stage in stages.of("stage"):
        assert {block.head for block in stage.blocks} <= {"when", "environment", "steps"}
        (steps,) = stage.of("steps")
        assert steps.lines
        # Groovy fills in double quotes, also what is secret.
        assert all(line.startswith("sh '") for line in steps.lines)
    with pytest.raises(AssertionError):
        read_jenkinsfile(text.rstrip().removesuffix("}"))


def test_the_version_is_the_one_that_there_is():
    for page in ("github-actions.md", "gitlab-ci.md", "jenkins.md"):
        text = (PAGES / page).read_text()
        assert f"=={__version__}" in text
        assert text.count("==0.") == text.count(f"=={__version__}")
