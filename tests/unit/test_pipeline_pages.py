"""The pipelines on docs' pages are what the published schemas of their CIs take.

The schemas are those of SchemaStore and GitLab, as check-jsonschema ships them. Of a Jenkinsfile
there is none: braces, strings and sections are all that is looked at; Groovy is not.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster.paths import CHECKOUT
from regcred import __version__
from tests.support.pages import read_page
from tests.support.pipelines import read_jenkinsfile

PAGES = CHECKOUT / "docs" / "how-to"
WORKFLOW, PIPELINE = ".github/workflows/deploy.yml", ".gitlab-ci.yml"


def wrong(schema, folder, *texts):
    """Which of these files are not what the schema says."""
    files = [folder / f"{number}.yml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    command = ["check_jsonschema", "--builtin-schema", f"vendor.{schema}", "-o", "json"]
    done = subprocess.run(
        [sys.executable, "-m", *command, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert not found["parse_errors"]
    return {int(Path(error["filename"]).stem) for error in found["errors"]}


def test_a_workflow_is_one_with_the_steps_for_ecr_too(tmp_path):
    files = read_page(PAGES / "github-actions.md").files
    workflow = yaml.safe_load(files[WORKFLOW])
    workflow["jobs"]["deploy"]["steps"] += yaml.safe_load(files["ecr-steps.yml"])
    more = yaml.safe_dump(workflow).replace("true:", "'on':")
    worse = files[WORKFLOW].replace("run:", "runs:")
    assert wrong("github-workflows", tmp_path, files[WORKFLOW], more, worse) == {2}


def test_a_pipeline_is_one_with_the_job_for_ecr_too(tmp_path):
    files = read_page(PAGES / "gitlab-ci.md").files
    worse = files[PIPELINE].replace("script:", "scripts:")
    assert wrong("gitlab-ci", tmp_path, files[PIPELINE], files["ecr-job.yml"], worse) == {2}


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
