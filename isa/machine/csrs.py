"""The functions that a `csrs:` table stands for, as constant chains over the address."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.files.errors import Text

READ: Final = "csr_sw_read"
WRITE: Final = "csr_sw_write"


@dataclass(frozen=True, slots=True)
class Csr:
    """A control and status register as an operand names it.

    `read` and `write` are IDL bodies (None: reads 0, ignores writes).
    """

    name: str
    address: int
    mode: int
    writable: bool
    read: Text | None
    write: Text | None


def _function(name: str, returns: str, arguments: str, body: str) -> str:
    result = f"returns {returns} " if returns else ""
    taken = f"arguments {arguments} " if arguments else ""
    return f"function {name} {{ {result}{taken}description {{ from csrs }} body {{ {body} }} }}\n"


def access_functions(csrs: Iterable[Csr], address: str, value: str) -> tuple[str, list[tuple[str, Text]]]:
    """The IDL text of the lookups, and the (signature, body) of each register's own read and write to declare besides.

    `address` and `value` are IDL types.
    """
    listed = list(csrs)

    def chain(name: str, returns: str, arguments: str, default: str, row: Callable[[Csr], str]) -> str:
        rows = "".join(f"if (a == {c.address}) {{ {row(c)} }} " for c in listed)
        return _function(name, returns, arguments, f"{rows}{default}")

    one = f"{address} a"
    text = chain("csr_exists?", "Boolean", one, "return false;", lambda c: "return true;")
    text += chain("csr_mode", "Bits<2>", one, "return 2'd3;", lambda c: f"return 2'd{c.mode};")
    text += chain("csr_writable?", "Boolean", one, "return false;", lambda c: f"return {str(c.writable).lower()};")
    text += chain(
        READ,
        value,
        one,
        f"{value} zero = 0; return zero;",
        lambda c: f"return csr_read_{c.name}();" if c.read is not None else f"{value} zero = 0; return zero;",
    )
    text += chain(
        WRITE,
        "",
        f"{one}, {value} csr_value",
        "",
        lambda c: f"csr_write_{c.name}(csr_value); return;" if c.write is not None else "return;",
    )
    bodies: list[tuple[str, Text]] = []
    for c in listed:
        if c.read is not None:
            bodies.append((_function(f"csr_read_{c.name}", value, "", ""), c.read))
        if c.write is not None:
            bodies.append((_function(f"csr_write_{c.name}", "", f"{value} csr_value", ""), c.write))
    return text, bodies
