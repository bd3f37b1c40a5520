"""The report: what it says, in which order, and that it fits 80 columns."""

import pytest

from pgcheck.checker.result import DeploymentResult, Finding, MachineResult, Status
from pgcheck.checker.values import NOTHING, Sensitivity
from pgcheck.isa.files.errors import Position
from pgcheck.reports.text.report import report
from tests.pgcheck.factory import CLI, DECODE, HOLE, LGDT, ODD, PLAIN, instruction, result, theorems


def shown(given: MachineResult, *, timing: bool = False, every_row: bool = False, partly: bool = False) -> str:
    text = report(given, DECODE, timing=timing, every_row=every_row, partly=partly)
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"):
        text = text.replace(code, "")
    assert "\x1b" not in text
    return text


FULL = result(HOLE, LGDT, CLI, ODD, *PLAIN, theorem1="fails", theorem2="fails", theorem3="fails", monitor="fails")


def test_theorems_come_first_then_holes_then_what_is_open_then_the_table() -> None:
    text = shown(FULL)
    order = [
        "Theorem 1",
        "Theorem 2",
        "Theorem 3",
        "Monitor",
        "Holes (1)",
        "Not decided (1)",
        "Closed by the configuration (1)",
        "instructions   ",
        "innocuous (3)",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize("every_row", [False, True])
def test_no_line_is_longer_than_80_columns(every_row: bool) -> None:
    names = tuple(instruction(f"mnemonic{i}.a_rather_long_variant", "privileged", privileged=True) for i in range(40))
    other = DeploymentResult("elsewhere", theorems(monitor="conditional"), names, NOTHING)
    finding = Finding("law", "warning", "subject", "word " * 40, Position("a/file.yaml", 1, 2))
    given = result(
        HOLE, *names, *PLAIN, others=(other,), findings=(finding,), unmodelled=("word " * 30,), monitor="fails"
    )
    assert max(map(len, shown(given, timing=True, every_row=every_row).splitlines())) <= 80


@pytest.mark.parametrize(
    "status, said",
    [
        ("holds", "Theorem 1  the premise holds: every sensitive instruction is privileged"),
        ("conditional", "Theorem 1  the premise holds with IOPL = 0: every sensitive"),
        ("fails", "Theorem 1  the premise fails: popf is sensitive and not privileged"),
        ("unknown", "Theorem 1  not decided: popf is open"),
        ("void", "Theorem 1  void: the specification breaks a law"),
    ],
)
def test_each_status_of_theorem_1_has_its_words(status: Status, said: str) -> None:
    assert said in shown(result(theorem1=status))


@pytest.mark.parametrize(
    "status, said",
    [
        ("holds", "Monitor    exists: no instruction is a hole"),
        ("conditional", "Monitor    exists with IOPL = 0: no hole is left"),
        ("fails", "Monitor    none by trap and emulate alone: popf is a hole"),
        ("unknown", "Monitor    not decided: popf is open"),
    ],
)
def test_each_status_of_the_monitor_has_its_words(status: Status, said: str) -> None:
    assert said in shown(result(monitor=status))


def test_a_refutation_never_says_that_virtualization_is_impossible() -> None:
    text = shown(FULL).lower()
    assert "the premise fails" in text
    assert "cannot be virtualized" not in text and "not virtualizable" not in text


def test_theorem_2_refers_to_theorem_1_only_when_it_fails_for_the_same_reason() -> None:
    assert "for it includes that of Theorem 1" in shown(result(theorem1="fails", theorem2="fails"))
    assert "for it includes" not in shown(result(theorem1="holds", theorem2="fails"))


def test_a_hole_shows_its_reason_and_its_witness_in_a_sentence() -> None:
    text = " ".join(shown(result(HOLE)).split())
    assert "popf: changes the virtual machine's IF without a trap" in text
    assert "popf 1 [9d 01]: IF goes from 1 to 0 on the virtual machine" in text
    assert "Holes" not in shown(result(*PLAIN))


def test_the_table_says_what_is_privileged_and_why_sensitive() -> None:
    lines = {line.split()[0]: " ".join(line.split()) for line in shown(FULL).splitlines() if line}
    assert lines["lgdt"] == "lgdt privileged yes changes relocation"
    assert lines["cli"] == "cli conditional configured changes interrupt"


def test_a_sensitive_innocuous_row_is_in_the_table_and_a_plain_one_is_not() -> None:
    text = shown(result(instruction("odd", sensitive=True, sensitivities=(Sensitivity("beh", "mode", "U"),)), *PLAIN))
    assert "odd                         innocuous" in text
    assert "add (2), nop" in text and "add.r8" not in text


def test_every_row_is_shown_on_request() -> None:
    text = shown(FULL, every_row=True)
    assert "add.r8 " in text and "add.r32 " in text and "add (2)" not in text


def test_timing_is_there_only_when_wanted() -> None:
    assert "1.2 s" in shown(FULL, timing=True)
    assert "obligations" not in shown(FULL)


def test_a_partial_run_says_so() -> None:
    assert "only these were judged" in shown(FULL, partly=True)
    assert "only these were judged" not in shown(FULL)


def test_what_is_not_modelled_is_listed_once_and_of_a_partial_run_counted() -> None:
    given = result(*PLAIN, unmodelled=("the trace trap", "caches"))
    assert shown(given).count("Not modelled\n  * the trace trap\n  * caches\n") == shown(given).count("modelled") == 1
    part = shown(given, partly=True)
    assert "Not modelled  2 points, which the check of all lists\n" in part and "trace trap" not in part
    assert "modelled" not in shown(result(*PLAIN), partly=True)


def test_errors_of_the_specification_come_before_the_theorems_and_warnings_at_the_end() -> None:
    error = Finding("legal_is_inductive", "error", "popf", "breaks it", Position("toy.yaml", 3, 5))
    warning = Finding("access", "warning", "", "is claimed wrongly")
    text = shown(result(findings=(warning, error, Finding("fine", "ok", "", "not said"))))
    places = [
        text.index(w) for w in ("error: legal_is_inductive: popf: breaks it (toy.yaml:3:5)", "Theorem 1", "access")
    ]
    assert places == sorted(places)
    assert "not said" not in text


def test_what_a_premise_warns_of_is_listed_under_the_monitor() -> None:
    found = result(
        *PLAIN, findings=(Finding("monitor_can_map", "warning", "default", "never run directly: half of it"),)
    )
    lines = report(found, DECODE, timing=False).splitlines()
    monitor = next(k for k, line in enumerate(lines) if line.startswith("Monitor"))
    assert "           Never run directly: half of it." in lines[monitor : lines.index("", monitor)]
    assert not any(line.startswith("warning") for line in lines)
    other = result(
        *PLAIN, findings=(Finding("monitor_can_map", "warning", "another", "never run directly: half of it"),)
    )
    assert "Never" not in report(other, DECODE, timing=False)
