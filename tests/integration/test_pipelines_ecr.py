"""The pipelines' steps without a stored password, with AWS as the minters' tests have it.

What the CI itself does before is not run: the action that takes GitHub's token to AWS leaves keys
of a session behind, which are given here; GitLab's token is one of an issuer of the tests. ECR's
registry is not there to be asked, so the login is not verified.
"""

import pytest
import yaml

from cluster.paths import CHECKOUT
from tests.support.pages import read_page
from tests.support.pipelines import Machine
from tests.support.providers import aws
from tests.support.providers.oidc import Issuer
from tests.support.providers.serving import Clock, serve

PAGES = CHECKOUT / "docs" / "how-to"
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SHELL = "bash -eo pipefail"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def issuer(clock):
    made = Issuer(clock)
    with serve(made.app) as served:
        made.url = served.url
        yield made


@pytest.fixture
def cloud(clock, issuer):
    with aws.moto() as account:
        yield aws.Aws(account, clock, issuer.url)


@pytest.fixture
def job(cluster, kubeconfig, namespace, cloud, tmp_path):
    """Run a script as a job of the CI does: ``job(script, VARIABLE=…)``."""
    machine = Machine(cluster, tmp_path)
    with serve(cloud.app) as served:
        env = {
            "KUBECONFIG": str(kubeconfig),
            "NAMESPACE": namespace,
            "AWS_ENDPOINT_URL_ECR": served.url,
            "AWS_ENDPOINT_URL_STS": served.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

        def run(script, **more):
            programs = machine.temporary / "programs"
            programs.mkdir()
            (programs / "regcred").symlink_to(machine.image)
            path = f"{programs}:{machine.env['PATH']}"
            script = script.replace("--from ecr", "--from ecr --skip-verify")
            code, said = machine.run(SHELL, script, env | more | {"PATH": path})
            assert code == 0, said
            return "\n".join([said, *machine.argv])

        yield run


def has_login(world, cloud):
    _, password = world.logins()[REGISTRY]
    assert any(password == each for each in cloud.tokens)
    assert world.attached() == ["regcred"]
    return password


def test_on_github(job, world, cloud):
    steps = yaml.safe_load(read_page(PAGES / "github-actions.md").files["ecr-steps.yml"])
    first, second = steps
    assert first["with"].keys() == {"role-to-assume", "aws-region"}
    keys = cloud.session()
    said = job(
        second["run"],
        AWS_ACCESS_KEY_ID=keys.id,
        AWS_SECRET_ACCESS_KEY=keys.secret,
        AWS_SESSION_TOKEN=keys.session,
        AWS_REGION=first["with"]["aws-region"],
    )
    assert not any(each in said for each in (has_login(world, cloud), keys.secret))


def test_on_gitlab(job, world, cloud, issuer):
    page = yaml.safe_load(read_page(PAGES / "gitlab-ci.md").files["ecr-job.yml"])["deploy"]
    ((variable, _),) = page["id_tokens"].items()
    token = issuer.token(aws.SERVICE_ACCOUNT, aws.AUDIENCE)
    # The role that trusts this issuer has another name.
    role = {"AWS_ROLE_ARN": aws.FEDERATED}
    assert page["variables"].keys() >= role.keys()
    said = job("\n".join(page["script"]), **page["variables"] | role | {variable: token})
    assert not any(each in said for each in (has_login(world, cloud), token))
