"""Page-table entries that the monitor writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcheck.isa.idl.types import Bitfield, Bits
from pgcheck.isa.terms import TRUE, Term

if TYPE_CHECKING:
    from pgcheck.isa.files import schema
    from pgcheck.isa.idl.program import Program


@dataclass(frozen=True, slots=True)
class Entries:
    """Page tables, in a state with some leaves `given`: an entry that leads on, refuses, maps, or maps for reading only, as values of fields.

    The field `frame` holds the address of a frame without its lowest `shift` bits, which are those of the parameter `address`.
    `addresses` says over the parameters what can be mapped.
    """

    given: Mapping[str, int]
    entry: Bitfield
    table: Mapping[str, int]
    deny: Mapping[str, int]
    map: Mapping[str, int]
    readonly: Mapping[str, int]
    frame: str
    shift: int
    address: str
    addresses: Term


def declared(program: Program, given: schema.Realise, parameters: Mapping[str, Bits]) -> Entries | None:
    """The scheme of a specification that gives an `entry`; None without one, or after a reported problem."""
    from pgcheck.isa.idl.layout import parse_type
    from pgcheck.isa.machine.resolve import assignment, fields, one_of, truth

    if given.entry is None or given.frame is None:
        return None
    setup = assignment(program, given.given)
    entry = parse_type(program, given.entry)
    if not isinstance(entry, Bitfield):
        if entry is not None:
            program.problems.report(given.entry.position, "an entry is a bitfield", found=given.entry)
        return None
    frame = given.frame
    field = one_of(program, frame.field, entry.ranges, "field")
    if not one_of(program, frame.address, parameters, "parameter") or not field:
        return None
    if frame.shift >= parameters[str(frame.address)].width:
        program.problems.report(frame.position, "the address has fewer bits than are kept", found=str(frame.shift))
    addresses = TRUE if given.addresses is None else truth(program, given.addresses, parameters)
    return Entries(
        given=setup,
        entry=entry,
        table=fields(program, given.table, entry),
        deny=fields(program, given.deny, entry),
        map=fields(program, given.map, entry),
        readonly=fields(program, given.readonly, entry),
        frame=str(frame.field),
        shift=frame.shift,
        address=str(frame.address),
        addresses=TRUE if addresses is None else addresses,
    )
