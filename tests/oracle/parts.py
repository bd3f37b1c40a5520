"""The parts of a tiny machine's text: its state, trap entry, translation, and instructions."""

from __future__ import annotations

from collections.abc import Iterator

from tests.oracle.plans import WORDS, Plan


def state(p: Plan) -> dict[str, str]:
    """Every leaf, and how it is declared."""
    wide = p.address
    leaves = {
        "MEM": f"type: Bits<4>, size: {1 << p.physical}, role: general",
        "M": f"type: Bits<{p.modes - 1}>, role: mode",
        "P": f"type: Bits<{wide}>, role: general, pc: true",
        "A": "type: Bits<1>, role: general",
    }
    if p.has("saved"):
        leaves["SP"] = f"type: Bits<{p.kept}>, role: saved"
        leaves |= {"Q": f"type: Bits<{wide}>, role: saved"} if p.has("payload") else {}
    if p.has("bounds"):
        base = "general" if p.has("base is a program's") else "relocation"
        leaves |= {"L": f"type: Bits<1>, role: {base}", "B": "type: Bits<1>, role: relocation, reset: 1"}
    if p.has("pages"):
        root = "general" if p.has("root is a program's") else "relocation"
        leaves["ROOT"] = f"type: Bits<2>, role: {root}"
    if p.has("interrupts"):
        leaves["LINE"] = f"type: Bits<1>, role: {'general' if p.has('line is general') else 'interrupt'}"
    if p.has("waiting"):
        leaves["W"] = "type: Bits<1>, role: run"
    if p.has("delegation"):
        leaves["D"] = "type: Bits<1>, role: vector"
    if p.has("mirrors"):
        leaves["F"] = "type: Bits<1>, role: configuration"
    if p.has("candidates"):
        leaves["C"] = "type: Bits<1>, role: configuration"
    if p.has("same"):
        leaves["G"] = "type: Bits<1>, role: vector"
    if p.has("clock"):
        leaves["T"] = "type: Bits<1>, role: timing, volatile: true"
    return leaves


def entry(p: Plan, how: str = "") -> str:
    """What a trap entry does, or that of an interrupt or of a trap within a trap (`how`)."""
    wide, saves, interrupt = p.address, [], how == "interrupt"
    forgets = p.has("interrupt forgets" if interrupt else "entry forgets the address")
    handed = "at" if p.has("payload") and not how else ""
    kept = f"{wide}'d0" if forgets else handed if handed and p.has("payload is all that is kept") else "$pc"
    kept = f"{{M, {kept}}}" if p.has("same") else kept
    if p.has("saved"):
        saves.append(f"SP = {kept};")
        saves += [f"Q = {handed};"] if handed else []
    if p.has("stores"):
        place = f"{{{p.physical - 1}'d0, A}}" if p.physical > 1 else "A"
        place = place if p.has("entry stores where the guest says") else f"{p.physical}'d0"
        saves.append(f"write_physical_memory<4>({place}, {cell(kept, p.kept)});")
        if handed and not p.has("saved"):
            saves.append(f"write_physical_memory<4>({p.physical}'d1, {cell(handed, wide)});")
    if p.has("nested spoils a register") if how == "nested" else not how and p.has("entry spoils a register"):
        saves.append("A = 0;")
    if p.has("waiting"):
        saves.append("W = 0;")
    if interrupt:
        saves.append("LINE = 0;")
    where = f"{wide}'d1"
    if p.has("entry goes where the guest says"):
        where = "A" if wide == 1 else "{1'b0, A}"
    elif handed and p.has("payload leads"):
        where = handed
    above = "(G == 1) ? 2'd1 : 2'd0" if p.has("same") else "0"
    mode = "" if interrupt and p.has("interrupt stays") else f"M = {above};"
    return " ".join([*saves, mode, f"$pc = {where};"])


def cell(value: str, width: int) -> str:
    """A value of so many bits as a cell of memory."""
    return value if width == 4 else f"{{{4 - width}'d0, {value}}}"


