"""Native code against its terms: every routine of tier 0 is right, and each kind of fault in what the lowering writes is refuted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pgcheck.checker.generated.native.tier0 import Interpreter, Routine, interpreter
from pgcheck.checker.monitor.native.tier0 import canary_of, validated
from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms.names import STATE
from pgcheck.models.native.lowering.accesses import Accesses
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.instruction import InstructionCode
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.values import Values
from pgcheck.models.native.lowering.walking import Walking
from tests.checker.generated.native import subject
from tests.specifications import machine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def more() -> Interpreter:
    return interpreter(subject.more())


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = Solver(Limits(), None, True)
    yield Evidence(solver, False)
    solver.close()


def of(code: Interpreter, name: str) -> Routine:
    return next(r for r in code.routines if r.name == name or r.made == name)


def faulty(code: Interpreter, planted: Callable[[pytest.MonkeyPatch], None]) -> Interpreter:
    """What the lowering writes with a fault in it."""
    with pytest.MonkeyPatch.context() as patch:
        planted(patch)
        return interpreter(code.machine)


def edited(code: Interpreter, name: str, old: str, new: str) -> Interpreter:
    """What a lowering with a fault would write."""
    text = code.texts[name]
    assert old in text, text
    return replace(code, texts={**code.texts, name: text.replace(f"{old}\n", f"{new}\n", 1)})


def test_every_routine_is_proved(more: Interpreter, evidence: Evidence) -> None:
    found = [validated(more, r, evidence) for r in more.routines]
    assert len(found) >= 40 and [o for o in found if o.verdict != "proved"] == []
    assert canary_of(more, evidence).fired


# ---- faults of the lowering


def shifts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Values, "shift", lambda self, op, width, a, amount: self.b.op(op, width, a, amount))


def divides(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Values, "divide", lambda self, op, width, a, b: self.b.op(op, width, a, b))


def swaps(patch: pytest.MonkeyPatch) -> None:
    right = Body.op
    patch.setattr(
        Body,
        "op",
        lambda self, op, width, a, b: right(self, op, width, *((b, a) if op == "sub" and width == 32 else (a, b))),
    )


def unmasked(patch: pytest.MonkeyPatch) -> None:
    def ram(self: Body, index: str) -> str:
        offset = self.op("mul", 64, index, str(self.layout.ram.size))
        place = self.op("add", 64, offset, self.read(self.layout.header["ram"]))
        return self._value(f"getelementptr i8, ptr %st, i64 {place}")

    patch.setattr(Body, "_ram", ram)


def anywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Accesses, "inside", lambda self, place, count: self.b.constant(0, 1))


def unwatched(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Code, "_watch", lambda self, leaf: None)


def unsynced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InstructionCode, "sync", lambda self: None)


def unlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InstructionCode, "asked", lambda self: None)


def quiet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Code, "_quiet", lambda self, place, count: self.inside(place, count))


def unnoted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Code, "_note", lambda self, args: None)


def keeping(patch: pytest.MonkeyPatch) -> None:
    right = vars(Values)["_fixed"]
    patch.setattr(Values, "_fixed", lambda self, t: t if t.op == "var" and t.name.space == STATE else right(self, t))


def forgetful(patch: pytest.MonkeyPatch) -> None:
    right = Body.call
    patch.setattr(
        Body,
        "call",
        lambda self, name, args, results: ["false"] if name == "forget" else right(self, name, args, results),
    )


def staying(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Walking, "void", lambda self: None)


# What is planted, the routine that is asked, and what the report names.
PLANTED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str, str]] = {
    "a shift by the width": (shifts, "left", "a shift by the width or more"),
    "a shift of a sign by the width": (shifts, "sar", "a shift by the width or more"),
    "a division by zero": (divides, "quotient", "a division by 0"),
    "swapped operands": (swaps, "minus", "A"),
    "an address that is not masked": (unmasked, "load", "not cut to it"),
    "an access that is not bounded": (anywhere, "load", "an access beyond RAM"),
    "a change that the engine has to look at": (unwatched, "lpsw", "engine does not look"),
    "a host that does not know PC": (unsynced, "load", "the host does not know PC"),
    "a host's answer that is not looked at": (unlooked, "load", "engine does not look"),
    "a store to what a record was made from": (quiet, "store", "a record was made from"),
    "a record that keeps what may change": (keeping, "load", "hangs on the state"),
    "what a fault is about": (unnoted, "load", "$access at trap"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_of_the_lowering_is_never_proved(fault: str, more: Interpreter, evidence: Evidence) -> None:
    planted, name, named = PLANTED[fault]
    code = faulty(more, planted)
    found = validated(code, of(code, name), evidence)
    assert found.verdict in ("refuted", "unknown") and named in found.reason, found
    assert found.verdict == "refuted" or named in ("not cut to it", "hangs on the state")


# In what is written: the routine, the function of it, what stands there, what is put in its place, and what the report names.
EDITED = {
    "a count that is wrong": ("minus", "r", "= sub i64 %left, 1", "= sub i64 %left, 3", "how many steps"),
    "a budget that is not looked at": ("minus", "r", r"(icmp eq i64 %v\d+), 0", r"\1, 7", "outruns its budget"),
    "a PC behind that is another": ("minus", "r", "add i64 %pc, 1", "add i64 %pc, 2", "P"),
    "a flag that is dropped": ("less", "r", r"store i64 %v\d+", "store i64 1", "C"),
    "a comparison without its sign": ("less", "r", "icmp slt", "icmp ult", "C"),
    "a value that is cut": ("minus", "r", "= zext i32", "= zext i16", "another width"),
    "a leaf's place that is another's": ("minus", "r", "ptr %rec, i64 24", "ptr %rec, i64 28", "A"),
    "an exit of another number": ("load", "s", "i64 0, ptr %v", "i64 77, ptr %v", "nothing told"),
}


@pytest.mark.parametrize("fault", EDITED)
def test_a_fault_in_what_is_written_is_never_proved(fault: str, more: Interpreter, evidence: Evidence) -> None:
    name, kind, old, new, named = EDITED[fault]
    routine = of(more, name)
    text = more.texts[kind + routine.made]
    lines = [line for line in text.splitlines() if re.search(old, line)]
    assert lines, text
    found = validated(edited(more, kind + routine.made, lines[-1], re.sub(old, new, lines[-1])), routine, evidence)
    assert found.verdict != "proved" and named in found.reason, found


# ---- under page tables


@pytest.fixture(scope="module")
def paged() -> Interpreter:
    return interpreter(machine("riscv64"))


@pytest.mark.parametrize("name", ["lb", "beq", "jalr", "mret", "miss4", "write_memory<64>"])
def test_what_the_soft_tlb_answers_is_what_the_walk_gives(name: str, paged: Interpreter, evidence: Evidence) -> None:
    assert validated(paged, of(paged, name), evidence).verdict == "proved"


@pytest.mark.parametrize(
    ("planted", "name", "named"),
    [
        (forgetful, "write_memory<64>", "what the soft TLB was filled from"),
        (staying, "mret", "looked at in another context"),
    ],
    ids=["a store to a table that is not told", "a context that was left"],
)
def test_an_invalidation_that_is_dropped_is_refuted(
    planted: Callable[[pytest.MonkeyPatch], None], name: str, named: str, paged: Interpreter, evidence: Evidence
) -> None:
    code = faulty(paged, planted)
    found = validated(code, of(code, name), evidence)
    assert found.verdict == "refuted" and named in found.reason, found


def test_a_walk_that_may_store_is_left_open(evidence: Evidence) -> None:
    code = interpreter(machine("i386"))
    found = validated(code, of(code, "read_linear<16>"), evidence)
    assert found.verdict == "unknown" and "which stores where it is not hit" in found.reason
