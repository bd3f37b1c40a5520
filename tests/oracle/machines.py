"""Tiny machines as specification text, one for each seed: a sound skeleton, and one or two faults."""

from __future__ import annotations

from tests.oracle.parts import extended, instructions, interrupt_functions, state, translate, translation
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
        f'undefined: "{p.trap("Undefined")}"}}',
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
        lines.append("  bitfield (2) Entry { PRESENT 1 SHOWN 0 }")
    return lines


def _legal(p: Plan) -> list[str]:
    clauses = []
    if p.modes == 3:
        clauses.append("M != 3")
    if p.has("legal is not kept"):
        clauses.append(f"M != {p.modes - 1} || A == 0")
    if p.has("entry is illegal"):
        clauses.append("SP == 0")
    return [f"legal: [{', '.join(repr(c).replace(chr(39), chr(34)) for c in clauses)}]"] if clauses else []


def _exits(p: Plan) -> list[str]:
    lines = ["exits:"]
    nested = f", nested: {'halt' if p.has('nested halts') else 'double'}" if p.has("nested") else ""
    lines.append(
        f"  trap: {{kind: other, by: {{cause: {{Memory: memory, Privileged: privileged, Service: intent}}}}{nested}}}"
    )
    if p.has("nested"):
        lines.append("  double: {kind: other}")
    if p.has("execute"):
        lines.append("  execute: {kind: execute}")
    if p.has("interrupts"):
        waiting = ', waiting: "waits?"' if p.has("waiting") else ""
        lines.append(f'interrupt: {{pending: "asked?", deliver: asked{waiting}}}')
    around = ["devices: {clock: {model: ticker, line: LINE}}"] if p.has("timer") else []
    around += ['firmware: {when: "M == 0", call: above}'] if p.has("firmware") else []
    return [*lines, f"platform: {{{', '.join(around)}}}"] if around else lines


def _functions(p: Plan) -> list[str]:
    wide = p.address
    lines = ["functions: |", *interrupt_functions(p), *translate(p)]
    lines += [
        "  function fetch {",
        f"    returns Bits<8> arguments Bits<{wide}> address",
        f"    description {{ x }} body {{ {_fetch(p)} }}",
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
        f"    description {{ x }} body {{ if ({p.below}) {{ {p.trap('Privileged')} }} }}",
        "  }",
    ]
    if p.has("tables"):
        lines += [
            "  function looked {",
            "    returns Entry",
            f"    description {{ x }} body {{ Bits<4> w = read_physical_memory<4>({p.physical}'d0); Entry e = w[1:0]; return e; }}",
            "  }",
        ]
    return lines


def _fetch(p: Plan) -> str:
    place = "translate(address, Access::Fetch, M)"
    if p.has("fetch is not translated"):
        place = extended(p, "address")
    elif p.has("fetch shows the mode"):
        place = f"translate(address, Access::Fetch, {p.modes - 1}'d{p.modes - 1})"
    changes = "A = 0; " if p.has("fetch changes a register") else ""
    return f"{changes}return {{4'd0, read_physical_memory<4>({place})}};"


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
    same = p.has("same")
    keys = ["real_mode: same"] if same else [f"real_mode: {user}"]
    guest = ["M != 0", "G == 1"] if same else []
    if p.has("guest is not kept"):
        guest.append("A == 0")
    elif p.has("entry leaves the guest"):
        guest.append("SP == 0")
    keys += [f'guest: "{" && ".join(guest)}"'] if guest else []
    real = ["G == 0"] if same else []
    lowest = 1 if same else 0
    if p.has("classes meet"):
        classes = f'supervisor: {{values: [{lowest}], when: "M != {user} || A == 1"}}, user: {{values: [{user}]}}'
        keys.append(f"modes: {{{classes}}}")
    elif same:
        keys.append(f"modes: {{supervisor: {{values: [1]}}, user: {{values: [{user}]}}}}")
    if p.has("monitor is the user"):
        keys.append(f'monitor: "M == {user} || P == 1"')
    elif same:
        keys.append('monitor: "M == 0"')
    if p.has("mirror is not allowed"):
        real.append("F == 0")
    if p.has("candidate is not allowed"):
        real.append("C == 0")
    worse, stricter = list(keys), list(real)
    if p.has("delegation") and p.seed % 3 != 0 and not p.has("delegation is not the monitor's"):
        real.append("D == 0")
    mirrored = [*["F"] * (p.has("mirrors") and p.seed % 3 != 1), *["L"] * p.has("base is mirrored")]
    keys += [f"mirror: [{', '.join(mirrored)}]"] if mirrored else []
    if p.has("second deployment is worse"):
        stricter += ["A == 0"] if len(keys) == len(worse) and real == stricter else []
    else:
        worse, stricter = list(keys), real
    texts = [", ".join([*k, f'real: "{" && ".join(r)}"'] if r else k) for k, r in ((keys, real), (worse, stricter))]
    if p.has("deployments"):
        return [f"deployments: {{first: {{{texts[0]}}}, second: {{{texts[1]}}}}}"]
    return [f"deployments: {{first: {{{texts[0]}}}}}"] if texts[0] != f"real_mode: {user}" else []
