"""Strict YAML with positions, include and override."""

import os
import pickle
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from pgcheck.isa.files.errors import Position, Problem, Problems, SpecificationError, Text
from pgcheck.isa.files.loader import load
from pgcheck.isa.files.tree import Mapping, Sequence, compose

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_files(**contents: str | bytes) -> Path:
        for name, content in contents.items():
            file = tmp_path / (name.replace("__", "/") + ".yaml")
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "main.yaml"

    return write_files


def refused(path: Path, **options: Callable[[str], Path | None]) -> tuple[Problem, ...]:
    with pytest.raises(SpecificationError) as caught:
        load(path, **options)
    assert str(caught.value)
    return caught.value.problems


def summary(problems: tuple[Problem, ...]) -> list[tuple[int, int, str]]:
    return [(p.position.line, p.position.column, p.message) for p in problems]


# One file


def test_a_file_becomes_a_tree_with_positions(write: Write) -> None:
    path = write(main='a: {b: [x, "y"]}\nc:\n  - 012\n  - \n')
    root = load(path).root
    assert root == {"a": {"b": ["x", "y"]}, "c": ["012", ""]}
    a, c = root.values()
    assert isinstance(a, Mapping)
    assert isinstance(c, Sequence)
    (b,) = a.values()
    assert isinstance(b, Sequence)
    places = [(node.position.line, node.position.column) for node in (root, a, a.key("b"), b, *b, c, *c)]
    assert places == [(1, 1), (1, 4), (1, 5), (1, 8), (1, 9), (1, 13), (3, 3), (3, 5), (4, 4)]
    assert all(isinstance(key, Text) for key in root)
    copy = pickle.loads(pickle.dumps(root))
    assert (copy, copy.position) == (root, root.position)


SCALARS = {
    "plain": "a: some text",
    "plain after wide characters": "é€𝄞: some texté # note",
    "plain of several lines": "a: some\n   text  that\n\n   goes on",
    "single quotes": "a: 'some text'",
    "double quotes": 'a: "some text"',
    "quotes of several lines": 'a: "some\n  text\n\n  goes on"',
    "literal": "a: |\n   some\n\n     deeper\n   text\n",
    "literal, header": "a: |2-  # note\n     indented\n  text\n\nb: c",
    "literal, blank first line": "a: |+\n\n  text\n\n\n",
    "literal in a list": "a:\n  - b: |\n      x = 1;\n      y\n    c: d",
    "folded": "a: >-  # note\n  some\n  text\n\n    more\n  end\n# note\n",
    "carriage returns": "a: |\r\n  some\r\n  text\r\n",
}


def texts(node: Mapping | Sequence | Text) -> list[Text]:
    if isinstance(node, Text):
        return [node]
    return [text for child in (node.values() if isinstance(node, Mapping) else node) for text in texts(child)]


@pytest.mark.parametrize("source", SCALARS.values(), ids=SCALARS)
def test_every_character_of_a_scalar_is_found_in_the_file(write: Write, source: str) -> None:
    path = write(main="# a first line\n" + source)
    lines = path.read_bytes().decode().split("\n")
    for text in texts(load(path).root):
        assert text.position == text.locate(0)
        assert not text.isspace()
        for offset, character in enumerate(text):
            place = text.locate(offset)
            if not character.isspace():
                assert lines[place.line - 1][place.column - 1] == character


@pytest.mark.parametrize("source", ["a: 'it''s so'", 'a: "a\\tb c"', 'a: "a\\\n  b"', "a: 'it''s\n  so'"])
def test_a_scalar_with_escapes_is_located_at_its_start(source: str) -> None:
    problems = Problems()
    root = compose(source, "f", problems)
    assert root is not None
    (text,) = texts(root)
    assert text.locate(len(text)) == text.position == Position("f", 1, 5)


