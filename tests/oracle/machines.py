"""Tiny machines as specification text, one for each seed: a sound skeleton, and one or two faults."""

from __future__ import annotations

from tests.oracle.parts import instructions, interrupt_functions, state, translate, translation
from tests.oracle.plans import Plan, plan


def machine(seed: int) -> str:
    """The specification of a seed, as YAML."""
    return written(plan(seed))


def features(seed: int) -> frozenset[str]:
    """What the machine of a seed has, of `plans.FEATURES`."""
    return plan(seed).features


def written(p: Plan) -> str:
    """The specification of a plan, as YAML."""
    user = p.modes - 1
    supervisor = ", ".join(map(str, range(user)))
    parts = [
        'spec_version: "1"',
        "kind: machine",
        f"name: tiny{p.seed}",
        f"title: {', '.join(sorted(p.features))}{' / ' if p.faults else ''}{', '.join(sorted(p.faults))}",
        *_types(p),
        "state:",
        *(f"  {name}: {{{text}}}" for name, text in state(p).items()),
        "memory: {state: MEM, unit: 4, endian: little}",
        f"modes: {{state: M, supervisor: {{values: [{supervisor}]}}, user: {{values: [{user}]}}}}",
        *_legal(p),
        *_exits(p),
        *translation(p),
        *_functions(p),
        "decode: {unit: 8, order: little, pc_unit: 8, max_length: 1, fetch: fetch, "
        'undefined: "trap(Cause::Undefined);"}',
        *_choices(p),
        *_deployed(p),
        "instructions:",
        *instructions(p),
    ]
    return "\n".join(parts) + "\n"


def _types(p: Plan) -> list[str]:
    lines = ["types: |", "  enum Access { Read 0 Write 1 Fetch 2 }"]
    lines.append("  enum Cause { Memory 0 Privileged 1 Service 2 Undefined 3 }")
    if p.has("pages"):
        lines.append("  bitfield (4) Pte { V 3 W 2 FRAME 1-0 }")
    if p.has("tables"):
        lines.append("  bitfield (4) Entry { PRESENT 3 SHOWN 0 }")
    return lines


def _legal(p: Plan) -> list[str]:
    clauses = []
    if p.has("hybrid"):
        clauses.append("M != 3")
    if p.has("legal is not kept"):
        clauses.append(f"M != {p.modes - 1} || A == 0")
    if p.has("entry is illegal"):
        clauses.append("SP == 0")
    return [f"legal: [{', '.join(repr(c).replace(chr(39), chr(34)) for c in clauses)}]"] if clauses else []


def _exits(p: Plan) -> list[str]:
    lines = ["exits:"]
    lines.append("  trap: {kind: other, by: {cause: {Memory: memory, Privileged: privileged, Service: intent}}}")
    if p.has("execute"):
        lines.append("  execute: {kind: execute}")
    if p.has("interrupts"):
        waiting = ', waiting: "waits?"' if p.has("waiting") else ""
        lines.append(f'interrupt: {{pending: "asked?", deliver: asked{waiting}}}')
    if p.has("timer"):
        lines.append("platform: {devices: {clock: {model: ticker, line: LINE}}}")
    return lines


def _functions(p: Plan) -> list[str]:
    user, wide = p.modes - 1, p.address
    lines = ["functions: |", *interrupt_functions(p), *translate(p)]
    lines += [
        "  function fetch {",
        f"    returns Bits<8> arguments Bits<{wide}> address",
        "    description { x } body {",
        "      return {4'd0, read_physical_memory<4>(translate(address, Access::Fetch, M))};",
        "    }",
        "  }",
        "  function rd {",
        f"    returns Bits<4> arguments Bits<{wide}> a",
        "    description { x } body { return read_physical_memory<4>(translate(a, Access::Read, M)); }",
        "  }",
        "  function wr {",
        f"    arguments Bits<{wide}> a, Bits<4> value",
        "    description { x } body { write_physical_memory<4>(translate(a, Access::Write, M), value); }",
        "  }",
        "  function priv {",
        f"    description {{ x }} body {{ if (M == {user}) {{ trap(Cause::Privileged); }} }}",
        "  }",
    ]
    if p.has("tables"):
        lines += [
            "  function looked {",
            "    returns Entry",
            f"    description {{ x }} body {{ Entry e = read_physical_memory<4>({p.physical}'d0); return e; }}",
            "  }",
        ]
    return lines


def _choices(p: Plan) -> list[str]:
    lines = []
    if p.has("choices"):
        lines.append("nondeterminism: {any.value: Bits<1>, any.way: Boolean}")
    if p.has("tables"):
        lines.append("tables: {looked: {role: relocation, respond: [mirror, {PRESENT: 0}], monitor: {PRESENT: 1}}}")
    offered = []
    if p.has("candidates") and not p.has("candidate is not offered"):
        offered.append("c: {C: [0, 1]}" if p.seed % 2 else "c: {C: [1]}")
    if p.has("delegation") and p.seed % 3 == 0:
        offered.append("d: {D: [0]}")
    if p.has("mirrors") and p.seed % 3 == 1:
        offered.append("f: {F: [mirror]}")
    return [*lines, *([f"configurations: {{{', '.join(offered)}}}"] if offered else [])]


def _deployed(p: Plan) -> list[str]:
    user = p.modes - 1
    keys = [f"real_mode: {user}"]
    if p.has("guest is not kept"):
        keys.append('guest: "A == 0"')
    elif p.has("entry leaves the guest"):
        keys.append('guest: "SP == 0"')
    if p.has("classes meet"):
        classes = f'supervisor: {{values: [0], when: "M != {user} || A == 1"}}, user: {{values: [{user}]}}'
        keys.append(f"modes: {{{classes}}}")
    if p.has("monitor is the user"):
        keys.append(f'monitor: "M == {user} || P == 1"')
    worse = list(keys)
    if p.has("delegation") and p.seed % 3 != 0 and not p.has("delegation is not the monitor's"):
        keys.append('real: "D == 0"')
        worse = keys if not p.has("second deployment is worse") else worse
    if p.has("mirrors") and p.seed % 3 != 1:
        keys.append("mirror: [F]")
        worse = keys if not p.has("second deployment is worse") else worse
    if p.has("second deployment is worse") and worse == keys:
        worse = [*keys, 'real: "A == 0"'] if not any(k.startswith("real:") for k in keys) else keys
    if p.has("deployments"):
        return [f"deployments: {{first: {{{', '.join(keys)}}}, second: {{{', '.join(worse)}}}}}"]
    return [f"deployments: {{first: {{{', '.join(keys)}}}}}"] if len(keys) > 1 else []