def interrupt_functions(p: Plan) -> Iterator[str]:
    """The trap entry, and how interrupts come in."""
    user, wide = p.modes - 1, p.address
    body = entry(p)
    if p.has("delegation"):
        body = f"if (D == 1 && M == {user} && cause == Cause::Service) {{ $pc = {wide}'d0; }} else {{ {body} }}"
    if p.has("service stays"):
        body = f"if (cause == Cause::Service) {{ $pc = {wide}'d0; }} else {{ {body} }}"
    if p.has("entry keeps the mode"):
        body = f"if (M == {user} && cause == Cause::Undefined) {{ $pc = {wide}'d0; }} else {{ {body} }}"
    if p.has("memory trap stays"):
        body = f"if (M == {user} && cause == Cause::Memory) {{ $pc = {wide}'d0; }} else {{ {body} }}"
    arguments = "Cause cause"
    if p.has("payload"):
        arguments += f", Bits<{wide}> at"
    if p.has("nested"):
        when = "cause == Cause::Undefined" if p.has("nested of the user") else "M == 0"
        body = f"if ({when}) {{ {p.trap('Service')} }} {body}"
        yield f"  function double {{ description {{ x }} body {{ {entry(p, 'nested')} }} }}"
    yield f"  function trap {{ arguments {arguments} description {{ x }} body {{ {body} }} }}"
    if p.has("firmware"):
        yield f"  function above {{ description {{ x }} body {{ {_firmware(p)} }} }}"
    if p.has("execute"):
        yield "  function execute { arguments Bits<8> word description { x } body { } }"
    if p.has("interrupts"):
        when = f"LINE == 1 && {p.below}" + (" && A == 1" if p.has("interrupt is masked") else "")
        changes = "if (LINE == 0) { A = 0; } " if p.has("asking changes the guest") else ""
        yield f"  function asked? {{ returns Boolean description {{ x }} body {{ {changes}return {when}; }} }}"
        yield f"  function asked {{ description {{ x }} body {{ {entry(p, 'interrupt')} }} }}"
    if p.has("waiting"):
        yield "  function waits? { returns Boolean description { x } body {"
        yield "    if (LINE == 1) { W = 0; } return W == 1; } }"


def _firmware(p: Plan) -> str:
    """What runs above the machine: it goes back to the other word."""
    where = (
        f"{p.address}'d0" if not p.has("firmware goes where the guest says") else "A" if p.address == 1 else "{1'b0, A}"
    )
    spoils = "A = 0; " if p.has("firmware spoils a register") else ""
    returns = f"M = {p.modes - 1}; " if p.has("firmware returns") else ""
    return f"{spoils}{returns}$pc = {where};"


def translation(p: Plan) -> Iterator[str]:
    """The key `translate`."""
    yield "translate:"
    yield "  function: translate"
    yield "  mode: mode"
    yield "  access: op"
    if p.has("probes"):
        yield "  probe: [lra]"
    if p.has("bounds"):
        yield "  realise: {bounds: {base: L, limit: B, address: a}}"
    elif p.has("external"):
        yield "  realise: external_mmu"
    else:
        yield "  realise:"
        yield "    entry: Pte"
        yield "    table: {V: 1, W: 1}"
        yield "    deny: {V: 0}"
        yield "    map: {V: 1, W: 1}"
        yield "    readonly: {V: 1, W: 0}"
        yield "    frame: {field: FRAME, shift: 1, address: a}"


def translate(p: Plan) -> list[str]:
    """The function `translate`."""
    above = "mode == 0" if p.has("same") else f"mode != {p.modes - 1}"
    lines = ["A = 0;"] if p.has("translation changes a register") else []
    lines += ["SP = 0;"] if p.has("translation changes control state") else []
    if p.has("translation chooses"):
        lines.append(f'if (choice("any.way")) {{ {p.trap("Memory", "a")} }}')
    if p.has("refusal goes by a register"):
        lines.append(f"if (!({above}) && a == 1 && A == 1) {{ {p.trap('Memory', 'a')} }}")
    lines += [f"if ({above}) {{ return {extended(p, 'a')}; }}"] if not p.has("external") else []
    lines += _bounded(p) if p.has("bounds") else _external(p, above) if p.has("external") else _paged(p)
    return [
        f"  function {name} {{ returns Bits<{p.physical}> arguments Bits<{p.address}> a, Access op, Bits<{p.modes - 1}> mode\n"
        f"    description {{ x }} body {{ {' '.join(lines)} }} }}"
        for name in (("translate", "lra") if p.has("probes") else ("translate",))
    ]


