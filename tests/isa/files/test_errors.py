"""Positions, the rendering of problems, and texts that know where their characters stand."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pgcheck.isa.files.errors import Position, Problem, Problems, SpecificationError, Text, did_you_mean


def test_a_problem_is_rendered_with_its_line_and_a_caret() -> None:
    problem = Problem(Position("m.yaml", 3, 5), "no such role", found="'x'", expected="mode", hint="try")
    assert problem.render("a: b c").split("\n") == [
        "m.yaml:3:5: no such role",
        "    a: b c",
        "        ^",
        "  found: 'x'",
        "  expected: mode",
        "  hint: try",
    ]
    assert Problem(Position("m.yaml", 3, 5), "no such role").render(None) == "m.yaml:3:5: no such role"


def test_the_caret_stands_under_a_column_after_tabs() -> None:
    _, line, caret = Problem(Position("f", 1, 3), "m").render("\t\tx").split("\n")
    assert line[caret.index("^")] == "x"
    assert "\t" not in line


@pytest.mark.parametrize("column", [1, 2, 60, 5000, 9999, 10000])
def test_a_long_line_is_shown_around_the_caret(column: int) -> None:
    source = "".join("0123456789"[i % 10] if i != column - 1 else "X" for i in range(10000))
    _, line, caret = Problem(Position("f", 1, column), "m").render(source).split("\n")
    assert line[caret.index("^")] == "X"
    assert len(line) < 120


def test_a_column_beyond_the_line_stands_at_its_end() -> None:
    _, line, caret = Problem(Position("f", 1, 99), "m").render("abc").split("\n")
    assert caret.index("^") == len(line)


def test_control_characters_do_not_reach_the_terminal() -> None:
    rendered = Problem(Position("f", 1, 1), "m\x1b[2J", found="a\nb\x07").render("x\x1b[31m")
    assert "\x1b" not in rendered
    assert "\x07" not in rendered
    assert "found: a\\nb" in rendered


def test_very_long_details_are_shortened() -> None:
    assert len(Problem(Position("f", 1, 1), "m", found="y" * 100_000).render(None)) < 1000


def test_problems_are_sorted_once_each_and_files_keep_their_order() -> None:
    problems = Problems()
    problems.raise_if_any()
    for path, line, column in (("z", 2, 1), ("a", 1, 1), ("z", 1, 9), ("z", 1, 2), ("z", 1, 2)):
        problems.report(Position(path, line, column), "m")
    with pytest.raises(SpecificationError) as caught:
        problems.raise_if_any()
    places = [(p.position.path, p.position.line, p.position.column) for p in caught.value.problems]
    assert places == [("z", 1, 2), ("z", 1, 9), ("z", 2, 1), ("a", 1, 1)]
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_an_error_shows_the_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("first\r\nsecond\n")
    error = SpecificationError([Problem(Position(str(file), 2, 3), "m")])
    assert str(error) == f"{file}:2:3: m\n    second\n      ^"
    file.unlink()
    assert str(error) == f"{file}:2:3: m"


@pytest.mark.parametrize("line", [0, 3, 10**9])
def test_an_error_outside_the_file_is_shown_without_a_line(tmp_path: Path, line: int) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("first\nsecond")
    assert str(SpecificationError([Problem(Position(str(file), line, 1), "m")])) == f"{file}:{line}:1: m"


def test_at_most_fifty_problems_are_shown() -> None:
    fifty = [Problem(Position("f", n, 1), "m") for n in range(1, 51)]
    assert "more" not in str(SpecificationError(fifty))
    more = SpecificationError([*fifty, *(Problem(Position("f", n, 1), "m") for n in range(51, 54))])
    assert str(more).endswith("\nand 3 more")
    assert str(more).count(": m") == 50


@pytest.mark.parametrize(
    ("word", "hint"),
    [("genral", "did you mean 'general'?"), ("MODE", "did you mean 'mode'?"), ("xyzzy", ""), ("general" * 50, "")],
)
def test_a_near_word_is_suggested(word: str, hint: str) -> None:
    assert did_you_mean(word, ["general", "mode"]) == hint


def test_a_text_is_a_str_that_survives_pickling() -> None:
    text = Text("abc", Position("f", 4, 7), ((0, 4, 7),))
    assert text == "abc"
    lookup: dict[str, int] = {text: 1}
    assert lookup["abc"] == 1
    copy = pickle.loads(pickle.dumps(text))
    assert (copy, copy.position, copy.anchors) == (text, text.position, text.anchors)
    assert isinstance(copy, Text)


@pytest.mark.parametrize(
    ("anchors", "offset", "line", "column"),
    [
        (None, 0, 4, 7),
        (None, 2, 4, 9),
        (None, 3, 5, 1),
        (None, 4, 5, 2),
        (None, 99, 5, 3),
        (None, -1, 4, 7),
        ((), 3, 4, 7),
        (((0, 6, 3), (3, 8, 3)), 2, 6, 5),
        (((0, 6, 3), (3, 8, 3)), 3, 8, 3),
        (((0, 6, 3), (3, 8, 3)), 4, 8, 4),
    ],
)
def test_a_text_locates_its_characters(
    anchors: tuple[tuple[int, int, int], ...] | None, offset: int, line: int, column: int
) -> None:
    text = Text("ab\ncd", Position("f", 4, 7), anchors)
    assert text.locate(offset) == Position("f", line, column)


@pytest.mark.parametrize(("module", "imports"), [("errors", False), ("loader", False), ("schema", True)])
def test_errors_and_loader_import_without_pydantic(module: str, imports: bool) -> None:
    code = f"import sys, pgcheck.isa.files.{module}; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == imports
