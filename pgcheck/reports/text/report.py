"""A result as text for people, 80 columns wide: the theorems, the holes with their reasons, then the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from pgcheck.checker.result import DeploymentResult, Effort, Finding, InstructionResult, MachineResult, TheoremResult
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.reports.grouping import counted_names, grouped, grouped_names
from pgcheck.reports.remarks import printable
from pgcheck.reports.standing import assumptions, cautions, standings
from pgcheck.words import VERDICTS, WIDTH, configuration, counted, difference, sensitivities, units, wrapped

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.waiver import Reviewed
    from pgcheck.isa.encoding.fields import Decode

# Title, what is wanted of an instruction that the premise fails for, what a holding premise means.
CLAIMS = {
    "theorem1": (
        "Theorem 1",
        "sensitive and not privileged",
        "every sensitive instruction is privileged: a monitor by trap and emulate exists",
    ),
    "theorem2": (
        "Theorem 2",
        "timing-sensitive and do not trap",
        "Theorem 1's, and no clock betrays the monitor: monitors run under monitors",
    ),
    "theorem3": (
        "Theorem 3",
        "user-sensitive and not privileged",
        "every user-sensitive instruction is privileged: a hybrid monitor exists",
    ),
}
COLOURS = {"holds": "green", "conditional": "green", "fails": "red", "unknown": "yellow", "void": "yellow"}
VOID = ("void", ": the specification breaks a law, so nothing is claimed")
LEFT = 11
COLUMNS = (28, 15, 12)
MOST_NAMES = 8


def report(
    result: MachineResult,
    decode: Decode,
    *,
    timing: bool,
    every_row: bool = False,
    partly: bool = False,
    waivers: Sequence[Reviewed] = (),
) -> str:
    """The whole text; `every_row` groups nothing, `partly` says that only some instructions were judged."""
    main = result.main
    lines = [*_heading(result, main, partly), ""]
    lines += _errors(result.findings)
    lines += _theorems(result, main)
    for verdict, title in (("hole", "Holes"), ("unknown", "Not decided")):
        lines += _reasons(main, verdict, title, decode, every_row)
    lines += _waivers(waivers, decode)
    lines += _configured(main, every_row)
    lines += _table(main, every_row)
    lines += _innocuous(main, every_row)
    lines += _hypotheses(result, main) if every_row else ()
    for other in result.deployments[1:]:
        lines += _other(result, other)
    lines += _notes(result, partly)
    lines += _assumed(result, main)
    if timing:
        lines += ["", *wrapped(_effort(result.effort), "")]
    return "\n".join(lines)


def _heading(result: MachineResult, main: DeploymentResult, partly: bool) -> list[str]:
    judged = judged_size(main)
    under = f"; deployment {main.name}" if main.name != "default" else ""
    only = "; only these were judged, so the answers below speak of them alone" if partly else ""
    return [
        *wrapped(f"{result.name}: {result.title}", "  ", ""),
        *wrapped(f"{result.path}; {judged}{under}{only}", "  "),
    ]


def judged_size(main: DeploymentResult) -> str:
    """How many instructions and rows were judged; the undefined words are no instruction."""
    instructions = len({(i.name, i.variant) for i in main.instructions if i.id != UNDEFINED})
    return f"{counted(instructions, 'instruction')}, {counted(len(main.instructions), 'row')}"


def answers(result: DeploymentResult) -> Iterator[tuple[str, str, str, TheoremResult]]:
    """Of each theorem, and of the monitor, the title, the answer in a few words, what follows, and the result."""
    first = result.theorems["theorem1"]
    for name, (title, fault, meaning) in CLAIMS.items():
        theorem = result.theorems[name]
        if name == "theorem2" and theorem.status == "fails" and theorem.failing == first.failing:
            yield title, "the premise fails", ", for it includes that of Theorem 1", theorem
        else:
            yield title, *_premise(theorem, fault, meaning), theorem
    theorem = result.theorems["monitor"]
    yield "Monitor", *_monitor(theorem), theorem


def _theorems(result: MachineResult, under: DeploymentResult, indent: str = "") -> Iterator[str]:
    for title, word, rest, theorem in answers(under):
        yield from _answer(title, (word, rest), theorem, indent)
    if under.direct:
        direct = f"A hybrid monitor may run directly the virtual states that satisfy {under.direct}."
        yield from wrapped(direct, indent + " " * LEFT)
    for caution in cautions(result, under):
        yield from wrapped(f"{caution.message[0].upper()}{caution.message[1:]}.", indent + " " * LEFT)


def _premise(theorem: TheoremResult, fault: str, meaning: str) -> tuple[str, str]:
    match theorem.status:
        case "holds":
            return "the premise holds", f": {meaning}"
        case "conditional":
            return "the premise holds", f" with {configuration(theorem.configuration)}: {meaning}"
        case "fails":
            return (
                f"the premise fails{_waived(theorem)}",
                f": {_failing(theorem, fault.replace('do not', 'does not'), fault)}",
            )
        case "unknown":
            return "not decided", f": {_failing(theorem, 'open', 'open')}"
        case "void":
            return VOID


def _monitor(theorem: TheoremResult) -> tuple[str, str]:
    match theorem.status:
        case "holds":
            return "exists", ": no instruction is a hole"
        case "conditional":
            return "exists", f"{_under(theorem)}; {_seen(theorem)}" if theorem.timing else _under(theorem)
        case "fails":
            return (
                f"none by trap and emulate alone{_waived(theorem)}",
                f": {_failing(theorem, 'a hole', 'holes')}",
            )
        case "unknown":
            return "not decided", f": {_failing(theorem, 'open', 'open')}"
        case "void":
            return VOID


def _under(theorem: TheoremResult) -> str:
    if not theorem.configuration:
        return ": no instruction is a hole"
    return f" with {configuration(theorem.configuration)}: no hole is left"


def _seen(theorem: TheoremResult) -> str:
    """What a monitor leaves visible."""
    names = theorem.timing
    several = ", ".join(names) if len(names) <= MOST_NAMES else f"{len(names)} instructions"
    return f"the guest sees real time by {several}"


def _failing(theorem: TheoremResult, one: str, many: str) -> str:
    """What stands in the way: what the machine lacks or may lack, and the instructions."""
    verb = "refuted" if theorem.status == "fails" else "not decided"
    lacking = [f"{', '.join(theorem.premises)} {verb}"] if theorem.premises else []
    return "; ".join([*lacking, *([_listed(theorem.failing, one, many)] if theorem.failing or not lacking else [])])


def _waived(theorem: TheoremResult) -> str:
    return f" ({len(theorem.waived)} waived)" if theorem.waived else ""


def _answer(title: str, answer: tuple[str, str], theorem: TheoremResult, indent: str) -> Iterator[str]:
    word, rest = answer
    lines = wrapped(word + rest, indent + " " * LEFT, f"{indent}{title:{LEFT}}")
    yield lines[0].replace(word, click.style(word, fg=COLOURS[theorem.status], bold=True), 1)
    yield from lines[1:]


def _listed(names: Sequence[str], one: str, many: str, most: int = MOST_NAMES) -> str:
    """Few names, or their number: `popf is a hole`, `22 instructions are holes`."""
    if len(names) == 1:
        return f"{names[0]} is {one}"
    several = f"{', '.join(names[:-1])} and {names[-1]}" if 0 < len(names) <= most else f"{len(names)} instructions"
    return f"{several} are {many}"


def _reasons(result: DeploymentResult, verdict: str, title: str, decode: Decode, every_row: bool) -> Iterator[str]:
    found = [i for i in result.instructions if i.verdict == verdict]
    if not found:
        return
    yield ""
    yield click.style(f"{title} ({len(found)})", bold=True)
    for rows in grouped(found, lambda i: (i.name, i.reason), every_row):
        yield from wrapped(f"{grouped_names(rows, most=len(rows))}: {rows[0].reason}", "    ", "  ")
        witness = rows[0].witness
        if witness is not None:
            shown = f"{witness.assembly}  [{units(witness.units, decode.unit)}]"
            yield from wrapped(f"{shown}: {difference(witness, witness.differs[0])}", "        ", "      ")


def _waivers(waivers: Sequence[Reviewed], decode: Decode) -> Iterator[str]:
    if not waivers:
        return
    yield ""
    yield click.style(f"Waivers ({len(waivers)})", bold=True)
    for one in waivers:
        waiver, place = one.waiver, "" if one.status == "accepted" else f" ({one.waiver.position})"
        about = f"{waiver.instruction}, {waiver.property}"
        about += f" under {waiver.deployment}" if waiver.deployment != "default" else ""
        about += f" until {waiver.expires}" if waiver.expires is not None else ""
        lines = wrapped(f"{one.status}: {about}: {printable(one.message)}{place}", "    ", "  ")
        colour = {"accepted": "green", "unknown": "yellow"}.get(one.status, "red")
        yield lines[0].replace(one.status, click.style(one.status, fg=colour), 1)
        yield from lines[1:]
        if one.witness is not None:
            shown = f"{one.witness.assembly}  [{units(one.witness.units, decode.unit)}]"
            yield from wrapped(f"{shown}: {difference(one.witness, one.witness.differs[0])}", "        ", "      ")


def _configured(result: DeploymentResult, every_row: bool) -> Iterator[str]:
    found = [i for i in result.instructions if i.verdict == "conditional"]
    if not found:
        return
    yield ""
    yield click.style(f"Closed by the configuration ({len(found)})", bold=True)
    for rows in grouped(found, lambda i: configuration(i.configuration), every_row):
        yield from wrapped(configuration(rows[0].configuration), "    ", "  ")
        yield from wrapped(grouped_names(rows), "      ")


def _table(result: DeploymentResult, every_row: bool) -> Iterator[str]:
    rows = [i for i in result.instructions if every_row or i.verdict != "innocuous" or i.sensitive]
    if not rows:
        return
    order = list(VERDICTS)
    groups = grouped(rows, _cells, every_row)
    if not every_row:
        groups.sort(key=lambda group: order.index(group[0].verdict))
    yield ""
    yield click.style(_columns("instructions", "verdict", "privileged") + "sensitive", bold=True)
    for group in groups:
        verdict, privileged, sensitive = _cells(group[0])
        left = textwrap.wrap(grouped_names(group), COLUMNS[0] - 2, break_long_words=False, break_on_hyphens=False)
        right = textwrap.wrap(sensitive or "-", WIDTH - sum(COLUMNS), break_long_words=False)
        for line, (names, roles) in enumerate(zip_longest(left, right, fillvalue="")):
            start = _columns(names, *((verdict, privileged) if line == 0 else ("", "")))
            yield (start + roles).rstrip()


def _columns(*texts: str) -> str:
    return "".join(f"{text:{width}}" for text, width in zip(texts, COLUMNS, strict=True))


def _cells(result: InstructionResult) -> tuple[str, str, str]:
    privileged = "yes" if result.privileged else "configured" if result.privileged_under_configuration else "no"
    return result.verdict, privileged, sensitivities(result.sensitivities)


def _innocuous(result: DeploymentResult, every_row: bool) -> Iterator[str]:
    rest = [i for i in result.instructions if i.verdict == "innocuous" and not i.sensitive]
    if rest and not every_row:
        yield ""
        yield click.style(f"innocuous ({len(rest)})", bold=True)
        yield from wrapped(counted_names(rest), "  ")


def _other(result: MachineResult, under: DeploymentResult) -> Iterator[str]:
    yield ""
    yield click.style(f"Deployment {under.name}", bold=True)
    yield from _theorems(result, under, "  ")
    counts = {v: sum(i.verdict == v for i in under.instructions) for v in VERDICTS}
    yield from wrapped(", ".join(f"{n} {v}" for v, n in counts.items() if n), " " * (LEFT + 2), f"  {'Rows':{LEFT}}")


def _errors(findings: Sequence[Finding]) -> Iterator[str]:
    wrong = [f for f in findings if f.status in ("error", "fails", "unknown")]
    for finding in wrong:
        yield from _found(finding)
    if wrong:
        yield ""


def _notes(result: MachineResult, partly: bool) -> Iterator[str]:
    above = [f for under in result.deployments for f in cautions(result, under)]
    warnings = [f for f in result.findings if f.status == "warning" and f not in above]
    if warnings or result.unmodelled:
        yield ""
    for finding in warnings:
        yield from _found(finding)
    if result.unmodelled and partly:
        heading, rest = "Not modelled", f"{counted(len(result.unmodelled), 'point')}, which the check of all lists"
        yield f"{click.style(heading, bold=True)}  {rest}"
        return
    if result.unmodelled:
        yield click.style("Not modelled", bold=True)
    for left_out in result.unmodelled:
        yield from wrapped(left_out, "    ", "  * ")


def _found(finding: Finding) -> list[str]:
    place = f" ({finding.position})" if finding.position is not None else ""
    about = f"{finding.subject}: " if finding.subject else ""
    status = "not decided" if finding.status == "unknown" else finding.status
    lines = wrapped(f"{status}: {finding.law}: {about}{finding.message}{place}", "  ", "")
    colour = "red" if finding.status in ("error", "fails") else "yellow"
    return [lines[0].replace(status, click.style(status, fg=colour), 1), *lines[1:]]


def _hypotheses(result: MachineResult, main: DeploymentResult) -> Iterator[str]:
    yield ""
    yield click.style("Hypotheses", bold=True)
    for one in standings(result, main):
        lines = wrapped(f"{one.number:2} {one.status:9}{one.hypothesis.name}", " " * (LEFT + 3), "  ")
        yield lines[0].replace(one.status, click.style(one.status, fg=COLOURS.get(one.status, "yellow")), 1)
        yield from lines[1:]


def _assumed(result: MachineResult, main: DeploymentResult) -> Iterator[str]:
    yield ""
    yield click.style("Assumed", bold=True)
    for sentence in assumptions(result, main):
        yield from wrapped(printable(sentence), "    ", "  * ")


def _effort(effort: Effort) -> str:
    name, seconds = effort.slowest
    slowest = f"; slowest {name} {seconds:.2f} s" if name else ""
    doubts = "; ".join(f"{count} not confirmed: {why}" for why, count in effort.doubts.items())
    proofs = f"{effort.confirmed} of {counted(effort.unsat, 'proof')} confirmed by the second solver"
    replayed = f"{effort.replayed} of {counted(effort.witnesses, 'witness', 'witnesses')} replayed"
    parts = [
        f"{counted(effort.queries, 'obligation')}, {effort.folded} settled by folding",
        *([proofs + (f" ({doubts})" if doubts else "")] if effort.unsat else []),
        *([replayed] if effort.witnesses else []),
        f"{effort.seconds:.1f} s{slowest}",
    ]
    return "; ".join(parts)
