"""YAML that is read, and YAML that is not: each with its place."""

import pytest

from tests.support.injecting import check_marked, injected, refusal, refused

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
TEMPLATE = "render it first: helm template … | regcred inject --secret NAME"

BAD = {
    "a tab": ("^\thostNetwork: true\n", "found character that cannot start any token"),
    "unterminated quotes": (
        "  a: ^'b\n  c: d\n",
        "found unexpected end of stream while scanning a quoted scalar",
    ),
    "unterminated double quotes": (
        '  a: ^"b\n  c: d\n',
        "found unexpected end of stream while scanning a quoted scalar",
    ),
    "unterminated braces": ("  {a: b\n^", "did not find expected ',' or '}'"),
    "unterminated brackets": ("  a: [b\n^", "did not find expected ',' or ']'"),
    "a marker in quotes": (
        "  a: ^'b\n---\n",
        "found unexpected end of stream while scanning a quoted scalar",
    ),
    "two roots": ("  a: b\n^- c\n", "did not find expected key"),
    "a stray bracket": ("  a: ^]\n", "did not find expected node content"),
    "a key without a colon": ("  a: b\n  c\n  ^d: e\n", "could not find expected ':'"),
    "a value behind a value": ("  a: b^: c\n", "mapping values are not allowed in this context"),
    "an unknown escape": ('  a: "b^\\d"\n', "found unknown escape character"),
    "a reserved character": ("  a: ^@b\n", "found character that cannot start any token"),
    "an unknown tag handle": ("  a: ^!x!b c\n", "found undefined tag handle"),
    "an alias without an anchor": ("  a: ^*b\n", "alias *b has no anchor before it"),
    "an alias of an anchor that comes later": (
        "  a: ^*b\n  c: &b d\n",
        "alias *b has no anchor before it",
    ),
    "a control character": ("  a: ^\x07\n", "control characters are not allowed: #x0007"),
    "a null character": ("  a: ^\x00\n", "control characters are not allowed: #x0000"),
    "a key twice": ("  a: b\n  ^a: c\n", "the key 'a' stands twice in one mapping"),
    "a key twice below": ("  a: {b: [{c: d, ^c: d}]}\n", "the key 'c' stands twice in one mapping"),
    "a key twice in other letters": (
        '  a: b\n  ^"\\x61": c\n',
        "the key 'a' stands twice in one mapping",
    ),
    "a key twice by an alias": (
        "  b: &a a\n  a: b\n  ^*a : c\n",
        "the key 'a' stands twice in one mapping",
    ),
    "too deep": (
        "  a: " + "[" * 198 + "^[" + "]" * 199 + "\n",
        "it is nested more than 200 levels deep",
    ),
    "too deep below": (
        "  containers: " + "[" * 198 + "^[" + "]" * 199 + "\n",
        "it is nested more than 200 levels deep",
    ),
    "too deep, never closed": (
        "  a: " + "[" * 198 + "^[" + "[" * 100_000,
        "it is nested more than 200 levels deep",
    ),
    "too many question marks": (
        "  " + "? " * 199 + "^? a\n",
        "it is nested more than 200 levels deep",
    ),
}


@pytest.mark.parametrize(
    ("spec", "problem"), [pytest.param(*case, id=name) for name, case in BAD.items()]
)
def test_bad_yaml(spec, problem):
    text = f"{POD}spec:\n{spec}"
    before = text.partition("^")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert refused(text.replace("^", "", 1)) == f"it.yaml:{line}:{column}: {problem}"
    other = text.replace("^", "", 1).replace("kind: Pod", "kind: ConfigMap")
    if "stands twice" in problem:  # that is nobody's business in what is not ours
        assert injected(other) == other


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b\n- c\n", "it.yaml:2:1: did not find expected key"),
        ("a: b\n---\nc: d\n---\n- e\nf: g\n", "it.yaml:6:1: did not find expected '-' indicator"),
        ("a: b\r\n---\r\n\tc: d\r\n", "it.yaml:3:1: found character that cannot start any token"),
        ("\ufeffa: 'b", "it.yaml:1:5: found unexpected end of stream"),
        ("\x7fELF\x02\x01\x01\x00", "it.yaml:1:1: control characters are not allowed: #x007f"),
        ("PK\x03\x04", "it.yaml:1:3: control characters are not allowed: #x0003"),
        ("é: \x01", "it.yaml:1:4: control characters are not allowed: #x0001"),
        ("%YAML 3.0\n---\na: b\n", "it.yaml:1:1: found incompatible YAML document"),
        ("%YAML 1.1\na: b\n", "it.yaml:2:1: did not find expected <document start>"),
        ("%TAG ! !\n%TAG ! !\n---\n", "it.yaml:2:1: found duplicate %TAG directive"),
        ("kind: Pod\nkind: Pod\n", "it.yaml:2:1: the key 'kind' stands twice in one mapping"),
        ("items: []\na: b\na: b\nitems: []\n", "it.yaml:4:1: the key 'items' stands twice in"),
        ("a: [b, [c, [d]]\n", "it.yaml:2:1: did not find expected ',' or ']'"),
    ],
)
def test_bad_documents(text, message):
    assert refused(text).startswith(message)


