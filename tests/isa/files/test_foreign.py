"""Files of other tools are recognised, and nothing of our own is taken for one."""

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.files.foreign import foreign
from pgcheck.language import load
from pgcheck.shipped import folder
from tests.specifications import SMALL

SEEN = {
    "$schema: \"inst_schema.json#\"\nkind: instruction\n": "Unified Database",
    "kind: csr\nname: mstatus\n": "Unified Database",
    "scattered union ast\n": "Sail",
    "function clause execute (ADD(a)) = {}\n": "Sail",
    "import \"RV32I.core_desc\"\nInstructionSet X extends RV32I {\n": "CoreDSL",
    "#ifndef E\n#define MATCH_ADD 0x33\n": "C header of riscv-opcodes",
    '{"add": {"encoding": "0000000----------000-----0110011", "variable_fields": ["rd"]}}': "JSON of riscv-opcodes",
    "# rv_i\nadd     rd rs1 rs2 31..25=0  14..12=0 6..2=0x0C 1..0=3\n": "table of riscv-opcodes",
}  # fmt: skip


@pytest.mark.parametrize("text", SEEN)
def test_a_format_is_named(text: str) -> None:
    assert SEEN[text] in foreign(text)


def test_our_own_are_not_foreign() -> None:
    for file in (*folder().rglob("*.yaml"), *SMALL.glob("*.yaml")):
        assert foreign(file.read_text("utf-8")) == "", file


def test_there_is_one_message() -> None:
    with pytest.raises(SpecificationError) as wrong:
        load(SMALL / "field" / "udb-like.yaml")
    (problem,) = wrong.value.problems
    assert "RISC-V Unified Database" in problem.message and "instructions" in problem.hint
    assert all(len(line) < 300 for line in str(wrong.value).splitlines())