REFUSED = {
    "alias": ("a: *b", [(1, 4, "alias '*b' is not allowed")]),
    "anchor": ("a: &b c", [(1, 4, "anchor '&b' is not allowed")]),
    "anchor of a list": ("a: &b [c]", [(1, 4, "anchor '&b' is not allowed")]),
    "anchor and alias": ("a: &b c\nd: *b", [(1, 4, "anchor '&b' is not allowed"), (2, 4, "alias '*b' is not allowed")]),
    "tag": ("a: !x c", [(1, 4, "tag '!x' is not allowed")]),
    "tag of a mapping": ("a: !x {b: c}", [(1, 4, "tag '!x' is not allowed")]),
    "merge key": ("a: {<<: {b: c}}", [(1, 5, "merge keys are not allowed")]),
    "duplicate key": ("a: 1\nb: 2\na: 3", [(3, 1, "key 'a' occurs twice in one mapping")]),
    "duplicate key, quoted": ("a: 1\n'a': 3", [(2, 2, "key 'a' occurs twice in one mapping")]),
    "complex key": ("a: {[b]: c}", [(1, 5, "a key must be text")]),
    "mapping as key": ("? {a: b}\n: c", [(1, 3, "a key must be text")]),
    "two documents": ("a: 1\n---\nb: 2", [(2, 1, "a specification is one document")]),
    "directive": ("%YAML 1.1\n---\na: 1", [(1, 1, "YAML directives are not allowed")]),
    "list": ("- a", [(1, 1, "a specification is a mapping")]),
    "text": ("just text", [(1, 1, "a specification is a mapping")]),
    "empty": ("", [(1, 1, "the file is empty")]),
    "blank": (" \n\n", [(1, 1, "the file is empty")]),
    "comments only": ("# nothing\n", [(1, 1, "the file has no content")]),
    "control character": ("a: b\nc: \x07", [(2, 4, "a specification is text without control characters")]),
    "zero": ("a: \0", [(1, 4, "a specification is text without control characters")]),
    "lone carriage return": ("a: b\rc: d", [(1, 5, "a specification is text without control characters")]),
    "other line end": ("a: b\u2028", [(1, 5, "a specification is text without control characters")]),
    "too deep": ("a: " + "[" * 32 + "]" * 32, [(1, 35, "nesting is deeper than 32")]),
    "far too deep": ("a: " + "[\n" * 100_000, [(32, 1, "nesting is deeper than 32")]),
    "long line": ("a: 1\nb: " + "x" * (1 << 20), [(2, 65537, "the line is longer than 65536 characters")]),
    "all at once": (
        "a: *b\na: !x c\n<<: d",
        [
            (1, 4, "alias '*b' is not allowed"),
            (2, 1, "key 'a' occurs twice in one mapping"),
            (2, 4, "tag '!x' is not allowed"),
            (3, 1, "merge keys are not allowed"),
        ],
    ),
}