@pytest.mark.parametrize(
    ("line", "place", "problem", "hint"),
    [
        pytest.param(
            "  image: {{ .Values.image }}\n",
            "5:10",
            "this is the source of a template, not YAML: '{{' stands where YAML has a value",
            TEMPLATE,
            id="value",
        ),
        pytest.param(
            "  {{- include }}\n",
            "5:3",
            "this is the source of a template, not YAML: '{{' stands where YAML has a value",
            TEMPLATE,
            id="line",
        ),
        pytest.param(
            "  image: nginx:{{ .Values.tag }}\n  {{ end }}\n  a: b\n",
            "7:3",
            "could not find expected ':'",
            f"if this is the source of a template, {TEMPLATE}",
            id="line behind a value",
        ),
        pytest.param(
            '  image: "{{ .Values.image }}\n',
            "5:10",
            "this is the source of a template, not YAML: "
            "found unexpected end of stream while scanning a quoted scalar",
            TEMPLATE,
            id="in open quotes",
        ),
        pytest.param(
            '  image: "{{ .Values.image }}"\n  a: b: c\n',
            "6:7",
            "mapping values are not allowed in this context",
            f"if this is the source of a template, {TEMPLATE}",
            id="error that has other causes",
        ),
    ],
)
def test_sources_of_templates(line, place, problem, hint):
    assert refusal(f"{POD}spec:\n{line}") == (f"it.yaml:{place}: {problem}", hint)


def test_templates_in_strings_are_strings():
    check_marked(f'{POD}spec:\n«  imagePullSecrets:\n  - name: regcred\n»  a: "{{{{ x }}}}"\n')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# only a comment\n",
        "---\n---\n",
        "null\n",
        "~",
        "--- # nothing\n...\n",
        "text\n",
        "12\n",
        "[]\n",
        "{}\n",
        "- kind: Pod\n",
        "kind: Pod\n",
        "kind: null\napiVersion: v1\nspec: {}\n",
        "kind: [Pod]\napiVersion: v1\nspec: {}\n",
        "kind: Pod\napiVersion: v1\n",
        "kind: Pod\napiVersion: v1\nspec:\n",
        "kind: Pod\napiVersion: v1\nspec: ~\n",
        "kind: Pod\napiVersion: v1\nspec: []\n",
        "kind: Pod\napiVersion: v1\nspec: text\n",
        "kind: Pod\napiVersion: apps/v1\nspec: {}\n",
        "kind: List\napiVersion: v1\n",
        "kind: List\napiVersion: v1\nitems:\n",
        "kind: List\napiVersion: v1\nitems: {a: [], b: c}\n",
        "kind: List\napiVersion: v1\nitems: [null, text, [], {}]\n",
        "? {a: b}\n: c\n? [d]\n: e\n",
        "a: !foo bar\nb: !<tag:x> {}\nc: !!binary aGk=\n",
    ],
)
def test_documents_that_are_not_ours_are_given_back(text):
    assert injected(text) == text


ODD = {
    "keys that are no scalars": """\
? {a: b}
: c
? [d, {e: f}]
: g
? &h {i: j}
: k
apiVersion: v1
kind: Pod
spec:
«  imagePullSecrets:
  - name: regcred
»  ? {a: b}
  : c
  a: {? [b] : c, &x e : f, g: {*x : d}}
""",
    "anchored keys and values where nobody looks": """\
a:
- &a b
- &c {d: *a}
- e: &e [*c]
  &f f: &g g
  *f : *g
  ? &h [i]
  : &k {}
  ? *h
  : *k
apiVersion: v1
kind: Pod
spec:
«  imagePullSecrets:
  - name: regcred
»  a: *a
""",
    "keys without values where nobody looks": """\
a:
  ? b
  ? c

# c
apiVersion: v1
kind: Pod
spec:
  <<:
    a:
      ? b
«  imagePullSecrets:
  - name: regcred
»
# c
""",
    "keys without values at the end": """\
apiVersion: v1
kind: Pod
spec: !!map
  ? a
  :
    - ? b
  <<:
     hostNetwork: true
     ? c
«  imagePullSecrets:
    - name: regcred
»# c
""",
    "lists in lists": """\
apiVersion: v1
kind: Pod
a:
- - - b
  - [c, [d]]
-
- e:
spec:
«  imagePullSecrets:
  - name: regcred
»  a: b
""",
    "tags": """\
apiVersion: !!str v1
kind: ! Pod
spec: !!map
«  imagePullSecrets:
  - name: regcred
»  a: !foo bar
""",
    "several documents in one text": (
        "apiVersion: v1\rkind: Pod\rspec: {«imagePullSecrets: [{name: regcred}]»}\r...\r---\r"
        "apiVersion: v1\rkind: Pod\rspec: {«imagePullSecrets: [{name: regcred}]»}\r"
    ),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ODD.items()])
def test_odd_yaml(text):
    check_marked(text)
