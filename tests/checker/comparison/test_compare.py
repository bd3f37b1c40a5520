"""Whether two specifications are the same machine: copies that say it in other words, and copies with one mistake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pgcheck.checker.check import Options
from pgcheck.checker.comparison.compare import compare
from pgcheck.checker.comparison.result import Comparison, Part
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from tests.checker.variants import edited, variant
from tests.specifications import machine, machine_of

OPTIONS = Options(second=False, cache=False)
SHL = "A[r] = A[r] << n;"
STORED = "write_physical_memory<32>(10'd0, {M, $pc", "write_physical_memory<32>(10'd0, {~M, $pc"
ANY = 'nondeterminism: {any: "Bits<1>"}\n'


def against(first: Machine, second: Machine, *only: str) -> Comparison:
    return compare(first, second, OPTIONS, only=only)


def unequal(found: Comparison) -> Mapping[str, Part]:
    return {p.name: p for p in found.parts if p.status != "equal"}


def test_a_machine_is_itself_by_its_text_and_terms_alone() -> None:
    found = against(machine("pg74"), machine_of("pg74"))
    assert found.status == "equal"
    assert {p.how for p in found.parts} == {"text", "terms"}
    names = {p.name for p in found.parts}
    assert names >= {
        "state",
        "reset",
        "shl",
        "(undefined)",
        "delivery of trap",
        "translation",
        "fetch",
        "interrupt: deliver",
    }


def test_one_changed_step_is_shown_by_a_state_replayed_on_both(tmp_path: Path) -> None:
    found = against(machine("pg74"), edited(tmp_path, (SHL, "A[r] = A[r] << (n + 5'd1);")))
    assert found.status == "different"
    (part,) = unequal(found).values()
    assert part.name == "shl" and part.example is not None
    assert part.example.differs == ("A",)
    assert part.example.first.after.get("A") != part.example.second.after.get("A")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (STORED, "delivery of trap"),
        (("return M == 1 && EXPIRED == 1;", "return EXPIRED == 1;"), "interrupt: pending"),
        (("sum >= Q", "sum > Q"), "translation"),
        (("Access::Fetch, M));", "Access::Fetch, M) ^ 10'd1);"), "fetch"),
        (("swap_psw(); }\n  }\n  function swap_psw", "swap_psw(); A[0] = 0; }\n  }\n  function swap_psw"), "interrupt: deliver"),
        (('undefined: "trap(Cause::Undefined);"', 'undefined: "C = 0;"'), "(undefined)"),
    ],
)  # fmt: skip
def test_what_surrounds_the_instructions_is_compared(change: tuple[str, str], name: str, tmp_path: Path) -> None:
    wrong = unequal(against(machine("pg74"), edited(tmp_path, change)))
    assert name in wrong
    assert wrong[name].status == "different" and wrong[name].example is not None


def test_a_delivery_that_differs_is_not_blamed_on_the_instructions_that_trap(tmp_path: Path) -> None:
    wrong = unequal(against(machine("pg74"), edited(tmp_path, STORED)))
    assert {p.kind for p in wrong.values() if p.name != "lpsw"} == {"around"}


REFACTORED = """
override:
  instructions:
    - name: sub
      assembly: "{to}, {left}, {right}"
      encoding: {match: "0100000----------000-----0110011", variables: [left 19-15, right 24-20, to 11-7]}
      operation(): "X[to] = X[left] + ~X[right] + 64'd1;"
    - name: sltu
      assembly: "{xd}, {xs1}, {xs2}"
      encoding: {match: "0000000----------011-----0110011", variables: [xs2 24-20, xs1 19-15, xd 11-7]}
      operation(): "X[xd] = (X[xs1] >= X[xs2]) ? 64'd0 : 64'd1;"
    - name: csrrw
      assembly: "{xd}, {csr}, {xs1}"
      encoding: {match: "-----------------001-----1110011", variables: [csr 31-20, xs1 19-15, xd 11-7]}
      rows: {csr: csrs}
      operation(): |
        check_csr(csr, true);
        Bits<64> new = X[xs1];
        if (xd == 0) { csr_sw_write(csr, new); return; }
        Bits<64> old = csr_sw_read(csr);
        csr_sw_write(csr, new);
        X[xd] = old;
