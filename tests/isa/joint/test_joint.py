"""Two specifications as one machine: what each step means, and what two machines must have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.joint.state import HOST
from pgcheck.isa.joint.words import sharing
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from pgcheck.models.reference.cycle import canonical, deliver, step
from pgcheck.models.state import Cells, Exit, State, cells, copied, reset, scalar
from tests.specifications import machine as known

HEAD = "include: [pg74]\nname: {0}\ntitle: A {0}\n"
DEPLOYED = "deployments:\n  plain: {real_mode: 1}\n  other: {real_mode: 1, virtual: guest.yaml}\n"
NEW = """
instructions:
  - name: new
    encoding: {{match: "{0}", variables: ["r 23-20"]}}
    operation(): "{1}"
"""


def pair(folder: Path, guest: str = "", host: str = "", deployed: str = DEPLOYED) -> Machine:
    """The host with its guest, each pg74 with further keys."""
    (folder / "guest.yaml").write_text(HEAD.format("guest") + guest, "utf-8")
    (folder / "host.yaml").write_text(HEAD.format("host") + deployed + host, "utf-8")
    return load(folder / "host.yaml")


def both(folder: Path, guest: str = "", host: str = "") -> Machine:
    return pair(folder, guest, host).under("other")


def ran(machine: Machine, name: str, state: State, **operands: int) -> State:
    after = copied(state)
    assert step(machine, canonical(machine.instruction(name), operands), after) is None
    return after


def state(machine: Machine, host: int, **values: int) -> State:
    return {**reset(machine), HOST: host, **values}


def test_a_step_is_the_guests_or_the_hosts_as_the_state_says(tmp_path: Path) -> None:
    old, new = "10000001----00000000000000000000", "10000010----00000000000000000000"
    machine = both(tmp_path, NEW.format(old, "C = 1;"), NEW.format(old, "C = 0;").replace("new", "other") + NEW.format(
        new, "C = 1;").replace("\ninstructions:\n", ""))  # fmt: skip
    assert scalar(ran(machine, "new", state(machine, 0), r=0), "C") == 1
    assert scalar(ran(machine, "new", state(machine, 1, C=1), r=0), "C") == 0
    assert machine.instruction("host new").encoding is not None
    ended = step(machine, canonical(machine.instruction("host new"), {"r": 0}), state(machine, 0))
    assert ended is not None and ended.function == "trap"
    assert scalar(ran(machine, "host new", state(machine, 1), r=0), "C") == 1


def test_what_says_the_same_does_not_ask_which_machine_it_is(tmp_path: Path) -> None:
    machine = pair(tmp_path, NEW.format("10000001----00000000000000000000", "C = 1;"))
    joint = machine.under("other")
    assert machine.under("plain") is machine and joint is not machine
    assert all(joint.instruction(i.id).body == i.body for i in machine.instructions)
    assert joint.code.functions == machine.code.functions


CHANGED = "override:\n  functions: |\n    function %s { %s }\n"
INDEXED = "returns Bits<32> arguments Bits<10> at, Bits<4> n description { . } body { return {22'd0, at}; }"
TRAP = "arguments Cause cause description { . } body { C = 1; swap_psw(); }"


def test_functions_that_differ_are_each_machines_own(tmp_path: Path) -> None:
    machine = both(tmp_path, CHANGED % ("indexed", INDEXED))
    start = {**state(machine, 1), "A": Cells(7)}
    assert "host indexed" in machine.code.functions
    assert cells(ran(machine, "la", start, r=1, x=2, a=3), "A")[1] == 10
    assert cells(ran(machine, "la", {**start, HOST: 0}, r=1, x=2, a=3), "A")[1] == 3


def test_a_trap_that_differs_asks_which_machine_it_is(tmp_path: Path) -> None:
    machine = both(tmp_path, CHANGED % ("trap", TRAP))
    assert set(machine.code.exits) == {"trap"} and "host trap" not in machine.code.functions
    for host, carry in ((0, 1), (1, 0)):
        after = state(machine, host)
        assert deliver(machine, Exit("trap", (3,)), after) is None and after["C"] == carry


def test_a_leaf_of_one_machine_alone_is_control_state(tmp_path: Path) -> None:
    machine = both(
        tmp_path, "state:\n  F: {type: Bits<8>, role: general}\n", "state:\n  G: {type: Bits<1>, role: configuration}\n"
    )
    roles = {n: machine.state.leaves[n].role for n in ("F", "G", HOST)}
    assert roles == {"F": "saved", "G": "configuration", HOST: "identity"}


def test_resets_are_the_hosts_and_the_guest_starts_with_its_own(tmp_path: Path) -> None:
    one = "state:\n  G: {type: Bits<1>, role: configuration}\n"
    machine = both(tmp_path, one.replace("ation}", "ation, reset: 1}"), one)
    assert machine.state.leaves["G"].reset == 0
    assert machine.begins == {HOST: 0, "G": 1} and machine.platform.boot == {}


@pytest.mark.parametrize(
    ("guest", "host", "said"),
    [
        ("state:\n  F: {type: Bits<8>, role: general}\n", "state:\n  F: {type: Bits<9>, role: general}\n", "F is of another type there"),
        ("state:\n  F: {type: Bits<8>, role: general}\n", "state:\n  F: {type: Bits<8>, role: saved}\n",
         "F is general state there and control state here"),
        ("state:\n  HOST: {type: Bits<8>, role: saved}\n", "", "HOST is the name of what tells the two machines apart"),
            ("override:\n  platform:\n    devices: {timer: {model: counter, in: TIMER, line: EXPIRED}}\n", "", "devices are others there, which a guest can tell"),
    ],
)  # fmt: skip
def test_what_two_machines_must_have_in_common(guest: str, host: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecificationError) as caught:
        pair(tmp_path, guest, host)
    assert said in str(caught.value) and "host.yaml:6:" in str(caught.value)


def test_a_guest_that_is_no_file_or_says_twice_what_it_is(tmp_path: Path) -> None:
    for deployed, said in (
        (DEPLOYED.replace("guest.yaml", "nothing.yaml"), "no specification 'nothing.yaml'"),
        (DEPLOYED.replace("virtual:", 'guest: "M == 0", virtual:'), "`guest` does not go with `virtual`"),
    ):
        with pytest.raises(SpecificationError, match="host.yaml:6:") as caught:
            pair(tmp_path, deployed=deployed)
        assert said in str(caught.value)


def test_a_guest_whose_guest_is_the_host_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "guest.yaml").write_text(HEAD.format("guest") + DEPLOYED.replace("guest.yaml", "host.yaml"), "utf-8")
    (tmp_path / "host.yaml").write_text(HEAD.format("host") + DEPLOYED, "utf-8")
    assert load(tmp_path / "host.yaml").under("other").identity.title == "A host, with guest as the virtual machine"


SHARED = """
instructions:
  - name: {0}
    encoding: {{match: "{1}", variables: ["{2}"]}}
    operation(): "{3}"
