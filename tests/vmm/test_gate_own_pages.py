"""Pages of the monitor's own in a guest's tables: the guest has its own memory there all the same, and what would give it the monitor's is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgcheck.models.computer.computer import Computer
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.audit import audit
from pgcheck.vmm.gate import ResourceControlLost
from pgcheck.vmm.paging.entries import Private
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.translate import Args
from pgcheck.vmm.vmm import hidden
from tests.specifications import machine_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, assembled, loaded, pair, policy_of

DATA, SIZE = 0x8000, 1 << 16
PAGE = """
start:
  csrrw zero, stvec, s1
  csrrw zero, satp, s2
  csrrw zero, sstatus, s4
  addi t0, zero, 0x77
  sd t0, 8(zero)
  ld t1, 8(zero)
  addi a0, zero, 8
  amoadd.d t2, t1, (a0)
  ld t3, 8(zero)
  csrrw zero, sepc, s3
  sret
there:
  addi t4, t4, 3
  ld t5, 8(zero)
  sd t4, 16(zero)
  jalr s5, 0(s6)
handler:
  csrrs t6, scause, zero
  ebreak
"""


def setup(flags: int, user: bool) -> Callable[[Computer], None]:
    """A supervisor that maps its page 0, stores and loads there, and goes on there, in user mode or its own."""
    machine = machine_of("riscv64")
    base = machine.platform.ram_base
    program = assembled(machine, PAGE, base)

    def made(computer: Computer) -> None:
        loaded(computer, program)
        store = computer.bus.store
        for at, value in {
            programs.ROOT: programs.entry(base + programs.MIDDLE, 1),
            programs.ROOT + 16: programs.entry(base, 0xCF),
            programs.MIDDLE: programs.entry(base + programs.LEAVES, 1),
            programs.LEAVES: programs.entry(base + DATA, flags),
        }.items():
            store(base + at, 8, value)
        for k in range(16):
            store(base + DATA + 0x100 + k, 1, computer.bus.load(program.symbols["there"] + k, 1))
        computer.state[machine.state.pc] = base
        programs.cells(computer, "X").update(
            {
                9: program.symbols["handler"],
                18: 8 << 60 | base + programs.ROOT >> 12,
                19: 0x100,
                20: 0x40000 if user else 0x40100,  # SUM, and SPP for the supervisor
                22: 0x100,
            }
        )

    return made


def both(deployment: str, *, user: bool = False, crosses: bool = True) -> Pair:
    machine, rules = machine_of("riscv64"), policy_of("riscv64", deployment)
    return pair(machine, rules, SIZE, setup(0xDF if user else 0xCF, user), crosses=crosses)


@pytest.mark.parametrize("crosses", [True, False])
@pytest.mark.parametrize("user", [False, True], ids=["supervisor", "user"])
@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
def test_a_guest_reads_writes_and_executes_its_own_memory_there(deployment: str, user: bool, crosses: bool) -> None:
    there = both(deployment, user=user, crosses=crosses)
    for _ in range(40):
        there.step(1)
        assert audit(there.vmm) == ()
    guest = there.guest.computer
    base = guest.machine.platform.ram_base
    assert guest.bus.load(base + DATA + 8, 8) == 0x77 * 2
    assert guest.bus.load(base + DATA + 16, 8) > 3
    statistics = there.guest.monitor.statistics
    interpreted = {i for (i, why) in statistics.interventions if why == "memory"}
    assert (interpreted >= {"sd", "ld", "amoadd.d", "addi", "jalr"}) is (deployment == "s_in_u")


def test_which_addresses_are_hidden_follows_from_where_entries_lead() -> None:
    machine = machine_of("riscv64")
    from_s, from_m = policy_of("riscv64", "s_in_u"), policy_of("riscv64", "vmm_in_m")
    assert hidden(machine, from_s) == ((from_s.real["stvec.BASE"] << 2, 0xFFF),)
    assert hidden(machine, from_m) == ()  # M is not translated
    assert from_m.crossing is not None
    assert (
        machine.platform.ram_base <= from_m.real["mtvec.BASE"] << 2 < machine.platform.ram_base + from_m.crossing.keep
    )
    assert hidden(machine_of("pg74"), policy_of("pg74")) == ()


# ---- what is planted


def open_to_guests(patch: pytest.MonkeyPatch) -> None:
    """The monitor's own page is mapped as a guest's are."""
    right = ShadowTables.__init__

    def wrong(self: ShadowTables, *given: object) -> None:
        right(self, *given)  # type: ignore[arg-type]
        if self.own is not None:
            self.own = Private(self.form.realise.map, self.own.permits)

    patch.setattr(ShadowTables, "__init__", wrong)


def answered_from_the_monitors(patch: pytest.MonkeyPatch) -> None:
    """A guest's access to a page of the monitor's own is taken for a miss of the guest's, and made."""
    right = ShadowTables.miss

    def wrong(self: ShadowTables, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        mended, context = right(self, args, virtual, surroundings, real), self.current
        if not mended and context is not None and args[self.form.pages.position] >> self.shift in self.private:
            page = args[self.form.pages.position] >> self.shift
            entry = self.form.pointing(self.form.entry(self.form.realise.map), self.private[page])
            self.host.store(context.private[0], self.form.units, entry)
            return True
        return mended

    patch.setattr(ShadowTables, "miss", wrong)


def not_mapped(patch: pytest.MonkeyPatch) -> None:
    """Tables have no page of the monitor's."""
    patch.setattr(ShadowTables, "map_own", lambda self, context: None)


def mapped_over(patch: pytest.MonkeyPatch) -> None:
    """A guest's page takes the place of the monitor's."""
    right = ShadowTables.miss

    def wrong(self: ShadowTables, *given: object) -> bool:
        if self.current is not None:
            self.current.private = ()
        return right(self, *given)  # type: ignore[arg-type]

    patch.setattr(ShadowTables, "miss", wrong)


@pytest.mark.parametrize("mistake", [open_to_guests, answered_from_the_monitors, not_mapped, mapped_over])
def test_a_mistake_with_the_monitors_own_page_is_noticed(
    mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the audit, and by a guest that crosses or sees what is not its own."""
    mistake(monkeypatch)
    crossing, exchanging, found = both("s_in_u"), both("s_in_u", crosses=False), False
    with pytest.raises((AssertionError, ResourceControlLost)):
        for _ in range(40):
            crossing.step(1)
    for _ in range(40):
        exchanging.guest.computer.run(1)
        found = found or any(f.law == "SH1" for f in audit(exchanging.vmm))
    assert found
