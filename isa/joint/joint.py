"""A guest that is another machine than its host, as one machine: what it is, and so what every step means, is a leaf of its state.

The virtual machine is this machine where HOST is 0, the real one where it is 1. So the exact question, configurations, witnesses, the monitor and its proofs are
those of any machine: the virtual step is the guest's, the real one the host's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.encoding.coverage import overlaps
from pgcheck.isa.encoding.encoding import Encoding
from pgcheck.isa.files.errors import Problems
from pgcheck.isa.joint import words
from pgcheck.isa.joint.code import OF_HOST
from pgcheck.isa.joint.code import Code as Joint
from pgcheck.isa.joint.renaming import with_operands
from pgcheck.isa.joint.state import HOST, IS_HOST, misfits, start, together
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import (
    Candidate,
    Code,
    Decoding,
    Deployment,
    Identity,
    Instruction,
    Interrupt,
    Machine,
    Row,
    Translation,
    Virtual,
)
from pgcheck.isa.machine.platform import Platform
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import Term, land, lnot, lor
from pgcheck.isa.terms.ir import Block, Do, SetNext

OF_GUEST: Final = "guest "
"""What an instruction's id begins with where the words of both machines have its own."""

SEEN: Final = {
    "ram_base": "memory begins elsewhere",
    "ram_size": "memory has another size",
    "clock": "other state is the clock",
    "devices": "devices are others",
    "firmware": "firmware is another",
    "choices": "what is left open is chosen otherwise",
}
"""What of a platform a guest can tell, and how it is said that two have it not alike."""


def joint(host: Machine, declared: Virtual, guest: Machine) -> Machine:
    """The machine in which `guest` is the virtual machine and `host` the real one, under the deployment that declares it.

    Raises SpecificationError with every reason why the two have no state, or no code, in common.
    """
    code, problems = Joint(host, guest), Problems()
    around = (*_decoding_misfits(host, guest), *_around_misfits(host, guest, code), *_mirror_misfits(guest, declared))
    for reason in (*misfits(host, guest), *code.misfits(), *around):
        hint = "the virtual machine and its host have these in common"
        problems.report(
            declared.specification.position, f"{guest.identity.name} cannot be a guest: {reason}", hint=hint
        )
    problems.raise_if_any()
    divided = _Division(code)
    for one, other in divided.sharing.uncut:
        message = f"some words are {one} there and {other} here, and others are one of the two alone"
        hint = "give both the same encoding, or divide one of them: only words of one length and without prefixes are divided"
        problems.report(declared.specification.position, message, hint=hint)
    problems.raise_if_any()
    instructions = tuple(divided.instructions())
    encodings = {i.id: i.encoding for i in instructions if i.encoding is not None}
    found = overlaps(encodings)
    for overlap in found.found:
        problems.report(declared.specification.position, f"some words are both {overlap.a} and {overlap.b}")
    problems.raise_if_any()
    decode = guest.decoding.decode
    names = {**host.decoding.csr_names, **guest.decoding.csr_names}
    return Machine(
        identity=_identity(host.identity, guest.identity),
        state=together(host, guest),
        modes=guest.modes,
        legal=_legal(code),
        code=_code(code),
        decoding=Decoding(decode, Decoder(encodings, decode), guest.decoding.syntax, names, found.undecided),
        instructions=instructions,
        candidates=tuple(_candidates(host, guest)),
        deployments=(_deployment(code, declared),),
        platform=_platform(host.platform, guest.platform),
        guests_start=start(host, guest),
    )


def _decoding_misfits(host: Machine, guest: Machine) -> Iterator[str]:
    a, b = host.decoding.decode, guest.decoding.decode
    for what in ("unit", "order", "pc_unit", "max_length", "prefixes"):
        if getattr(a, what) != getattr(b, what):
            yield f"decode.{what} is {getattr(a, what)} here and {getattr(b, what)} there"


