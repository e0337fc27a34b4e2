import pytest

from regcred.core.manifests import krmsettings, resourcelist
from regcred.core.manifests.inject import Request
from regcred.core.manifests.krmsettings import BadSetting
from regcred.core.manifests.manifestpath import parse_kind_path

OBJECT = "apiVersion: regcred.dev/v1alpha1\nkind: RegcredInject\nmetadata: {name: x}\nspec: "
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: "
ROLLOUT = parse_kind_path("Rollout=.spec.x")


def request(config="", **env):
    """The request of a functionConfig in YAML and of REGCRED_ variables without that prefix."""
    lines = "".join(f"  {line}\n" for line in config.splitlines())
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    text = f"{head}functionConfig:\n{lines}"
    variables = {f"REGCRED_{name}": value for name, value in env.items()}
    return krmsettings.request(resourcelist.read(text).config, variables)


def problem(config="", **env):
    with pytest.raises(BadSetting) as caught:
        request(config, **env)
    return caught.value.problem, caught.value.field


EVERYTHING = Request(
    ("a", "b"),
    serviceaccounts=True,
    images=("x/*", "y"),
    paths=(ROLLOUT,),
    namespace="team-a",
    keep=True,
)


def test_everything_in_a_config_map():
    found = request(
        CONFIG_MAP
        + "{secrets: 'a,b , a', image: 'x/* y', path: Rollout=.spec.x, serviceaccounts: 'true', "
        "keep-serviceaccount-secrets: 'Yes', namespace: team-a}"
    )
    assert found == EVERYTHING


def test_everything_in_an_object_of_our_own():
    found = request(
        OBJECT + "{secrets: [a, b], images: [x/*, y], paths: [Rollout=.spec.x], "
        "serviceAccounts: true, keepServiceAccountSecrets: true, namespace: team-a}"
    )
    assert found == EVERYTHING


@pytest.mark.parametrize("config", ["", OBJECT, OBJECT + "null", OBJECT + "{}", CONFIG_MAP + "{}"])
def test_everything_in_the_environment(config):
    found = request(
        config,
        SECRET="a,b",
        IMAGE="x/* y",
        PATH=" Rollout=.spec.x\n",
        SERVICEACCOUNTS="1",
        KEEP_SERVICEACCOUNT_SECRETS="on",
        NAMESPACE="team-a",
    )
    assert found == EVERYTHING


def test_the_functionconfig_comes_before_the_environment():
    config = CONFIG_MAP + "{secrets: a, serviceaccounts: 'false'}"
    found = request(config, SECRET="b", SERVICEACCOUNTS="true", NAMESPACE="x", IMAGE="")
    assert found == Request(("a",), namespace="x")


def test_aliases_are_followed():
    assert request(OBJECT + "{secrets: &a [a], images: *a}") == Request(("a",), images=("a",))


def test_numbers_and_empty_lists_are_what_they_look_like():
    assert request(OBJECT + "{secrets: [1], images: []}") == Request(("1",))


@pytest.mark.parametrize(
    ("config", "field", "says"),
    [
        (CONFIG_MAP + "{secret: a}", "data.secret", "known are secrets, image, path, "),
        (CONFIG_MAP + "{images: a}", "data.images", "known are secrets, image, path, "),
        (OBJECT + "{image: a}", "spec.image", "known are secrets, images, paths, serviceAccounts"),
        (OBJECT + "{<<: {secrets: [a]}}", "spec.<<", "is not known"),
        (OBJECT + "{}\nSpec: {}", "Spec", "known are apiVersion, kind, metadata, spec"),
        (CONFIG_MAP + "{}\nspec: {}", "spec", "known are apiVersion, kind, metadata, data"),
        (CONFIG_MAP + "{secrets: a, secrets: b}", "data.secrets", "stands twice"),
        (CONFIG_MAP + "[]", "data", "is not a mapping"),
        (OBJECT + "text", "spec", "is not a mapping"),
        (CONFIG_MAP + "{secrets: ''}", "data.secrets", "is empty"),
        (CONFIG_MAP + "{secrets: [a]}", "data.secrets", "is empty, or no string"),
        (CONFIG_MAP + "{secrets: 'a,,b'}", "data.secrets", "has an entry that is empty"),
        (CONFIG_MAP + "{secrets: a, image: ' '}", "data.image", "is empty"),
        (CONFIG_MAP + "{secrets: a, serviceaccounts: null}", "data.serviceaccounts", "is empty"),
        (CONFIG_MAP + "{secrets: A_B}", "data.secrets", "'A_B' cannot be the name of a Secret"),
        (CONFIG_MAP + "{secrets: a, namespace: A}", "data.namespace", "name of a namespace"),
        (CONFIG_MAP + "{secrets: a, path: x}", "data.path", "'x' is not KIND=PATH"),
        (CONFIG_MAP + "{secrets: a, serviceaccounts: ja}", "data.serviceaccounts", "is 'ja', nei"),
        (OBJECT + "{secrets: a}", "spec.secrets", "is not a list"),
        (OBJECT + "{secrets: {a: b}}", "spec.secrets", "is not a list"),
        (OBJECT + "{secrets: [{name: a}]}", "spec.secrets", "has an entry that is empty, or no"),
        (OBJECT + "{secrets: [a], namespace: [b]}", "spec.namespace", "no string"),
        (OBJECT + "{secrets: []}", "", "no pull Secret is named"),
    ],
)
def test_what_cannot_be_meant(config, field, says):
    said, path = problem(config)
    assert says in said
    assert path == field
    assert field in said


@pytest.mark.parametrize(
    "config",
    ["text", "[]", "{}", "apiVersion: v1\nkind: Secret", "apiVersion: v2\nkind: ConfigMap"],
)
def test_other_functionconfigs(config):
    said, _ = problem(config)
    assert said.endswith("neither a v1 ConfigMap nor a regcred.dev/v1alpha1 RegcredInject")


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "no pull Secret is named"),
        ({"SECRET": "a,"}, "REGCRED_SECRET has an entry that is empty"),
        ({"SECRET": "A"}, "REGCRED_SECRET is wrong: 'A' cannot be"),
        ({"SECRET": "a", "PATH": "x"}, "REGCRED_PATH is wrong: "),
        ({"SECRET": "a", "SERVICEACCOUNTS": "2"}, "REGCRED_SERVICEACCOUNTS is '2', neither"),
    ],
)
def test_variables_that_cannot_be_meant(env, says):
    said, field = problem(**env)
    assert said.startswith(says)
    assert field == ""


def test_the_setting_is_called_as_the_functionconfig_calls_it():
    assert krmsettings.keep_key(None) == "keep-serviceaccount-secrets"
    config = resourcelist.read(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
        "functionConfig: {kind: RegcredInject}\n"
    ).config
    assert krmsettings.keep_key(config) == "keepServiceAccountSecrets"
