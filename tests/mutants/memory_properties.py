"""ISO2 of a guest's memory without a machine."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import differs, total
from pgcheck.models.memory import Bus, Ram
from pgcheck.vmm.guest_memory import GuestMemory


def guest_memory(data: bytes) -> str | None:
    """A guest's memory in frames of its host in any order is one range of units; who watches a page hears of each store to it once."""
    tape = Tape(data)
    big, shift, pages = tape.chance(128), 4, 6
    frames = list(range(1, 12))
    frames = [frames.pop(tape.below(len(frames))) for _ in range(pages)]
    host = Bus(Ram(0, 12 << shift, 8, big), (), 8, big, 16)
    memory, size = GuestMemory(0x100, frames, host, shift), pages << shift
    truth, heard = bytearray(size), list[tuple[int, int]]()
    protected, watched = list[int](), set[int]()
    memory.on_watch.append(protected.append)

    def watcher(address: int, count: int) -> None:
        heard.append((address, count))

    order: Literal["big", "little"] = "big" if big else "little"
    for step in range(30):
        count = tape.choose((1, 2, 4, 8, 3, 20))
        at = tape.below(size - count + 1)
        page = at >> shift
        what = tape.below(5)
        found: str | None = None
        match what:
            case 0 | 1:
                value = tape.bits(8 * count)
                got = total(partial(memory.store, 0x100 + at, count, value))
                truth[at : at + count] = value.to_bytes(count, order)
                told = [(0x100 + at, count)] if watched & set(range(page, (at + count - 1 >> shift) + 1)) else []
                found = differs(f"step {step}: a store", got, None) or differs(f"step {step}: told", heard, told)
                heard.clear()
            case 2:
                expected = int.from_bytes(truth[at : at + count], order)
                found = differs(
                    f"step {step}: {count} units at {at:#x}", total(partial(memory.load, 0x100 + at, count)), expected
                )
            case 3:
                memory.watch(0x100 + at, watcher)
                found = differs(
                    f"step {step}: protected",
                    [a - 0x100 >> shift for a in protected],
                    [] if page in watched else [page],
                )
                watched.add(page)
                protected.clear()
            case _:
                memory.unwatch(0x100 + at, watcher)
                watched.discard(page)
        asked = tape.below(pages)
        found = found or differs(f"step {step}: watched", memory.watched(0x100 + (asked << shift)), asked in watched)
        near = 0x100 + size - tape.below(20) + 4
        found = found or differs(f"step {step}: {near:#x}", memory.holds(near, 4), near + 4 <= 0x100 + size)
        outside = [f for f in range(12) if f not in frames and host.load(f << shift, 1 << shift)]
        if found or outside:
            return found or f"step {step}: frame {outside[0]} of another has been stored to"
    return None