def _platform(host: Platform, guest: Platform) -> Platform:
    """The computer around both; how a guest's programs are read and where they start, its own specification says."""
    return replace(host, start=guest.start, elf_machine=guest.elf_machine, elf_lacks=guest.elf_lacks)


def _around_misfits(host: Machine, guest: Machine, code: Joint) -> Iterator[str]:
    firmware = host.platform.firmware
    seen = [n for n in SEEN if getattr(host.platform, n) != getattr(guest.platform, n)]
    yield from (f"{SEEN[name]} there, which a guest can tell" for name in seen)
    if (
        "firmware" not in seen
        and firmware is not None
        and not code.says_the_same((Do(firmware.when),), (Do(firmware.when),))
    ):
        yield "when its firmware serves is another matter there"


def _mirror_misfits(guest: Machine, declared: Virtual) -> Iterator[str]:
    for name in sorted(declared.deployment.mirror - guest.state.leaves.keys()):
        yield f"it has no {name} that could be mirrored"


def _candidates(host: Machine, guest: Machine) -> Iterator[Candidate]:
    """What the host lets a monitor fix; what the guest does not have is not mirrored."""
    for one in host.candidates:
        values = tuple(v for v in one.values if v != MIRROR or one.leaf in guest.state.leaves)
        if values:
            yield replace(one, values=values)


def _identity(host: Identity, guest: Identity) -> Identity:
    both = hashlib.blake2b(f"{host.digest} {guest.digest}".encode(), digest_size=32).hexdigest()
    return Identity(
        host.name,
        f"{host.title}, with {guest.name} as the virtual machine",
        host.source,
        tuple(dict.fromkeys((*host.unmodelled, *guest.unmodelled))),
        host.path,
        both,
        tuple(dict.fromkeys((*host.files, *guest.files))),
    )


def _legal(code: Joint) -> tuple[Term, ...]:
    """What is legal on both is legal; all else where the machine is the one that says so."""
    mine, theirs = (code.hosts_term(t) for t in code.host.legal), code.guest.legal
    shared = [t for t in code.host.legal if t in theirs and code.hosts_term(t) is t]
    own = [lor(lnot(IS_HOST), t) for t in mine if t not in shared]
    return (*shared, *own, *(lor(IS_HOST, t) for t in theirs if t not in shared))


def _code(code: Joint) -> Code:
    host, guest = code.host.code, code.guest.code
    names = code.names
    tables = {**guest.tables, **{names.get(n, n): replace(t, function=names.get(n, n)) for n, t in host.tables.items()}}
    body = code.either(host.undefined.body, guest.undefined.body)
    return Code(
        functions=code.functions(),
        exits=code.exits(),
        interrupt=_interrupt(host.interrupt, guest.interrupt),
        translation=_translation(host.translation, guest.translation),
        tables=tables,
        sites={**host.sites, **guest.sites},
        fetch=guest.fetch,
        undefined=replace(guest.undefined, body=body),
    )


def _interrupt(host: Interrupt | None, guest: Interrupt | None) -> Interrupt | None:
    """The guest's functions; an interrupt is in the shadow of as many instructions as on either machine."""
    return guest if host is None or guest is None else replace(guest, shadow=max(host.shadow, guest.shadow))


def _translation(host: Translation | None, guest: Translation | None) -> Translation | None:
    """The guest's function, as the monitor confines it on the host."""
    if host is None or guest is None:
        return guest
    realise = host.realise
    if isinstance(realise, Entries | Bounds):
        realise = replace(realise, given={**realise.given, HOST: 1})
    return replace(guest, realise=realise)


def _deployment(code: Joint, declared: Virtual) -> Deployment:
    """The guest is what its own specification says, in its first deployment; all of the real side is as the host's declares it."""
    mine, theirs = declared.deployment, code.guest.deployments[0]
    real, monitor = code.hosts_term(mine.real), code.hosts_term(mine.monitor)
    return replace(
        mine, guest=land(theirs.guest, lnot(IS_HOST)), real=land(real, IS_HOST), monitor=monitor, modes=theirs.modes
    )