"""


def riscv(folder: Path, *changes: tuple[str, str]) -> Machine:
    """riscv64 with some instructions in other words, and `changes` to these."""
    text = "include: [riscv64]\nname: other\ntitle: The same in other words\n" + REFACTORED
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "other.yaml").write_text(text, "utf-8")
    return load(folder / "other.yaml")


def test_the_same_in_other_words_is_proved(tmp_path: Path) -> None:
    found = against(machine("riscv64"), riscv(tmp_path), "sub", "sltu", "csrrw")
    assert unequal(found) == {}
    assert {p.how for p in found.parts if p.name in ("sub", "sltu")} == {"solver"}
    assert len([p for p in found.parts if p.name.startswith("csrrw:")]) > 20


def test_a_mistake_in_other_words_is_found(tmp_path: Path) -> None:
    wrong = riscv(
        tmp_path,
        ("~X[right] + 64'd1", "~X[right] + ((left != 5'd31) ? 64'd1 : 64'd0)"),
        ("new = X[xs1]", "new = (csr == 12'h105) ? ~X[xs1] : X[xs1]"),
    )
    found = unequal(against(machine("riscv64"), wrong, "sub", "sltu", "csrrw"))
    assert set(found) == {"sub", "csrrw:stvec"}
    example = found["sub"].example
    assert example is not None and example.units and "31" in example.first.did.replace("t6", "x31")


def test_machines_of_different_state_are_told_so_and_compared_in_what_they_share(tmp_path: Path) -> None:
    other = variant(tmp_path, "state:\n  F: {type: Bits<1>, role: configuration}\n")
    found = unequal(against(machine("pg74"), other))
    assert set(found) == {"state"}
    assert found["state"].reason == "only variant has F"


def test_leaves_of_one_name_and_different_types_are_two(tmp_path: Path) -> None:
    one = variant(tmp_path, "state:\n  F: {type: Bits<1>, role: configuration}\n")
    other = variant(tmp_path, "state:\n  F: {type: Bits<2>, role: configuration}\n")
    assert unequal(against(one, other))["state"].reason == "F is 1 bits and 2 bits"
    assert unequal(against(one, one)) == {}


def test_reset_is_compared(tmp_path: Path) -> None:
    one = variant(tmp_path, "state:\n  F: {type: Bits<1>, role: configuration}\n")
    other = variant(tmp_path, "state:\n  F: {type: Bits<1>, role: configuration, reset: 1}\n")
    assert set(unequal(against(one, other))) == {"reset"}


def test_words_of_one_machine_alone_are_compared_with_what_the_other_does_there(tmp_path: Path) -> None:
    more = variant(tmp_path, NEW.format(match="10000000----00000000000000000000"))
    found = unequal(against(machine("pg74"), more))
    assert set(found) == {"new"}
    assert (found["new"].first, found["new"].second) == ("(undefined)", "new")
    same = variant(
        tmp_path, NEW.format(match="10000000----00000000000000000000").replace("A[r] = 0;", "trap(Cause::Undefined);")
    )
    assert against(machine("pg74"), same).status == "equal"


NEW = """
instructions:
  - name: new
    encoding: {{match: "{match}", variables: ["r 23-20"]}}
    operation(): "A[r] = 0;"
"""


def test_one_encoding_may_share_words_with_two(tmp_path: Path) -> None:
    whole = variant(tmp_path, NEW.format(match="10000000----00000000000000000000"))
    halves = NEW.format(match="10000000----00000000000000000000")
    low = halves.replace('"10000000----', '"100000000---').replace("r 23-20", "k 22-20").replace("A[r]", "A[{1'b0, k}]")
    high = low.replace('"100000000', '"100000001').replace("1'b0", "1'b1").replace("name: new", "name: high")
    both = low + high.replace("\ninstructions:\n", "")
    found = against(whole, variant(tmp_path, both))
    assert found.status == "equal"
    assert {"new", "new / high"} <= {p.name for p in found.parts}
    wrong = unequal(against(whole, variant(tmp_path, both.replace("A[{1'b1, k}] = 0", "A[{1'b1, k}] = 1"))))
    assert set(wrong) == {"new / high"}
    missing = unequal(against(whole, variant(tmp_path, low)))
    assert {(p.first, p.second) for p in missing.values()} == {("new", "(undefined)")}


def chosen(folder: Path, body: str) -> Machine:
    text = NEW.format(match="10000000----00000000000000000000").replace('"A[r] = 0;"', f"|\n      A[r] = {body};")
    return variant(folder, ANY + text)


def test_choices_are_matched_by_choices(tmp_path: Path) -> None:
    either = chosen(tmp_path, '{31\'d0, undefined<1>("any")}')
    negated = chosen(tmp_path, '{31\'d0, ~undefined<1>("any")}')
    fixed = chosen(tmp_path, "32'd1")
    assert against(either, negated, "new").status == "equal"
    for pair in ((either, fixed), (fixed, either)):
        found = unequal(against(*pair, "new"))
        assert found["new"].status == "different"


def test_machines_that_cut_memory_otherwise_are_not_compared_word_by_word() -> None:
    found = against(machine("pg74"), machine("m68000"))
    assert found.status == "different"
    assert "units" in unequal(found) and not any(p.kind == "row" for p in found.parts)


REFUSE = """
exits:
  refuse: {kind: other}
functions: |
  function refuse { description { as a trap } body { swap_psw(); } }
override:
  instructions:
    - name: shl
      encoding: {match: "00010101----000000000000000-----", variables: ["r 23-20", "n 4-0"]}
      operation(): "refuse();"
"""


def test_traps_of_another_name_or_cause_that_end_alike_are_the_same(tmp_path: Path) -> None:
    plain = edited(tmp_path, (SHL, "trap(Cause::Undefined);"))
    for body in ("refuse();", "trap(Cause::Memory);"):
        other = variant(tmp_path, REFUSE.replace('refuse();"', f'{body}"'))
        assert against(plain, other, "shl").status == "equal"
    other = variant(tmp_path, REFUSE.replace("swap_psw(); }", "swap_psw(); C = ~C; }"))
    assert against(plain, other, "shl").status == "different"
