"""Blocks of generated code against their instructions: those that engines make are right, and each kind of fault in what is emitted is refuted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count, islice

import pytest

from pgcheck.checker.campaign import strategies
from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.properties.eq2 import eq2
from pgcheck.checker.generated.blocks import Block, framed
from pgcheck.checker.generated.routines import Library, library, library_of
from pgcheck.checker.generated.samples import begin, fetched, situations
from pgcheck.checker.monitor.result import Obligation
from pgcheck.checker.monitor.routines import validated_part
from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.machine.build import load
from pgcheck.models.generated.lines import Setting
from pgcheck.models.generated.program import Program, Reader, Written
from pgcheck.shipped import shipped
from pgcheck.vmm.kind import kinds
from tests.specifications import machine

pytestmark = pytest.mark.slow

# Beside the machine of the paper: an answer that is left open.
MORE = """include: [pg74]
name: more
nondeterminism:
  open: Bits<32>
instructions:
  - name: open
    encoding: {match: "10000100----00000000000000000000", variables: ["r 23-20"]}
    operation(): "A[r] = undefined<32>(\\"open\\");"
"""


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = Solver(Limits(), None, True)
    yield Evidence(solver, False)
    solver.close()


@cache
def known(name: str) -> Library:
    return library(machine(name))


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Library:
    path = tmp_path_factory.mktemp("more") / "more.yaml"
    path.write_text(MORE)
    return library(load(path, shipped=shipped))


def block(made: Library, *ids: str, user: bool = False) -> Block:
    """A block of instructions one after another, with operands of 1."""
    where = situations(made)[user]
    instructions = {i.id: i for i in made.machine.instructions}
    found = [fetched(instructions[i], lambda width, at: 1 & (1 << width) - 1) for i in ids]
    start, space = begin(made.machine), made.machine.state
    bound = (1 << space.leaves[space.pc].width) - 1
    at = {start + sum(f.length for f in found[:k]) & bound: f for k, f in enumerate(found)}
    written = made.program.written(where.setting, start, lambda pc: at.get(pc), len(ids))
    assert written is not None
    return Block(made, written, where.setting)


def edited(found: Block, *edits: tuple[str, str]) -> Block:
    """The block as a generator with a fault would write it."""
    lines = list(found.written.lines)
    for old, new in edits:
        assert any(old in line for line in lines), (old, found.written.text)
        lines = [line.replace(old, new) for line in lines]
    return replace(found, written=replace(found.written, lines=tuple(lines)))


def worst(found: Block, evidence: Evidence) -> Obligation:
    if frame := framed(found):
        return Obligation("EQ4", "block", "refuted", reason=frame)
    asked = [validated_part(found, k, "block", f"part {k}", evidence) for k in range(len(found.written.trace))]
    return next((o for o in asked if o.verdict != "proved"), asked[0])


RISCV = ("addi", "ld", "sd", "addi")
# Several units at two addresses, each of which is walked for and may store to tables.
STRINGS = ("movsw", "cmpsd", "movsd", "cmpsw")


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("riscv64", RISCV),
        ("riscv64", ("lw", "beq", "jal", "csrrw", "ecall", "addi")),
        ("pg74", ("add", "load", "store", "jz", "add")),
        ("pg74", ("lpsw", "add")),
        ("i386", STRINGS),
    ],
)
def test_what_is_emitted_is_right(name: str, ids: tuple[str, ...], user: bool, evidence: Evidence) -> None:
    found = worst(block(known(name), *ids, user=user), evidence)
    assert found.verdict == "proved", found


def test_open_answers_are_numbered_anew(more: Library, evidence: Evidence) -> None:
    found = block(more, "add", "open", "add")
    assert worst(found, evidence).verdict == "proved"
    stale = worst(edited(found, ("R.step.instances.clear()", "pass")), evidence)
    assert stale.verdict == "refuted" and "earlier instruction's number" in stale.reason


# What a generator would write with a fault: the specification, the instructions, whether of a user, the edits, and what is said to differ.
FAULTS = {
    "a store past whoever watches": ("riscv64", RISCV, False, [(" and quiet[t6 >> 12]", "")], "somebody watches"),
    "a store past whoever watches, by a remembered page": (
        "riscv64",
        RISCV,
        True,
        [("= quiet[", "= 1 or quiet[")],
        "somebody watches",
    ),
    "an exit check that is missed": ("riscv64", RISCV, False, [("if q:", "if False:")], "engine does not look"),
    "a look that is not taken over": ("riscv64", RISCV, False, [("q = R.check", "q = False")], "engine does not look"),
    "a stale PC at an exit": (
        "riscv64",
        RISCV,
        False,
        [("            S['PC'] = ", "            S['PC'] = 4 + ")],
        "PC at raise",
    ),
    "a stale PC for a translation": (
        "riscv64",
        RISCV,
        True,
        [("            S['PC'] = ", "            S['PC'] = 4 + ")],
        "",
    ),
    "the clock of another instruction": (
        "riscv64",
        RISCV,
        False,
        [("clock = c + 2", "clock = c + 1")],
        "before the clock is set",
    ),
    "a PC that is not left behind": ("pg74", ("add", "jump"), False, [("S['P'] = ", "t9 = ")], "the PC that it leaves"),
    "a step too many": ("pg74", ("add", "add"), False, [("return c + 2", "return c + 3")], "how many steps"),
    "a budget for one step less": (
        "pg74",
        ("add", "add"),
        False,
        [("most = end - 2", "most = end - 1")],
        "first instruction",
    ),
    "a budget that is not asked for": (
        "pg74",
        ("add",),
        False,
        [("if c > most: return c", "if c > end: return c")],
        "first",
    ),
    "a change of mode that nobody looks after": (
        "pg74",
        ("lpsw",),
        False,
        [("R.check = True", "pass")],
        "does not look",
    ),
    "an access beyond RAM": ("riscv64", RISCV, False, [("<= 16376", "<= 16384")], "beyond RAM"),
    "a register of the instruction before": ("riscv64", RISCV, False, [("A0[1] = t2", "A0[2] = t2")], "X"),
    "a page's translation without one": ("riscv64", RISCV, True, [("t2 = R.load_virtual(F0, S, t1, 8)", "t2 = 0")], ""),
    "another table's translation": ("riscv64", RISCV, True, [("R.load_virtual(F0", "R.load_virtual(F1")], ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_block_is_not_proved(fault: str, evidence: Evidence) -> None:
    name, ids, user, edits, said = FAULTS[fault]
    right = block(known(name), *ids, user=user)
    found = worst(edited(right, *edits), evidence)
    assert found.verdict in ("refuted", "unknown") and said in found.reason, found
    assert found.verdict == "refuted" or not said


# What a generator would write with a fault where several units are moved between two addresses, and what is said to differ.
MOVED = {
    "a step that is too short": ([("(2 if (not", "(1 if (not")], "GPR"),
    "a look that is not taken over": ([("        q = q or R.check", "        pass")], "engine does not look"),
    "units in the other order": ([("0, 0, t29, t33", "0, 0, t33, t29")], "MEM"),
    "a unit beside its place": ([("t30 = (t1 + 1 &", "t30 = (t1 + 2 &")], "accesses"),
}


@pytest.mark.parametrize(
    "fault",
    [name if name == "a step that is too short" else pytest.param(name, marks=pytest.mark.campaign) for name in MOVED],
)
def test_a_fault_in_what_moves_several_units_is_refuted(fault: str, evidence: Evidence) -> None:
    edits, said = MOVED[fault]
    found = worst(edited(block(known("i386"), *STRINGS, user=True), *edits), evidence)
    assert found.verdict == "refuted" and said in found.reason, found


def test_a_loop_asks_for_the_budget(evidence: Evidence) -> None:
    made = known("pg74")
    instructions = {i.id: i for i in made.machine.instructions}
    where = situations(made)[0]
    jump = fetched(instructions["jump"], lambda width, at: 0)
    setting, start = where.setting, 0
    written = made.program.written(setting, start, lambda pc: jump if pc == start else None, 3)
    assert written is not None and any("continue" in line for line in written.lines)
    found = Block(made, written, setting)
    assert worst(found, evidence).verdict == "proved"
    endless = worst(edited(found, ("        if c > most:", "        if False:")), evidence)
    assert endless.verdict == "refuted" and "more steps than the budget has" in endless.reason
    slow = worst(edited(found, ("c += 1", "c += 0")), evidence)
    assert slow.verdict == "refuted" and "how many steps" in slow.reason


def test_a_refutation_names_the_state_and_what_to_do(evidence: Evidence) -> None:
    right = block(known("riscv64"), *RISCV)
    found = worst(edited(right, ("A0[1] = t2", "A0[2] = t2")), evidence)
    assert found.counterexample is not None and "PC" in found.counterexample.virtual
    assert "run without blocks" in found.reason


def test_what_stands_before_the_first_part_is_nobodys() -> None:
    found = block(known("pg74"), "add", "sub")
    later = replace(found, written=replace(found.written, marks=tuple(m + 1 for m in found.written.marks)))
    assert framed(found) == "" and "parts" in framed(later)


@pytest.mark.parametrize(
    ("name", "cases"),
    [("pg74", 12), *(pytest.param(n, 400, marks=pytest.mark.campaign) for n in ("riscv64", "m68010"))],
)
def test_blocks_that_campaigns_make_are_right(
    name: str, cases: int, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hot cases of EQ2; every block that either side makes in them is asked."""
    made: dict[str, tuple[Program, Setting, Written]] = {}
    write = Program.written

    def noted(program: Program, setting: Setting, start: int, read: Reader, longest: int) -> Written | None:
        written = write(program, setting, start, read, longest)
        if written is not None:
            made[written.text] = program, setting, written
        return written

    monkeypatch.setattr(Program, "written", noted)
    author = Author(machine(name), strategies.policy_of(machine(name), next(iter(kinds()))))
    ground = Ground(author)
    tapes = (author.cases(counted("blocks", number, TAPE), 1)[0] for number in count())
    for case in islice((c for c in tapes if c.hot and not c.plain), cases):
        assert eq2(ground, (case,), None).failure is None
    assert made
    for program, setting, written in made.values():
        found = worst(Block(library_of(program), written, setting), evidence)
        assert found.verdict == "proved", (found, written.text)