"""
WIDE = SHARED.format("new", "1000000-0----0000000000000000000", "q 22-19", "A[q] = 1;")


def decoded(machine: Machine, word: int) -> tuple[str, dict[str, int]]:
    found = machine.decoding.decoder.decode(lambda number: word)
    return ("", {}) if found is None else (found.id, dict(found.operands))


@pytest.mark.parametrize("name", ["new", "other"])
def test_encodings_that_share_some_words_are_cut(name: str, tmp_path: Path) -> None:
    """The guest's word has any bit 24, and its operand a bit lower; the host's needs that bit 0."""
    narrow = SHARED.format(name, "10000000----00000000000000000000", "r 23-20", "A[r] = 2;")
    machine = both(tmp_path, WIDE, narrow)
    shared = "new" if name == "new" else "new / other"
    identifier, operands = decoded(machine, 0x80200000)
    assert (identifier, operands["q"], operands["host r"]) == (shared, 4, 2)
    for host, written in ((0, {4: 1}), (1, {2: 2})):
        after = {**state(machine, host), "A": Cells(0)}
        assert step(machine, canonical(machine.instruction(shared), operands), after) is None
        assert {i: v for i in range(16) if (v := cells(after, "A")[i])} == written
    lone, theirs = ("guest new", "host new") if name == "new" else ("new", "other")
    assert decoded(machine, 0x81200000)[0] == lone and decoded(machine, 0x80A00000)[0] == theirs
    assert machine.instruction(shared).encoding_term is not None and decoded(machine, 0x82000000)[0] == ""
    for word, trapping in ((0x81200000, 1), (0x80A00000, 0)):
        found, given = decoded(machine, word)
        for host in (0, 1):
            ended = step(machine, canonical(machine.instruction(found), given), copied(state(machine, host)))
            assert (ended is not None) == (host == trapping)


def test_words_that_one_machine_has_all_of_leave_the_other_none_alone(tmp_path: Path) -> None:
    wide = NEW.format("1000000-----00000000000000000000", "C = 1;")
    machine = both(
        tmp_path, wide, NEW.format("10000000----00000000000000000000", "C = 1;").replace("name: new", "name: less")
    )
    assert {"new / less", "new"} <= {i.id for i in machine.instructions} and "less" not in {
        i.id for i in machine.instructions
    }


def test_what_no_guest_can_tell_of_a_platform_is_the_guests(tmp_path: Path) -> None:
    around = "override:\n  platform: {{start: {0}, elf: {{machine: {1}}}, devices: {{}}}}\n"
    machine = both(tmp_path, around.format(0x40, 7), around.format(0x80, 8))
    assert (machine.platform.start, machine.platform.elf_machine) == (0x40, 7)
    with pytest.raises(SpecificationError, match="memory has another size there, which a guest can tell"):
        both(tmp_path, around.format(0x40, 7).replace("{start", "{ram: {size: 512}, start"), around.format(0x80, 8))


def test_encodings_of_several_runs_are_not_cut() -> None:
    one = known("i386").instruction("mov.rm32_r32")
    found = sharing([one], [one])
    assert found.uncut == ((one.id, one.id),)