def _low(p: Plan, bit: str) -> str:
    """The lowest bit of an address that translation gives."""
    return f"{bit} ^ A" if p.has("address goes by a register") else bit


def _bounded(p: Plan) -> Iterator[str]:
    refuse = p.trap("Memory", "a")
    if not p.has("limit lets in"):
        kept = " && op != Access::Write" if p.has("limit lets writes in") else ""
        yield f"if (a > B{kept}) {{ {refuse} }}"
    if p.has("larger limit admits less"):
        yield f"if (B == 1 && a == 0) {{ {refuse} }}"
    if p.has("base nothing refuses"):
        yield f"if (L == 0 && a == 1) {{ {refuse} }}"
    low = _low(p, "a[0] ^ L" if p.has("base moves unlike") else "a[0]")
    yield f"return {extended(p, 'a')};" if p.has("base is not added") else f"return {{L, {low}}};"


def _external(p: Plan, above: str) -> Iterator[str]:
    if p.has("unit refuses an address"):
        yield f"if (!({above}) && a == 1) {{ {p.trap('Memory', 'a')} }}"
    if p.has("unit folds addresses"):
        yield f"if (!({above})) {{ return {p.address}'d0; }}"
    high = "a[1], " if p.address == 2 else ""
    yield f"return {{{high}a[0] ^ A}};" if p.has("address goes by a register") else "return a;"


def _paged(p: Plan) -> Iterator[str]:
    refuse = p.trap("Memory", "a")
    which = "1'b0" if p.has("walk ignores a bit") else "a[1]"
    yield f"Pte e = read_physical_memory<4>({{ROOT, {which}}});"
    if not p.has("denied is let in"):
        yield f"if (e.V == 0) {{ {refuse} }}"
    if not p.has("read-only is written"):
        yield f"if (op == Access::Write && e.W == 0) {{ {refuse} }}"
    frame = "e.FRAME ^ 2'd1" if p.has("mapped elsewhere") else "e.FRAME"
    yield f"return {{{frame}, {_low(p, 'a[0]')}}};"


def extended(p: Plan, address: str) -> str:
    """A physical address of an address."""
    return address if p.physical == p.address else f"{{{p.physical - p.address}'d0, {address}}}"


def _address(p: Plan) -> str:
    """An address that a program makes of its register."""
    return "A" if p.address == 1 else "{A, 1'b1}"


