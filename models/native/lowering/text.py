"""LLVM's language: types, and what a module has besides the functions that are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

_WEIGHED: Final = '!0 = !{!"branch_weights", i32 2000, i32 1}\n!1 = !{!"branch_weights", i32 1, i32 2000}\n'
LONG: Final = 64
"""Division of more bits is done by a loop of ours: LLVM would call a library."""
_DIVISION: Final = """define internal {{i{w}, i{w}}} @divide{w}(i{w} %a, i{w} %b) noinline nounwind {{
  br label %loop
loop:
  %i = phi i{w} [{top}, %0], [%next, %loop]
  %q = phi i{w} [0, %0], [%q2, %loop]
  %r = phi i{more} [0, %0], [%r3, %loop]
  %s = lshr i{w} %a, %i
  %bit = and i{w} %s, 1
  %wide = zext i{w} %bit to i{more}
  %up = shl i{more} %r, 1
  %r2 = or i{more} %up, %wide
  %d = zext i{w} %b to i{more}
  %fits = icmp uge i{more} %r2, %d
  %less = sub i{more} %r2, %d
  %r3 = select i1 %fits, i{more} %less, i{more} %r2
  %one = shl i{w} 1, %i
  %set = or i{w} %q, %one
  %q2 = select i1 %fits, i{w} %set, i{w} %q
  %next = sub i{w} %i, 1
  %last = icmp eq i{w} %i, 0
  br i1 %last, label %end, label %loop
end:
  %rest = trunc i{more} %r3 to i{w}
  %x = insertvalue {{i{w}, i{w}}} undef, i{w} %q2, 0
  %y = insertvalue {{i{w}, i{w}}} %x, i{w} %rest, 1
  ret {{i{w}, i{w}}} %y
}}
"""


def typed(width: int) -> str:
    """The type of values of a width."""
    return f"i{width or 1}"


def returned(results: Sequence[int]) -> str:
    """The type that a function of these results returns: whether it failed, and they."""
    return "{" + ", ".join(["i1", *map(typed, results)]) + "}"


def declared(definition: str) -> str:
    """The declaration of a function that another module defines."""
    head = definition.partition(" nounwind")[0].replace("define hidden", "declare", 1)
    return re.sub(r" %\w+", "", head) + "\n"


def module(definitions: Sequence[str], others: Mapping[str, str] = MappingProxyType({})) -> str:
    """Definitions with what they use besides each other, `others` being those of another module by their names."""
    text = "".join(definitions)
    used = {name for name in re.findall(r"@(\w+)", text) if name in others}
    text += "".join(declared(others[name]) for name in sorted(used))
    swaps = {int(w) for w in re.findall(r"@llvm\.bswap\.i(\d+)\(", text)}
    divided = {int(w) for w in re.findall(r"@divide(\d+)\(", text)}
    foot = [f"declare i{w} @llvm.bswap.i{w}(i{w})\n" for w in sorted(swaps)]
    foot += [_DIVISION.format(w=w, more=w + 1, top=w - 1) for w in sorted(divided)]
    return "".join([text, *foot, _WEIGHED])
