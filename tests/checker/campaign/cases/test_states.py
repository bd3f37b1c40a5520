"""Start states: where to go on is as after reset, whatever general state says it."""

from __future__ import annotations

from pathlib import Path

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.isa.machine.build import load
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy, direct
from tests.specifications import machine, path_of

DELAYED = ("li", "add", "ld", "st")


def author(path: Path) -> Author:
    """Cases of a machine under a policy that nobody has checked."""
    of = load(path)
    kind, deployment = kinds()["type1"], of.deployments[0]
    nothing = frozenset[str]()
    policy = Policy(
        deployment=deployment.name, kind=kind, traps=nothing, intercept=nothing, fixed={}, mirrored=nothing, real={},
        responses={}, direct=direct(kind, deployment),
    )  # fmt: skip
    return Author(of, policy)


def delayed(folder: Path) -> Path:
    """A machine whose instructions go on at what a general register says, which each of them moves on."""
    text = path_of("campaigns/sixty_four").read_text("utf-8")
    text = text.replace("  R: {type", "  NPC: {type: Bits<6>, role: general, reset: 2}\n  R: {type")
    for operation in (
        '"R[r] = imm;"', '"R[r] = R[r] + R[s];"',
        '"R[r] = read_physical_memory<8>(translate(R[s][5:0], Access::Read, M));"',
        '"write_physical_memory<8>(translate(R[s][5:0], Access::Write, M), R[r]);"',
    ):  # fmt: skip
        assert operation in text
        text = text.replace(operation, f'{operation[:-1]} $pc = NPC; NPC = NPC + 2;"')
    path = folder / "delayed.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_next_pc_keeps_its_distance_from_pc(tmp_path: Path) -> None:
    one = author(delayed(tmp_path))
    assert one.states.sequencing == ("NPC",)
    starts = set()
    for k in range(40):
        state = one.case(Tape(counted("delayed", k, 512))).state
        assert isinstance(state["NPC"], int) and isinstance(state["PC"], int)
        assert state["NPC"] == state["PC"] + 2 & 63
        starts.add(state["PC"])
    assert len(starts) > 2


def test_general_state_that_says_nothing_of_it_is_drawn(tmp_path: Path) -> None:
    one = author(path_of("campaigns/sixty_four"))
    assert one.states.sequencing == ()
    drawn = {repr(one.case(Tape(counted("plain", k, 512))).state["R"]) for k in range(20)}
    assert len(drawn) > 10 and machine("campaigns/sixty_four").state.leaves["R"].role == "general"


def test_handlers_lie_where_traps_go_whatever_is_held(tmp_path: Path) -> None:
    """A trap of the machine goes to 4."""
    one = author(path_of("campaigns/sixty_four"))
    assert one.vectors.fixed == (4,) and one.vectors.sources == ()
    for k in range(20):
        case = one.case(Tape(counted("fixed", k, 512)))
        assert any(address == 4 for address, _, _ in case.stores)


def aligned(folder: Path) -> Path:
    """A machine whose base ends in zeros and whose limit ends in ones."""
    text = path_of("campaigns/sixty_four").read_text("utf-8")
    assert "legal:" not in text
    path = folder / "aligned.yaml"
    text = text.replace("LIMIT: {type: Bits<6>,", "LIMIT: {type: Bits<6>, reset: 63,")
    path.write_text(text + 'legal: ["BASE[1:0] == 0", "LIMIT[1:0] == 3"]\n', "utf-8")
    return path


def test_bounds_of_which_few_are_legal_are_drawn_within_memory(tmp_path: Path) -> None:
    """A guest has 16 units; where only bounds behind them were drawn, none of its user mode would run on the processor."""
    one, limits = author(aligned(tmp_path)), set[int]()
    for k in range(80):
        state = one.case(Tape(counted("aligned", k, 512))).state
        base, limit = state["BASE"], state["LIMIT"]
        assert isinstance(base, int) and isinstance(limit, int) and one.states.legal(state)
        limits.add(limit)
    assert len(limits) > 2 and min(limits) < one.layout.size
    plain = author(path_of("campaigns/sixty_four"))
    assert {plain.case(Tape(counted("aligned", k, 512))).state["LIMIT"] for k in range(80)} - limits
