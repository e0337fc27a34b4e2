"""Every error that the code can make says what happened and what to do, found by its syntax.

A place that makes an error without a hint stands in a list here, with the reason; a hint that
names a command names one that there is. `tests/integration/test_hints_kubectl` asks kubectl.
"""

import re

import click
import pytest

from regcred.cli.main import VERBS, cli
from regcred.cli.verb import Option
from regcred.core import errors
from tests.support.raising import commands, hints, places, texts, tree

CONTEXT = click.Context(cli, info_name="regcred")
COMMANDS = {verb: cli.get_command(CONTEXT, verb) for verb in VERBS}

#: Kinds for which a hint makes no sense wherever they are made, and why.
WITHOUT_HINT = {
    "StreamBroken": "the watch begins anew by itself",
    "Contended": "the namespace is worked at again by itself",
    "NotLeader": "the one that leads does it",
    "PlainHTTP": "it is asked again over plain HTTP; nobody sees it",
}
#: The same for a place.
PLACES_WITHOUT_HINT = {
    "core/operator/admission:read": "an API server reads it",
    "core/operator/admission:_check": "an API server reads it",
    "core/operator/leaderelection:Timing.__post_init__": "no flag sets these",
    "kube/logins:write_secret": "caught right there, and tried again",
    "kube/resources:Resource.path": "a mistake of ours, which a test would meet",
    "operator/finalizer:_change": "tried again by itself",
    "operator/minting:Minting.revoke": "the provider is asked again by itself",
    "operator/minting:_not_read": "its message has the API server's hint in it",
    "minters/awsfailures:_unreachable": "regcred.cli.minted has one for its flags",
    "minters/web:_unreachable": "regcred.cli.minted has one for its flags",
}
#: Places whose hint may be empty, and why.
HINT_MAY_BE_EMPTY = {
    "minters/entrafailures:failure": "one for each known code; regcred.cli.minted has the others",
}
#: Classes that are not made anywhere: others derive from them, or `api_error` makes them.
ABSTRACT = {
    "APIError",
    "ClusterUnreachable",
    "InvalidInput",
    "RegcredError",
    "RegistryRefused",
    "Unreachable",
}


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = re.findall(r"^ *[│├└─ ]*── (\w+)", errors.__doc__, re.MULTILINE)
    ours = [kind.__name__ for kind in tree() if kind.__module__ == "regcred.core.errors"]
    assert sorted(drawn) == sorted(set(ours) - {"RegcredError"})


def test_every_class_says_what_it_is_for_and_has_an_exit_code():
    for kind in tree():
        assert kind.__doc__, kind
        assert kind.exit_code in (1, 2, 3), kind


def test_the_walk_finds_what_there_is():
    found = places()
    assert len(found) > 300
    made = {place.kind.__name__ for place in found}
    by_api_error = {kind.__name__ for kind in errors._BY_STATUS.values()}
    by_api_error |= {"AlreadyExists", "NamespaceTerminating", "ServerError", "APIError"}
    unmade = {kind.__name__ for kind in tree()} - made - by_api_error
    assert unmade <= ABSTRACT, "a class that nothing makes"


@pytest.mark.parametrize("place", places(), ids=str)
def test_each_place_has_a_message_and_a_hint(place):
    assert place.message is not None or place.kind.__init__ is not errors.RegcredError.__init__
    if place.message is not None:
        assert "" not in texts(place.message), "a message that may be empty"
        for said in texts(place.message):
            assert not said.endswith("."), "messages are one sentence, without a full stop"
    if place.kind.__name__ in WITHOUT_HINT or place.name in PLACES_WITHOUT_HINT:
        return
    assert place.hint is not None, "no hint"
    if place.name not in HINT_MAY_BE_EMPTY:
        assert "" not in place.hints, "a hint that may be empty"


def test_no_exception_is_left_that_nothing_needs():
    bare = [place for place in places() if place.hint is None]
    assert WITHOUT_HINT.keys() <= {place.kind.__name__ for place in bare}
    others = {place.name for place in bare if place.kind.__name__ not in WITHOUT_HINT}
    assert PLACES_WITHOUT_HINT.keys() == others


# -- hints -----------------------------------------------------------------------------------

HINTS = sorted(
    {(where.split(":")[0], text) for where, node in hints() for text in texts(node) if text}
)
#: ``run regcred on a terminal`` names no command.
PROSE = {"on"}
#: Words that stand for something, where not every word does.
STANDS_FOR = {"SOURCE": "ecr"}


def test_hints_are_found():
    assert len(HINTS) > 150
    assert ("cli/why.py", "regcred why --fix --yes") in HINTS


def ours():
    for where, text in HINTS:
        for program, words in commands(text):
            if program == "regcred" and words and words[0] not in (*PROSE, "X", "…"):
                yield where, text, words


@pytest.mark.parametrize(("where", "text", "words"), list(ours()))
def test_a_command_of_ours_in_a_hint_can_be_given(where, text, words):
    verb, *arguments = words
    assert verb in COMMANDS, f"{where}: there is no verb {verb}"
    if verb == "operator" and arguments == []:
        return
    filled = [STANDS_FOR.get(word, word) for word in arguments if word != "…"]
    COMMANDS[verb].make_context(f"regcred {verb}", filled)  # raises where it cannot be meant


@pytest.mark.parametrize("wrong", ["regcred lgin X", "regcred login X --nope", "regcred attach"])
def test_a_wrong_command_would_be_seen(wrong):
    ((_, (verb, *arguments)),) = commands(wrong)
    with pytest.raises((click.UsageError, KeyError)):
        COMMANDS[verb].make_context(verb, arguments)


FLAGS = {
    verb: {flag for each in command.params if isinstance(each, Option) for flag in each.opts}
    | {flag for each in command.params for flag in each.secondary_opts}
    for verb, command in COMMANDS.items()
}
ANY = set().union(*FLAGS.values(), {"--help", "--version"})
#: Modules of one verb.
OF_VERB = {f"cli/{verb}.py": verb for verb in VERBS} | {
    "cli/checkinputs.py": "check",
    "cli/checklogins.py": "check",
    "cli/fixing.py": "why",
}


@pytest.mark.parametrize(("where", "text"), HINTS)
def test_a_flag_in_a_hint_exists(where, text):
    own = re.sub(r"(?<![\w-])(kubectl|docker|helm|curl|gcloud|aws|az|kustomize)\b[^;,]*", "", text)
    known = ANY
    verb = OF_VERB.get(where)
    if where in ("cli/minted.py", "cli/sourceflags.py"):
        known = FLAGS["login"] | FLAGS["secret"]
    elif verb and "regcred" not in own:
        known = FLAGS[verb] | ({"--serviceaccount"} if verb == "detach" else set())
        if verb == "attach":
            known |= FLAGS["detach"]
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", own):
        assert flag in known, f"{where}: no {flag}"


@pytest.mark.parametrize(("where", "text"), HINTS)
def test_a_hint_is_one_line_that_leads_somewhere(where, text):
    assert "\n" not in text
    assert text == text.strip()
    for path in re.findall(r"\bdocs/[\w/.-]+", re.sub(r"https?://\S+", "", text)):
        raise AssertionError(f"{where}: {path} is not on the machine of who reads it")
