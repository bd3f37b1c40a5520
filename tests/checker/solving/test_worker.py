"""What the child reads of a solver's model, whatever its form, and where it stops."""

from __future__ import annotations

import random

import pytest
import z3  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.checker.options import Limits
from pgcheck.checker.solving import worker
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import Term, array, constant, constant_array, eq, ite, lnot, mk, select, store, variable

BYTE = "(_ BitVec 8)"
ARRAY = f"(Array {BYTE} {BYTE})"
FORMS = {
    "a constant": f"((as const {ARRAY}) #x07)",
    "stores": f"(store (store ((as const {ARRAY}) #x07) #x01 #x02) #x03 #x04)",
    "the last store of several counts": f"(store (store ((as const {ARRAY}) #x07) #x01 #x02) #x01 #x04)",
    "a choice of arrays": f"(ite g (store ((as const {ARRAY}) #x07) #x01 #x02) ((as const {ARRAY}) #x07))",
    "a store over a choice": f"(store (ite g ((as const {ARRAY}) #x05) ((as const {ARRAY}) #x07)) #x03 #x04)",
    "a function": "(_ as-array f)",
    "a lambda of the index": f"(lambda ((x {BYTE})) (bvadd x #x01))",
    "ranges": f"(lambda ((x {BYTE})) (ite (bvult x #x03) x #x01))",
}
READ = ("g", "(select a #x01)", "(select a #x03)", "(select a #xff)", "(f #x01)", "(bvadd (select a #x01) #x01)")


@pytest.mark.parametrize("form", FORMS)
def test_the_terms_that_are_asked_for_are_read_whatever_the_form_of_an_array(form: str) -> None:
    """z3 reduces a read to a number; no form of an array is walked."""
    text = f"(declare-fun g () Bool)(declare-fun f ({BYTE}) {BYTE})(declare-fun a () {ARRAY})(assert (= a {FORMS[form]}))(assert g)"
    reply = worker.answer({"do": "check", "text": text, "asked": READ, "rlimit": 1_000_000})
    assert reply["status"] == "sat", reply
    solver = z3.Solver(ctx=z3.Context())
    solver.from_string(
        text + "".join(f"(assert (= {t} {told(t, v)}))" for t, v in zip(READ, reply["values"], strict=True))
    )
    assert str(solver.check()) == "sat"
    solver.from_string(f"(assert (not (= (select a #x01) {told('', reply['values'][1])})))")
    assert str(solver.check()) == "unsat"


def told(term: str, value: int) -> str:
    return ("true" if value else "false") if term == "g" else f"#x{value:02x}"


def test_what_is_no_number_is_no_value() -> None:
    text = f"(declare-fun a () {ARRAY})(assert (= (select a #x01) #x02))"
    reply = worker.answer({"do": "check", "text": text, "asked": ["a"], "rlimit": 1_000_000})
    assert reply["status"] == "unknown" and "where a number was expected" in reply["reason"]


EASY = "(declare-fun x () (_ BitVec 8))(declare-fun g () Bool)(assert (= x #xa5))(assert g)"
HARD = (
    "(declare-fun p () (_ BitVec 80))(declare-fun q () (_ BitVec 80))(assert (bvult p (_ bv1099511627776 80)))"
    "(assert (bvult q (_ bv1099511627776 80)))(assert (bvult (_ bv1 80) p))(assert (bvult (_ bv1 80) q))"
    f"(assert (= (bvmul p q) (_ bv{738291028411 * 829384756321 + 2} 80)))"
)
BOUNDS = {"do": "find", "seconds": 60.0, "memory": 6144}


def test_bitwuzla_gives_the_values_that_are_asked_for() -> None:
    reply = worker.answer({**BOUNDS, "text": EASY, "asked": ["x", "g", "((_ extract 3 0) x)", "(not g)"], "ticks": 100})
    assert reply == {"status": "sat", "reason": "", "values": [0xA5, 1, 5, 0]}
    wrong = worker.answer({**BOUNDS, "text": EASY + "(assert (not g))", "asked": ["x"], "ticks": 100})
    assert wrong == {"status": "unsat", "reason": ""}


def test_ticks_end_a_search_at_the_same_place_in_every_run() -> None:
    """The terminator is asked as often, whatever else the machine does: an exact count is enough, and one less is not."""
    asked: list[int] = []

    def status(ticks: int, text: str) -> str:
        return str(worker.answer({**BOUNDS, "text": text, "asked": [], "ticks": ticks})["status"])

    assert status(2000, HARD) == "unknown"
    for text in (EASY + "(assert (not g))", MIDDLE):
        low, high = 0, 5000
        assert status(high, text) in ("sat", "unsat")
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if status(middle, text) != "unknown" else (middle + 1, high)
        asked.append(low)
        assert {status(low, text) for _ in range(3)} == {status(5000, text)}
        assert low == 0 or {status(low - 1, text) for _ in range(3)} == {"unknown"}
    assert asked[1] > 0


MIDDLE = (
    "(declare-fun p () (_ BitVec 16))(declare-fun q () (_ BitVec 16))(assert (= (bvmul p q) #x7531))"
    "(assert (bvult p #x0100))(assert (bvult q #x0100))(assert (bvult #x0001 p))(assert (bvult #x0001 q))"
)


# ---- whatever a formula says of arrays, the solver's answer is one: a model that holds, or none


class Formula:
    """A random formula over arrays, written with every way to make one."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.width = self.source.choice((2, 4, 16))
        self.arrays = [array(self.width, 8, f"m{k}") for k in range(3)]
        self.places = [variable(self.width, f"i{k}") for k in range(4)]
        self.words = [variable(8, f"v{k}") for k in range(3)]

    def place(self) -> Term:
        return self.source.choice([*self.places, constant(self.width, self.source.getrandbits(self.width))])

    def word(self, depth: int) -> Term:
        if depth and self.source.random() < 0.6:
            return select(self.memory(depth - 1), self.place())
        return self.source.choice([*self.words, constant(8, self.source.getrandbits(8))])

    def memory(self, depth: int) -> Term:
        kind = self.source.randrange(5) if depth else 0
        if kind == 1:
            return constant_array(self.width, 8, self.source.getrandbits(8))
        if kind == 2:
            return ite(variable(0, f"g{self.source.randrange(3)}"), self.memory(depth - 1), self.memory(depth - 1))
        if kind > 2:
            return store(self.memory(depth - 1), self.place(), self.word(depth - 1))
        return self.source.choice(self.arrays)

    def claim(self) -> Term:
        one, other = self.word(3), self.word(3)
        return self.source.choice([lnot(eq(one, other)), eq(one, other), mk("ult", 0, one, other)])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30))
def test_a_model_of_arrays_holds(seed: int) -> None:
    formula = Formula(seed)
    claims = [formula.claim() for _ in range(formula.source.randrange(1, 7))]
    answers = SOLVER.check(claims, label=""), SOLVER.find(claims, label="")
    assert answers[0].status == answers[1].status and answers[0].status in ("sat", "unsat"), answers
    for answer in answers:
        assert answer.model is None or all(answer.model.values(claims))


SOLVER = Solver(Limits())