def bodies(p: Plan) -> Iterator[tuple[str, str, int, str]]:
    """Each instruction: its name, body, how many bits of operand it has, and further keys."""
    user, at = p.modes - 1, _address(p)
    priv = "" if p.has("no refusal") else "priv(); "
    spoils = " A = 0;" if p.has("return spoils a register") else ""
    back = "SP" if p.has("saved") else "kept"
    loads = "" if p.has("saved") else f"Bits<4> w = rd({p.address}'d0); Bits<{p.kept}> kept = w[{p.kept - 1}:0]; "
    mode = f"{back}[{p.kept - 1}:{p.address}]" if p.has("same") else str(user)
    loads += f"if ({mode} == 3) {{ {p.trap('Undefined')} }} " if p.has("same") else ""
    back = f"{back}[{p.address - 1}:0]" if p.has("same") else back
    if p.has("return forgets a bit"):
        back = f"{{{back}[1], 1'b0}}" if p.address == 2 and not p.has("same") else f"{p.address}'d0"
    stays = "" if p.has("return stays") else f"M = {mode}; "
    yield "svc", p.trap("Service"), 0, ""
    yield "rfe", f"priv(); {loads}{stays}$pc = {back};{spoils}", 0, ""
    yield (
        "flip",
        "A = ~A;" if not p.has("kind is read") else f"if (M == {user} && A == 1) {{ {p.trap('Undefined')} }} A = ~A;",
        0,
        "",
    )
    if not p.has("trap after a write"):
        place = f"{p.address}'d1" if p.wide else at
        yield "load", f"Bits<4> w = rd({place}); A = w[0];", 0, ""
    else:
        yield "load", f"A = ~A; Bits<4> w = rd({at}); A = w[0];", 0, ""
    yield "put", f"wr({at}, {{3'd0, A}});", 0, ""
    if p.has("mode is read"):
        yield "mode", "A = M[0];", 0, ""
    if p.has("access is not translated"):
        yield "raw", f"Bits<4> w = read_physical_memory<4>({p.physical}'d0); A = w[0];", 0, ""
    if p.has("address is a value"):
        yield "where", f"Bits<{p.physical}> w = translate({at}, Access::Read, M); A = w[0];", 0, ""
    if p.has("bounds"):
        yield "setr", f"{priv}if (i == 0) {{ L = A; }} else {{ B = A; }}", 1, ""
    elif p.has("pages"):
        refused = "" if p.has("root is the guest's") else priv
        yield "setr", f"{refused}ROOT = {{1'b1, A}};", 0, ""
    elif p.has("saved"):
        yield "gets", f"{priv}A = SP[0];", 0, ""
    yield from _featured(p, user, at)


def _featured(p: Plan, user: int, at: str) -> Iterator[tuple[str, str, int, str]]:
    if p.has("hybrid"):
        yield "inner", "priv(); M = 1;", 0, ""
    if p.has("same"):
        yield "drop", "if (M == 1) { M = 2; }" if not p.has("same is not refused") else "if (M != 2) { G = A; }", 0, ""
    if p.has("explicit"):
        refused = "" if p.has("explicit mode is not refused") else "priv(); "
        place = f"translate({at}, Access::{'Write' if p.wide else 'Read'}, {p.modes - 1}'d{user})"
        access = (
            "write_physical_memory<4>({}, {{3'd0, A}});"
            if p.wide
            else "Bits<4> w = read_physical_memory<4>({}); A = w[0];"
        )
        yield "under", refused + access.format(place), 0, ""
    if p.has("probes"):
        refused = "" if p.has("probe is not refused") else "priv(); "
        yield (
            "lra",
            f"{refused}Bits<{p.physical}> w = lra({at}, Access::Read, M); A = w[{min(p.physical - 1, 1)}];",
            0,
            "",
        )
    if p.has("fields"):
        yield "imm", "A = i;", 1, ""
    if p.has("rows"):
        refused = "" if p.has("row is not refused") else "priv(); "
        yield "csr", f"if (i == 0) {{ A = 1; }} else {{ {refused}A = M[0]; }}", 1, "rows: {i: [0]}"
    if p.has("choices"):
        guard = f"M == {user} && " if p.has("choice of the user") else ""
        text = 'A = undefined<1>("any.value");' if p.seed % 2 else f'if ({guard}choice("any.way")) {{ A = ~A; }}'
        if p.seed % 2 and guard:
            text = f"if (M == {user}) {{ {text} }} else {{ A = 0; }}"
        every, some = 'A = undefined<1>("any.value");', 'if (choice("any.way")) { A = 0; }'
        if p.has("choice is narrower"):
            text = f"if (M == {user}) {{ {every} }} else {{ {some} }}"
        elif p.has("choice is wider"):
            text = f"if (M == {user}) {{ {some} }} else {{ {every} }}"
        elif p.has("choice goes by control"):
            text = f"if (C == 1) {{ {every} }} else {{ {some} }}"
        yield "any", text, 0, ""
    if p.has("waiting"):
        yield "wait", ("" if p.has("wait is not refused") else "priv(); ") + "W = 1;", 0, ""
    if p.has("delegation"):
        yield "setd", "priv(); D = A;", 0, ""
    if p.has("mirrors"):
        one_sided = f"if (M != {user}) {{ F = A; }}" if p.has("mirror is one-sided") else "F = A;"
        yield "swap", f"Bits<1> old = F; {one_sided} A = old;", 0, ""
    if p.has("candidates"):
        refused = f"if (({p.below}) && C == 1) {{ {p.trap('Privileged')} }}"
        shown = "C" if p.has("candidate does not help") else "M[0]"
        yield "gate", f"{'' if p.has('candidate does not help') else refused} A = {shown};", 0, ""
        yield "setc", f"priv(); C = {'0' if p.has('candidate cannot be set') else 'A'};", 0, ""
    if p.has("tables"):
        guard = f" || M == {user}" if p.has("table tells the mode") else ""
        text = f"if (e.PRESENT == 0{guard}) {{ {p.trap('Undefined')} }} A = e.SHOWN;"
        if p.has("table is not checked"):
            text = f"if (M == {user}) {{ A = e.SHOWN; }} else {{ A = ~A; }}"
        text = "A = e.SHOWN ^ M[0];" if p.has("table needs another entry") else text
        yield "look", f"Entry e = looked(); {text}", 0, ""
    yield from _ending(p, user, at)