@pytest.mark.parametrize(("source", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_strict_yaml_leaves_out_is_refused(
    write: Write, source: str, expected: list[tuple[int, int, str]]
) -> None:
    assert summary(refused(write(main=source))) == expected


ACCEPTED = {
    "one document mark": "---\na: 1\n",
    "quoted look-alikes": "a: ['*b', '&b', '!x', '<<']",
    "same key in two mappings": "a: {b: 1}\nc: {b: 1}",
    "deep": "a: " + "[" * 31 + "]" * 31,
    "long line": "a: " + "x" * ((64 << 10) - 3),
    "byte order mark": "\ufeffa: 1",
    "unprintable above": "a: \U0001f600 é",
}


@pytest.mark.parametrize("source", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_near_to_it_is_accepted(write: Write, source: str) -> None:
    root = load(write(main=source)).root
    assert next(iter(root)).position.line == (2 if source.startswith("---") else 1)
    assert "a" in root


@pytest.mark.parametrize(
    ("source", "line", "part"),
    [
        ("a: [b", 1, "flow sequence"),
        ("a: b: c", 1, "': '"),
        ("a:\n\tb: c", 2, "spaces"),
        ("a: 'b", 1, ""),
        ("}", 1, ""),
    ],
)
def test_a_syntax_error_has_a_place_and_a_hint(write: Write, source: str, line: int, part: str) -> None:
    (problem,) = refused(write(main=source))
    assert problem.message.startswith("this is not YAML: ")
    assert problem.position.line in (line, line + 1)
    assert part in problem.found + problem.hint


def test_problems_before_a_syntax_error_are_reported_too(write: Write) -> None:
    first, second = refused(write(main="a: *b\nc: ["))
    assert first.message == "alias '*b' is not allowed"
    assert second.message.startswith("this is not YAML")


def test_a_flood_of_errors_ends(write: Write) -> None:
    problems = refused(write(main="".join(f"a{i}: *x\n" for i in range(50_000))))
    assert 100 <= len(problems) < 200


def test_a_flood_of_values_ends(write: Write) -> None:
    (problem,) = refused(write(main="a: [" + "1,\n" * 600_000 + "]"))
    assert problem.message.startswith("too many values")


def test_bytes_that_are_no_text_are_refused(write: Write) -> None:
    (latin,) = refused(write(main=b"a: b\nc: \xe9t\xe9"))
    assert (latin.position.line, latin.position.column, latin.found) == (2, 4, "byte 0xe9")
    (utf16,) = refused(write(main="a: b".encode("utf-16")))
    assert "UTF-16" in utf16.hint


def test_a_large_file_is_refused(write: Write) -> None:
    line = "#" + "x" * 62 + "\n"
    full = "a: 1\n" + line * ((4 << 20) // len(line) - 1)
    assert load(write(main=full)).root == {"a": "1"}
    (problem,) = refused(write(main=full + line))
    assert "larger than" in problem.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    messages = {
        tmp_path: f"cannot read '{tmp_path}': it is no plain file but a folder",
        tmp_path / "pipe": f"cannot read '{tmp_path / 'pipe'}': it is no plain file but a named pipe",
        tmp_path / "none": f"cannot read '{tmp_path / 'none'}': No such file or directory",
    }
    for path, message in messages.items():
        (problem,) = refused(path)
        assert problem.message == message
        assert problem.position == Position(str(path), 1, 1)


# include


def test_included_files_are_merged_key_by_key(write: Write) -> None:
    path = write(
        main=(
            "include: [part/a.yaml, part/b.yaml]\nname: m\nstate: {Z: 3}\nfunctions: h\ninstructions: [{name: i3}]\n"
            "decode: {unit: 8, tails: {t3: 3}}\n"
        ),
        part__a="state: {X: 1}\ntypes: t\nfunctions: f\ninstructions: [{name: i1}]\ndecode: {tails: {t1: 1}}\n",
        part__b="state: {Y: 2}\nfunctions: [g, g2]\ninstructions: [{name: i2}]\ncsrs: {table: {c: 1}}\n",
    )
    loaded = load(path)
    assert loaded.root == {
        "state": {"X": "1", "Y": "2", "Z": "3"},
        "types": ["t"],
        "functions": ["f", "g", "g2", "h"],
        "instructions": [{"name": "i1"}, {"name": "i2"}, {"name": "i3"}],
        "decode": {"unit": "8", "tails": {"t1": "1", "t3": "3"}},
        "csrs": {"table": {"c": "1"}},
        "name": "m",
    }
    folder = path.parent / "part"
    assert loaded.sources == (path, folder / "a.yaml", folder / "b.yaml")
    parts = [(name, p.read_bytes()) for name, p in zip(("", "part/a.yaml", "part/b.yaml"), loaded.sources, strict=True)]
    whole = b"".join(f"{len(name)} {name} {len(content)} ".encode() + content for name, content in parts)
    assert loaded.digest == blake2b(whole, digest_size=32).hexdigest()
    functions = loaded.root[Text("functions")]
    assert [Path(text.position.path).name for text in texts(functions)] == ["a.yaml", "b.yaml", "b.yaml", "main.yaml"]


def test_the_digest_depends_on_every_file(write: Write) -> None:
    path = write(main="include: [part/a.yaml]", part__a="name: x")
    before = load(path).digest
    write(part__a="name: y")
    assert load(path).digest != before


def test_the_digest_sees_where_files_end_and_how_they_are_called(write: Write) -> None:
    """What one file ends with and the next one begins with are the same bytes one after the other."""
    seen = set()
    for a, b in (
        ("name: x\n", "title: y\n"),
        ("name: x\ntitle: y\n", "# nothing\nsource: z\n"),
        ("name: x\ntitle: y\n# nothing\n", "source: z\n"),
    ):
        seen.add(load(write(main="include: [part/a.yaml, part/b.yaml]", part__a=a, part__b=b)).digest)
    assert len(seen) == 3
    one = load(write(main="include: [part/a.yaml, part/b.yaml]", part__a="name: x", part__b="title: y"))
    other = load(write(main="include: [part/b.yaml, part/a.yaml]", part__b="name: x", part__a="title: y"))
    assert one.digest != other.digest


CLASHES = {
    "an entry": ("state: {X: 1}", "state: {Y: 1, X: 2}", (2, 15), "'X' is defined by two files"),
    "a nested entry": ("decode: {tails: {t: 1}}", "decode: {tails: {t: 2}}", (2, 18), "'t' is defined by two files"),
    "a single value": ("decode: {unit: 8}", "decode: {unit: 8}", (2, 10), "'unit' is defined by two files"),
    "a whole key": ("memory: {unit: 8}", "memory: {state: M}", (2, 1), "'memory' is defined by two files"),
    "an unknown key": ("foo: 1", "foo: 1", (2, 1), "'foo' is defined by two files"),
    "a list and a text": ("instructions: []", "instructions: x", (2, 1), "'instructions' is defined by two files"),
}


@pytest.mark.parametrize(("part", "own", "place", "message"), CLASHES.values(), ids=CLASHES)
def test_a_key_that_two_files_define_is_refused(
    write: Write, part: str, own: str, place: tuple[int, int], message: str
) -> None:
    path = write(main=f"include: [part/a.yaml]\n{own}", part__a=part)
    (problem,) = refused(path)
    assert summary((problem,)) == [(*place, message)]
    assert "a.yaml:1:" in problem.found
    (side_by_side,) = refused(write(main="include: [part/a.yaml, part/b.yaml]", part__b=f"# x\n{own}"))
    assert side_by_side.message == message


@pytest.mark.parametrize("key", ["name", "title", "description", "source", "unmodelled", "legal", "verdicts", "kind"])
def test_identity_of_the_including_file_wins(write: Write, key: str) -> None:
    path = write(main=f"include: [part/a.yaml]\n{key}: own", part__a=f"{key}: base")
    assert load(path).root == {key: "own"}
    write(main="include: [part/a.yaml]\nstate: {}")
    assert load(path).root[Text(key)] == "base"


def test_files_side_by_side_add_up_or_clash(write: Write) -> None:
    path = write(main="include: [a.yaml, b.yaml]", a="legal: [x]\nkind: m", b="legal: [y]\nkind: m")
    assert load(path).root == {"legal": ["x", "y"], "kind": "m"}
    write(a="name: x", b="name: y")
    assert summary(refused(path)) == [(1, 1, "'name' is defined by two files")]


def test_a_shipped_specification_is_included_by_name(write: Write, tmp_path: Path) -> None:
    write(main="name: base\ninclude: [sub/x.yaml]", sub__x="state: {X: 1}")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = folder / "variant.yaml"
    path.write_text("include: [base]\nname: v")
    asked: list[str] = []

    def shipped(name: str) -> Path | None:
        asked.append(name)
        return tmp_path / "main.yaml" if name == "base" else None

    assert load(path, shipped).root == {"name": "v", "state": {"X": "1"}}
    assert asked == ["base"]
    path.write_text("include: [bas]")
    (problem,) = refused(path, shipped=shipped)
    assert summary((problem,)) == [(1, 11, "no specification is shipped as 'bas'")]
    (unknown,) = refused(path)
    assert unknown == problem


OUTSIDE = "an included file must be inside the folder of the file that includes it"


def test_an_included_file_stays_inside(write: Write, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.yaml").write_text("name: s")
    (tmp_path / "in" / "inside.yaml").write_text("name: i")
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "in" / "good.yaml").symlink_to(tmp_path / "in" / "inside.yaml")
    path = tmp_path / "in" / "main.yaml"
    for item in ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml", "../in/inside.yaml"):
        path.write_text(f"include:\n  - {item}")
        assert summary(refused(path)) == [(2, 5, OUTSIDE)]
    for item in ("inside.yaml", "./inside.yaml", "good.yaml"):
        path.write_text(f"include:\n  - {item}")
        assert load(path).root == {"name": "i"}


def test_include_cycles_and_repetitions_are_refused(write: Write) -> None:
    path = write(main="include: [a.yaml]", a="include: [b.yaml]", b="include: [a.yaml]")
    (cycle,) = refused(path)
    assert cycle.message == "the file includes itself"
    assert cycle.found == "a.yaml -> b.yaml -> a.yaml"
    assert Path(cycle.position.path).name == "b.yaml"
    (itself,) = refused(write(main="include: [main.yaml]"))
    assert itself.message == "the file includes itself"
    (twice,) = refused(write(main="include: [a.yaml, ./a.yaml]", a="name: x"))
    assert summary((twice,)) == [(1, 19, "'./a.yaml' is included twice")]


def test_includes_have_a_depth(write: Write) -> None:
    files = {f"f{i}": f"include: [f{i + 1}.yaml]" for i in range(9)}
    path = write(main="include: [f1.yaml]", f8="name: x", **{k: v for k, v in files.items() if k != "f8"})
    assert load(path).root == {"name": "x"}
    write(f8=files["f8"], f9="name: x")
    (problem,) = refused(path)
    assert "more than 8 deep" in problem.message


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("a.yaml", "include is a list of files"),
        ("[{a: b}]", "an included file is a text"),
        ("[none.yaml]", "cannot read"),
        ('["a\\0b/c"]', "cannot"),
        ("[sub/]", "but a folder"),
    ],
)
def test_a_wrong_include_is_reported_where_it_stands(write: Write, include: str, message: str) -> None:
    (problem,) = refused(write(main=f"include: {include}", sub__x="a: b"))
    assert message in problem.message
    assert problem.position.path.endswith("main.yaml")


def test_problems_of_all_files_are_reported(write: Write) -> None:
    problems = refused(write(main="include: [a.yaml, b.yaml]\nx: *y", a="a: *b", b="c: ["))
    assert [Path(p.position.path).name for p in problems] == ["main.yaml", "a.yaml", "b.yaml"]


# override

BASE = """
name: base
state: {X: 1, Y: 2}
memory: {unit: 8}
decode: {unit: 8, tails: {t: 1, u: 2}, prefixes: {p: 1, q: 2}}
legal: [a]
functions: f
instructions: [{name: i}, {name: j, variant: v, k: 1}, {name: k}]
"""


@pytest.mark.parametrize(
    ("override", "key", "expected"),
    [
        ("{state: {X: 9}}", "state", {"X": "9", "Y": "2"}),
        ("{memory: {state: M}}", "memory", {"state": "M"}),
        (
            "{decode: {unit: 16, prefixes: {p: 9}}}",
            "decode",
            {"unit": "16", "tails": {"t": "1", "u": "2"}, "prefixes": {"p": "9", "q": "2"}},
        ),
        ("{legal: [b]}", "legal", ["b"]),
        ("{functions: g}", "override", {"functions": ["g"]}),
        ("{functions: [g, h], types: t}", "override", {"functions": ["g", "h"], "types": ["t"]}),
        (
            "{instructions: [{name: j, variant: v, k: 2}]}",
            "instructions",
            [{"name": "i"}, {"name": "j", "variant": "v", "k": "2"}, {"name": "k"}],
        ),
        ("{remove_instructions: [j.v, k]}", "instructions", [{"name": "i"}]),
        ("{}", "name", "base"),
    ],
)
def test_override_replaces_what_exists(write: Write, override: str, key: str, expected: object) -> None:
    loaded = load(write(main=f"include: [a.yaml]\noverride: {override}", a=BASE))
    assert loaded.root[Text(key)] == expected
    rest = set(loaded.root) - {"override"}
    assert rest == {"name", "state", "memory", "decode", "legal", "functions", "instructions"}


def test_own_keys_are_added_after_override(write: Write) -> None:
    root = load(write(main="include: [a.yaml]\noverride: {state: {X: 9}}\nstate: {Z: 3}", a=BASE)).root
    assert root[Text("state")] == {"X": "9", "Y": "2", "Z": "3"}


def test_later_overrides_of_functions_come_last(write: Write) -> None:
    path = write(
        main="include: [b.yaml]\noverride: {functions: two}", b="include: [a.yaml]\noverride: {functions: one}", a=BASE
    )
    assert load(path).root[Text("override")] == {"functions": ["one", "two"]}
    write(main="include: [b.yaml]\noverride: {state: {X: 3}}")
    root = load(path).root
    assert root[Text("override")] == {"functions": ["one"]}
    assert root[Text("state")] == {"X": "3", "Y": "2"}


@pytest.mark.parametrize(
    ("override", "place", "message", "hint"),
    [
        ("{state: {Xx: 9}}", (2, 20), "override of 'Xx', which no included file defines", "did you mean 'X'?"),
        ("{stat: {X: 9}}", (2, 12), "override of 'stat', which no included file defines", "did you mean 'state'?"),
        ("{decode: {tails: {v: 9}}}", (2, 29), "override of 'v', which no included file defines", ""),
        ("{instructions: [{name: j}]}", (2, 34), "override of instruction 'j', which no", ""),
        ("{instructions: [{nam: j}]}", (2, 27), "an instruction without a name", ""),
        ("{instructions: [{name: i}, {name: i}]}", (2, 45), "override of instruction 'i', which no", ""),
        ("{instructions: i}", (2, 26), "instructions is a list", ""),
        ("{remove_instructions: [j.w]}", (2, 34), "override of instruction 'j.w', which no", "did you mean 'j.v'?"),
        ("{remove_instructions: [[j]]}", (2, 34), "not an instruction's id", ""),
        ("{remove_instructions: j.v}", (2, 33), "remove_instructions is a list", ""),
        ("{include: [x.yaml]}", (2, 12), "override of 'include', which no included file defines", ""),
        ("[x]", (2, 11), "override is a mapping", ""),
    ],
)
def test_override_of_what_does_not_exist_is_refused(
    write: Write, override: str, place: tuple[int, int], message: str, hint: str
) -> None:
    (problem,) = refused(write(main=f"include: [a.yaml]\noverride: {override}", a=BASE))
    assert (problem.position.line, problem.position.column) == place
    assert problem.message.startswith(message)
    assert problem.hint.startswith(hint)


def test_override_needs_an_include(write: Write) -> None:
    assert summary(refused(write(main="override: {state: {X: 1}}\nname: x"))) == [(1, 11, "override without include")]