@dataclass(frozen=True)
class _Division:
    """The instructions of both machines, as those of one: with one encoding they are one, those that share words are cut."""

    code: Joint

    @cached_property
    def twins(self) -> Mapping[str, Instruction]:
        """The host's instruction with the encoding of a guest's."""
        by_bits = {_bits(i.encoding): i for i in self.code.host.instructions if i.encoding is not None}
        found = {i.id: by_bits.get(_bits(i.encoding)) for i in self.code.guest.instructions if i.encoding is not None}
        return {name: twin for name, twin in found.items() if twin is not None}

    @cached_property
    def sharing(self) -> words.Sharing:
        taken = {twin.id for twin in self.twins.values()}
        guests = [i for i in self.code.guest.instructions if i.id not in self.twins]
        return words.sharing(guests, [i for i in self.code.host.instructions if i.id not in taken])

    def instructions(self) -> Iterator[Instruction]:
        """An instruction of one machine is on the other what undefined words are."""
        host, guest = self.code.host, self.code.guest
        taken, ids = {twin.id for twin in self.twins.values()}, {i.id for i in guest.instructions}
        for i in guest.instructions:
            if i.id in self.twins:
                yield self.twin(i, self.twins[i.id])
                continue
            body = self.code.either(_undefined(host), i.body)
            others = self.sharing.guests.get(i.id, ())
            yield from (self.both(i, other) for other in others)
            name = f"{OF_GUEST}{i.id}" if any(other.id == i.id for other in others) else i.id
            for one in words.alone(i, others) if others else (i,):
                yield replace(one, id=name, body=body, access={}, claims=())
        for i in host.instructions:
            if i.id not in taken:
                body = self.code.either(i.body, _undefined(guest))
                others = self.sharing.hosts.get(i.id, ())
                for one in words.alone(i, others) if others else (i,):
                    name = i.id if i.id not in ids else f"{OF_HOST}{i.id}"
                    yield replace(one, id=name, body=body, access={}, claims=())

    def twin(self, guest: Instruction, host: Instruction) -> Instruction:
        rows, partial = _rows(guest.rows, host.rows), guest.partial or host.partial
        body = self.code.either(host.body, guest.body)
        return replace(guest, body=body, access={}, claims=(), rows=rows, partial=partial)

    def both(self, guest: Instruction, host: Instruction) -> Instruction:
        """What the words that both have do on either."""
        theirs = with_operands(host.body, words.host_operands(host))
        cut, partial = words.of_both(guest, host), guest.partial or host.partial
        return replace(cut, body=self.code.either(theirs, guest.body), access={}, claims=(), partial=partial)


def _bits(encoding: Encoding) -> str:
    """What tells encodings apart."""
    parts = (dict(encoding.operands), encoding.prefixes, encoding.steps)
    terms = (encoding.when, encoding.canonical, encoding.length)
    return repr((*parts, *map(id, terms)))


def _undefined(machine: Machine) -> Block:
    """What a machine does with a word that none of its encodings accepts; the program counter has not moved."""
    pc = machine.state.leaves[machine.state.pc]
    return (SetNext(pc.term), *machine.code.undefined.body)


def _rows(guest: tuple[Row, ...], host: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows of both, where they are over one operand; else the guest's."""
    over = {r.operand for r in (*guest, *host) if r.operand}
    if guest == host or len(over) != 1:
        return guest
    (name,) = over
    values: Mapping[int | None, Row] = {r.value: r for r in (*host, *guest) if r.value is not None}
    listed = tuple(values[v] for v in sorted(v for v in values if v is not None))
    return (*listed, Row(":other", name, None, tuple(r.value for r in listed if r.value is not None)))
