"""The page of a run: valid, self-contained, safe, and true to the results."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest

from pgcheck.checker.result import Witness
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.formats.html import render
from pgcheck.reports.html import flow
from pgcheck.reports.html.bits import BitField, compared, words
from pgcheck.reports.html.flow import Flow, access, dependences, drawing
from pgcheck.reports.html.rendering import rendered
from pgcheck.running.events import Manner
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import CLI, HOLE, LGDT, ODD, PLAIN, WITNESS, instruction, result
from tests.pgcheck.pages import MARKUP, found, parsed, poisoned_run, real, text_of
from tests.pgcheck.stories import BROKEN, HOSTILE, RICH, TIMELESS, WRONG, checked, hostile, story
from tests.specifications import ROOT, machine_of

TEMPLATES = ROOT / "pgcheck" / "reports" / "html" / "templates"
PALETTE = (TEMPLATES / "palette.css").read_text(encoding="utf-8")
CSS = PALETTE + "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "map.css"))


def page_of(*events: Any, manner: Manner = TIMELESS, **more: Any) -> Element:
    return parsed(render(story(*events, **more), manner))


def access_of(machine: Machine, identifier: str) -> Flow:
    one = machine.instruction(identifier)
    return access(machine, one, one.rows[0])


# ---- validity, and that nothing is loaded or run but our own


@pytest.mark.parametrize(
    "bad", ["<!doctype html><title>x</title><p></div>", "<p>no doctype", "<!doctype html><title>x</title>\x00"]
)
def test_the_strict_parser_refuses_what_is_no_html(bad: str) -> None:
    with pytest.raises(html5lib.html5parser.ParseError):
        parsed(bad)


def test_pages_are_valid() -> None:
    page_of(checked(RICH), WRONG, BROKEN, words=("late",), complete=False, manner=Manner())
    page_of()
    page_of(WRONG)
    page_of(real("pg74"), real("m68000"))


@pytest.mark.parametrize("name", ["pg74", "m68000"])
def test_a_page_needs_no_network_and_allows_only_its_own_script(name: str) -> None:
    tree = page_of(real(name))
    for element in tree.iter():
        for key in ("src", "href", "action", "poster", "data"):
            value = element.get(key, "")
            assert value == "" or value == "data:," or value.startswith("#"), (element.tag, value)
        assert not [key for key in element.keys() if key.startswith("on")]
    assert "url(" not in CSS and "@import" not in CSS
    (script,) = tree.iter("script")
    policy = next(e.get("content", "") for e in tree.iter("meta") if e.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256((script.text or "").encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_every_link_inside_has_its_target_and_every_id_is_there_once() -> None:
    tree = page_of(real("pg74"), checked(RICH), WRONG)
    ids = [e.get("id", "") for e in tree.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    named = [e.get("aria-labelledby", "") for e in tree.iter() if e.get("aria-labelledby")]
    links = [e.get("href", "")[1:] for e in tree.iter("a")]
    tables = [e.get("data-table", "") for e in tree.iter("form")]
    assert {*named, *links, *tables} <= set(ids) and links and named and tables


def test_text_from_specifications_is_text(tmp_path: Path) -> None:
    text = render(story(poisoned_run(tmp_path)), TIMELESS)
    tree = parsed(text)
    assert len(list(tree.iter("script"))) == 1 and not list(tree.iter("img")) and not list(tree.iter("b"))
    shown = text_of(tree)
    assert shown.count(MARKUP) == 7, "the title, source, unmodelled, and two long names and reasons"
    assert "# </pre><script>owned=1</script>" in shown
    assert found(tree, "head/title").text == "pg74 - pgcheck"


def test_hostile_results_are_text_without_control_characters() -> None:
    text = render(hostile(), TIMELESS)
    tree = parsed(text)
    assert len(list(tree.iter("script"))) == 1
    assert all(c.isprintable() or c == "\n" for c in text)
    assert HOSTILE[:20] in text_of(tree)
    text.encode("utf-8")


# ---- what is said


@pytest.mark.parametrize("require, status", [("theorem1", "fails"), ("theorem2", "holds"), ("theorem3", "unknown")])
def test_the_banner_is_the_required_answer(require: str, status: str) -> None:
    tree = page_of(checked(RICH), require=require)
    banner = found(tree, ".//section[@id='m0']/p")
    assert banner.get("class") == f"banner {status}"
    assert text_of(banner).split(":")[0].endswith(f"Theorem {require[-1]}")


def test_a_broken_run_and_specifications_without_an_answer_are_shown() -> None:
    whole = text_of(page_of(checked(RICH), WRONG, BROKEN, words=("late.yaml",), complete=False))
    for said in (
        "The run was broken off",
        "no 'IF' here",
        "did you mean 'IE'?",
        "ZeroDivisionError: by zero",
        "late.yaml",
    ):
        assert said in whole
    assert "broken off" not in text_of(page_of(checked(RICH)))


def test_an_error_of_the_specification_is_said_before_the_answers() -> None:
    (said,) = page_of(checked(RICH)).findall(".//p[@role='alert']")
    assert "state changes before trap" in text_of(said)
    assert not page_of(checked(result(*PLAIN))).findall(".//p[@role='alert']")


def matrix_of(tree: Element) -> list[list[str]]:
    rows = tree.findall(".//table[@class='matrix']/tbody/tr")
    return [[text_of(found(cell, "span[@class='count']")) for cell in row.findall("td")] for row in rows]


def test_the_matrix_counts_sensitive_against_privileged() -> None:
    tree = page_of(checked(result(HOLE, LGDT, CLI, *PLAIN, theorem1="fails")))
    assert matrix_of(tree) == [["1", "1", "1"], ["0", "0", "3"]]
    (wrong,) = tree.findall(".//td[@class='wrong']")
    assert "popf" in text_of(wrong)


def test_a_matrix_without_a_fault_has_no_wrong_cell() -> None:
    tree = page_of(checked(result(LGDT, *PLAIN)))
    assert matrix_of(tree) == [["1", "0", "0"], ["0", "0", "3"]]
    assert not tree.findall(".//td[@class='wrong']")


def test_each_row_stands_in_the_table_worst_first() -> None:
    tree = page_of(checked(result(*PLAIN, LGDT, CLI, ODD, HOLE, theorem1="fails")))
    lines = tree.findall(".//tbody[@class='line']")
    assert [text_of(found(line, "tr/th")) for line in lines] == [
        "popf",
        "odd",
        "cli",
        "lgdt",
        "add.r8",
        "add.r32",
        "nop",
    ]
    assert [tuple(line.get(f"data-{key}") for key in ("verdict", "privileged", "sensitive")) for line in lines[:3]] == [
        ("hole", "no", "yes user"),
        ("unknown", "no", "no"),
        ("conditional", "configured", "yes"),
    ]
    assert "changes interrupt; reveals mode" in text_of(lines[0])
    assert "closed by IOPL = 0" in text_of(lines[2])


def test_the_table_reads_without_scripts_and_the_filters_wait_for_theirs() -> None:
    tree = page_of(checked(RICH))
    assert all("hidden" in form.keys() for form in tree.iter("form")) and list(tree.iter("form"))
    assert not [line for line in tree.findall(".//tbody[@class='line']") if "hidden" in line.keys()]


def test_tables_have_headers_and_headings_skip_no_level() -> None:
    tree = page_of(real("pg74"), checked(RICH), WRONG)
    assert all(table.findall(".//th") for table in tree.iter("table"))
    assert all(th.get("scope") for th in tree.iter("th"))
    levels = [int(e.tag[1]) for e in tree.iter() if isinstance(e.tag, str) and re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))


def test_what_is_not_proved_is_said() -> None:
    whole = text_of(
        page_of(checked(result(ODD, unmodelled=("the trace trap",), theorem1="unknown")), manner=Manner(partly=True))
    )
    for said in (
        "the trace trap",
        "odd is not decided: odd:hole@user: out of budget",
        "only these were judged",
        "z3-solver 1",
    ):
        assert said in whole
    assert "only these were judged" not in text_of(page_of(checked(RICH)))


def test_no_answer_is_given_twice() -> None:
    tree = page_of(checked(result(HOLE, *PLAIN, theorem1="fails", theorem3="unknown")))
    titles = [text_of(card) for card in tree.findall(".//span[@class='card-title']")]
    assert titles == ["Theorem 2", "Theorem 3", "Monitor"], "Theorem 1 is the banner"
    assert text_of(tree).count("Theorem 1: the premise fails") == 1
    assert len([t for t in tree.iter("table") if t.get("class") == "witness"]) == 1


def test_the_page_tells_its_story_in_order() -> None:
    said = text_of(page_of(checked(result(HOLE, CLI, *PLAIN, theorem1="fails"))))
    heads = ("Sensitive against privileged", "Holes (1)", "Configuration", "Instructions", "How control state flows")
    places = [said.index(head) for head in heads]
    assert places == sorted(places)


def test_a_hole_has_its_own_sentence_and_its_witness_open() -> None:
    tree = page_of(checked(result(HOLE, *PLAIN, theorem1="fails")))
    (case,) = tree.findall(".//article")
    assert HOLE.reason[1:] in text_of(case) and case.findall(".//table[@class='witness']")
    parents = {child: parent for parent in tree.iter() for child in parent}
    while case in parents:
        assert case.tag != "details", "nothing around it is folded"
        case = parents[case]
    assert "None: every instruction" in text_of(page_of(checked(result(*PLAIN))))


def test_rows_are_grouped_as_in_the_text() -> None:
    tree = page_of(checked(result(HOLE, LGDT, CLI, *PLAIN, theorem1="fails")))
    grouped = [t for t in tree.iter("table") if text_of(t).startswith("Instructions by verdict")]
    assert len(grouped) == 1
    rows = [[text_of(td) for td in row.iter("td")] for row in grouped[0].iter("tr") if row.find("td") is not None]
    assert ["add (2), nop", "innocuous", "no", "-"] in rows and len(rows) == 4


def test_no_raw_words_are_shown() -> None:
    said = text_of(page_of(checked(RICH), real("pg74")))
    assert "two-solvers" not in said and "two solvers" in said and "taint" not in said


def test_the_graph_shows_the_holes_alone_first() -> None:
    pictures = page_of(real("m68000")).findall(".//{*}svg[@class='flow']")
    holes, every = (len(picture.findall(".//{*}path")) for picture in pictures)
    assert 0 < holes < every
    assert len(page_of(real("pg74")).findall(".//{*}svg[@class='flow']")) == 1


# ---- slides


def test_slides_have_each_hole_and_every_answer() -> None:
    tree = page_of(checked(result(HOLE, *PLAIN, theorem1="fails")), WRONG, manner=Manner(present=True))
    slides = [text_of(slide) for slide in tree.iter("section") if slide.get("class") == "slide"]
    assert "popf" in slides[-3] and "MEM" in slides[-3]
    assert all(f"Theorem {n}" in slides[-2] for n in (1, 2, 3))
    assert "Without an answer" in slides[-1]
    ids = {e.get("id") for e in tree.iter()}
    assert all(a.get("href", "")[1:] in ids for a in tree.iter("a"))


def test_waived_rows_and_theorems_say_so() -> None:
    waived = checked(RICH, waived={("default", "popf"): "kept until 2027"})
    assert "kept until 2027" in text_of(page_of(waived)) and "Waived" in text_of(page_of(waived))
    assert "Waived" not in text_of(page_of(checked(RICH)))


def test_an_unfolded_row_has_its_text_encoding_and_roles() -> None:
    tree = page_of(real("pg74"))
    line = next(e for e in tree.findall(".//tbody[@class='line']") if text_of(found(e, "tr/th")) == "lpsw")
    shown = text_of(line)
    assert "Psw new = read_memory(indexed(a, x));" in shown and "Load program status word" in shown
    (bits,) = [t for t in line.iter("table") if t.get("class") == "bits"]
    assert [text_of(td) for td in bits.iter("td")] == ["010000000000", "x", "000000", "a"]
    assert [th.text for th in bits.iter("th")] == ["31-20", "19-16", "15-10", "9-0"]
    roles = {
        text_of(found(row, "th")): [text_of(td) for td in row.iter("td")]
        for row in line.findall(".//tr[td]")
        if row.find("th") is not None and text_of(found(row, "th")) in ("mode", "relocation")
    }
    assert roles == {"mode": ["M", "M"], "relocation": ["", "R.l R.b"]}


# ---- encodings


def fields_of(machine: Machine, identifier: str) -> list[tuple[str, str, int, int]]:
    encoding = machine.instruction(identifier).encoding
    assert encoding is not None
    return [(f.kind, f.text, f.high, f.low) for word in words(encoding) for f in word.fields]


def test_fields_of_an_encoding_are_those_of_its_match() -> None:
    assert fields_of(machine_of("pg74"), "load") == [
        ("fixed", "00000001", 31, 24),
        ("operand", "r", 23, 20),
        ("operand", "x", 19, 16),
        ("fixed", "000000", 15, 10),
        ("operand", "a", 9, 0),
    ]


def test_a_scattered_immediate_shows_which_bits_stand_where() -> None:
    # The RISC-V manual, volume I, B-type: imm[12|10:5] rs2 rs1 funct3 imm[4:1|11] opcode.
    fields = fields_of(machine_of("riscv64"), "beq")
    assert [(text, high, low) for kind, text, high, low in fields if kind == "operand"] == [
        ("imm[12]", 31, 31),
        ("imm[10:5]", 30, 25),
        ("xs2", 24, 20),
        ("xs1", 19, 15),
        ("imm[4:1]", 11, 8),
        ("imm[11]", 7, 7),
    ]
    assert [f for f in fields if f[0] == "fixed"] == [("fixed", "000", 14, 12), ("fixed", "1100011", 6, 0)]


def test_words_that_operands_ask_for_are_marked() -> None:
    encoding = machine_of("m68000").instruction("move.from_sr").encoding
    assert encoding is not None
    first, *rest = words(encoding)
    assert first.always and rest and not any(word.always for word in rest)
    assert first.fields[0] == BitField("fixed", "0100000011", 15, 6)
    assert all(sum(f.width for f in word.fields) == word.width for word in (first, *rest))


# ---- witnesses


def cells_of(witness: Witness) -> dict[str, Any]:
    return {cell.name: cell for cell in compared(machine_of("pg74"), witness)}


def test_a_witness_shows_which_bits_the_step_changed_and_which_differ() -> None:
    cells = cells_of(WITNESS)
    assert {name for name, cell in cells.items() if cell.notable} == {"IF", "MEM[0x100]"}
    before, after, real_before, real_after = cells["GPR[4]"].values
    assert [(d.text, d.changed, d.apart) for d in after.digits] == [
        ("1", False, False),
        ("1", True, False),
        ("00", False, False),
    ]
    assert not any(d.changed or d.apart for v in (before, real_before) for d in v.digits)
    assert [(d.text, d.changed) for d in cells["IF"].values[1].digits] == [("0", True)]
    assert not [d for cell in cells.values() for v in cell.values for d in v.digits if d.text.isspace() and d.changed]
    virtual, real_ = cells["MEM[0x100]"].values[1], cells["MEM[0x100]"].values[3]
    assert [(d.text, d.apart) for d in virtual.digits][-1] == ("1", True)
    assert [(d.text, d.apart) for d in real_.digits][-1] == ("0", True)


def test_a_cell_has_the_width_of_its_leaf_and_the_mode_is_always_there() -> None:
    cells = cells_of(replace(WITNESS, virtual={"A": {3: 5}}, real={}, virtual_after={}, real_after={}, differs=()))
    assert list(cells) == ["M", "A[3]"]
    assert "".join(d.text for d in cells["A[3]"].values[0].digits) == "0000 0000 0000 0000 0000 0000 0000 0101"
    assert cells["A[3]"].role == "general" and cells["M"].role == "mode"


def test_values_of_absurd_width_are_shown_without_digits() -> None:
    cells = cells_of(replace(WITNESS, virtual={"A": {3: 1 << 5000}}))
    assert cells["A[3]"].values[0].digits == () and cells["A[3]"].values[0].value == hex(1 << 5000)


# ---- flow


@pytest.mark.parametrize(
    "identifier, reads, writes, exits",
    [
        ("add", {"P", "A"}, {"P", "A", "C"}, set()),
        ("lrr", {"M", "P", "A"}, {"P", "R.l", "R.b"}, {"trap"}),
        ("srr", {"M", "P", "A", "R.l", "R.b"}, {"P", "A"}, {"trap"}),
        ("tio", {"M", "P", "A", "DEVICE"}, {"P", "A", "DEVICE"}, {"trap"}),
    ],
)
def test_reads_and_writes_are_those_of_the_step(
    identifier: str, reads: set[str], writes: set[str], exits: set[str]
) -> None:
    found_ = access_of(machine_of("pg74"), identifier)
    assert (set(found_.reads), set(found_.writes), set(found_.exits)) == (reads, writes, exits)


def flow_of(machine: Machine, *identifiers: str) -> set[tuple[str, str]]:
    return {*dependences(machine, [(name, access_of(machine, name)) for name in identifiers])}


def test_the_graph_has_what_involves_control_state_and_nothing_else() -> None:
    machine = machine_of("pg74")
    assert flow_of(machine, "add") == set()
    assert flow_of(machine, "add", "srr") == {
        ("R.l (relocation)", "general state"),
        ("R.b (relocation)", "general state"),
        ("M (mode)", "exit trap"),
    } | {edge for edge in flow_of(machine, "srr") if edge == ("M (mode)", "general state")}
    assert ("general state", "R.l (relocation)") in flow_of(machine, "lrr")


def test_the_drawing_is_the_same_however_the_rows_come_and_none_without_edges() -> None:
    machine = machine_of("pg74")
    rows = [(name, access_of(machine, name)) for name in ("lpsw", "srr", "lrr")]
    shown = drawing(machine, rows)
    assert shown is not None and shown == drawing(machine, rows)
    again = drawing(machine, rows[::-1])
    assert again is not None and again.nodes == shown.nodes
    assert drawing(machine, [("add", access_of(machine, "add"))]) is None
    arrow = next(a for a in shown.arrows if a.source == "R.l (relocation)" and a.target == "general state")
    assert arrow.rows == ("srr",)


def test_boxes_of_the_drawing_do_not_overlap() -> None:
    machine = machine_of("pg74")
    shown = drawing(machine, [(n, access_of(machine, n)) for n in ("lpsw", "srr", "lrr", "tio", "sio", "rtm", "stm")])
    assert shown is not None
    for x in {node.x for node in shown.nodes}:
        heights = sorted(node.y for node in shown.nodes if node.x == x)
        assert all(b - a >= 20 for a, b in zip(heights, heights[1:], strict=False))
        assert 10 < heights[0] and heights[-1] + 10 < shown.height
    assert all(node.x + node.width <= shown.width for node in shown.nodes)


def test_leaves_of_an_entry_are_one_box_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_LEAVES", 1)
    assert ("R (relocation)", "general state") in flow_of(machine_of("pg74"), "srr")


# ---- bytes


def test_a_page_has_the_same_bytes_each_time_and_times_only_if_wanted() -> None:
    whole = story(real("pg74"))
    assert render(whole, TIMELESS) == render(whole, TIMELESS)
    slow = replace(RICH, effort=replace(RICH.effort, seconds=99.5))
    assert render(story(checked(RICH)), TIMELESS) == render(story(checked(slow)), TIMELESS)
    assert "99.5 s" in render(story(checked(slow)), Manner())


def test_the_page_of_504_rows_stays_under_3_megabytes() -> None:
    machine = machine_of("i386")
    rows = tuple(
        instruction(
            i.id + row.label,
            "hole",
            name=i.name,
            variant=i.variant,
            row=row.label,
            position=i.position,
            witness=WITNESS,
            sensitive=True,
            reason="x" * 80,
        )
        for i in machine.instructions
        for row in i.rows
    )
    assert len(rows) >= 500
    text = render(story(replace(checked(result(*rows, theorem1="fails")), machine=machine)), TIMELESS)
    assert text.count('<tbody class="line"') == len(rows)
    assert len(text.encode()) < 3_000_000


def test_a_template_that_asks_for_what_is_not_there_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        rendered("page.html")


# ---- the command


def test_the_command_writes_the_page(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result(HOLE, *PLAIN, theorem1="fails")
    ran = pgcheck("pg74", "--no-timing", "--output", f"html={tmp_path / 'page.html'}")
    assert ran.code == 1 and ran.err == ""
    tree = parsed((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert text_of(found(tree, ".//h1")) == "A toy machine"
    printed = pgcheck("pg74", "--no-timing", "--format", "html")
    assert parsed(printed.out) is not None and (tmp_path / "page.html").read_text(encoding="utf-8") == printed.out


def test_processes_with_other_hashes_write_the_same_bytes(spawn: Pgcheck, tmp_path: Path) -> None:
    pages = []
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.html"
        words_ = ("pg74", "--no-timing", "--only", "lpsw", "--only", "srr", "--output", f"html={file}")
        assert spawn(*words_, env={**os.environ, "PYTHONHASHSEED": seed}).code == 0
        pages.append(file.read_bytes())
    assert pages[0] == pages[1]


# ---- contrast


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_measured_as_the_standard_says() -> None:
    assert round(contrast("#000000", "#ffffff"), 1) == 21.0
    assert 4.4 < contrast("#777777", "#ffffff") < 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str) -> None:
    light, dark = PALETTE.split("@media (prefers-color-scheme: dark)")
    given = colours(light) if scheme == "light" else {**colours(light), **colours(dark)}
    pairs = [(ink, ground) for ink in ("ink", "soft") for ground in ("ground", "paper", "faint")]
    pairs += [(ink, f"{ink}-ground") for ink in ("good", "bad", "open", "blue")]
    pairs += [(ink, "paper") for ink in ("good", "bad", "open", "accent")] + [
        ("accent", "ground"),
        ("mark-ink", "mark"),
    ]
    pairs += [(ink, f"{ground}-ground") for ink in ("ink", "soft") for ground in ("good", "bad", "open")]
    low = {pair: round(contrast(given[pair[0]], given[pair[1]]), 2) for pair in pairs}
    assert min(low.values()) >= 4.5, {pair: ratio for pair, ratio in low.items() if ratio < 4.5}