def _ending(p: Plan, user: int, at: str) -> Iterator[tuple[str, str, int, str]]:
    """Instructions that end otherwise than by a trap, or show what has no feature of its own."""
    if p.has("partial"):
        changes = "A = ~A;" if p.has("partial twice") else "A = 1;"
        yield "push", f"{changes} wr({p.address}'d1, {{3'd0, A}});", 0, "restart: partial"
    if p.has("unmodelled"):
        when = f"M == {user}" if p.has("left out for the user") else "A == 1"
        yield "odd", f'if ({when}) {{ unmodelled("odd"); }} A = 1;', 0, ""
    if p.has("unpredictable"):
        when = f"M == {user}" if p.has("anything for the user") else "A == 1"
        yield "wild", f'if ({when}) {{ unpredictable("wild"); }} A = 1;', 0, ""
    if p.has("execute"):
        read = "" if p.wide else f"Bits<4> w = rd({at}); "
        word = "{7'd0, M[0]}" if p.has("executes another word") else "{7'd0, A}" if p.wide else "{4'd0, w}"
        yield "xct", f"{read}execute({word});", 0, ""
    if p.has("halt"):
        yield "stop", ("" if p.has("halt is not refused") else "priv(); ") + "halt();", 0, ""
    if p.has("refused in silence") or p.has("changed in silence"):
        silent = "SP" if p.has("saved") else next(n for n in ("L", "ROOT", "A") if n == "A" or n in state(p))
        width = p.address if silent == "SP" else 1
        yield (
            "quiet",
            f"if (M {'==' if p.has('changed in silence') else '!='} {user}) {{ {silent} = {at if width > 1 else 'A' if silent != 'A' else '~A'}; }}",
            0,
            "",
        )
    if p.has("clock"):
        yield "time", "T = A;" if p.has("clock is set") else "A = T;", 0, ""
    if p.has("line is read"):
        yield "line", "A = LINE;", 0, ""
    if p.has("middle mode is read"):
        yield "which", "A = M[0];", 0, ""


def instructions(p: Plan) -> Iterator[str]:
    """The key `instructions`, words in order."""
    word = 0
    for name, body, bits, keys in sorted(bodies(p), key=lambda b: -b[2]):
        match = f"{word:08b}"[: 8 - bits] + "-" * bits
        yield f"  - name: {name}"
        variables = ', variables: ["i 0"]' if bits else ""
        yield f'    encoding: {{match: "{match}"{variables}}}'
        if keys:
            yield f"    {keys}"
        yield "    operation(): |"
        yield f"      {body}"
        word += 1 << bits
    assert word <= WORDS, (p, word)
