"""Why an instruction is what it is: the predicates in words and formulas, its own text, and the witness as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import click

from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult, StateValue, Witness
from pgcheck.isa.files import door
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.machine import Machine
from pgcheck.words import (
    VERDICTS,
    WIDTH,
    Place,
    cells,
    configuration,
    difference,
    ending,
    number,
    units,
    value_of,
    wrapped,
)

if TYPE_CHECKING:
    from pgcheck.checker.witnesses.witness_replay import Replayed

PRIVILEGED = "(exists s in supervisor mode: step(s) completes) and (no u in user mode: step(u) completes)"
FORMULAS = {
    "ctl": "exists {x}: step({x}) completes and {role}(step({x})) != {role}({x})",
    "beh": "exists {x}, {y} equal but for {role}: both steps complete and general(step({x})) != general(step({y}))",
    "trs": "exists {x}, {y} equal but for {role}: step({x}) completes and step({y}) traps, translating alike",
    "tks": "exists {x}, {y} equal but for {role}: step({x}) is a request and step({y}) traps otherwise",
}
MEANINGS = {
    "ctl": "it changes {role} state {start} without a trap",
    "beh": "its result depends on {role} state ({start})",
    "trs": "whether it traps depends on {role} state ({start})",
    "tks": "how it traps depends on {role} state ({start})",
}
PLACES = {"S": "from supervisor mode", "U": "from user mode", "SU": "supervisor against user mode"}
STARTS = {
    "S": ("s in supervisor mode", "s'"),
    "U": ("u in user mode", "u'"),
    "SU": ("s in supervisor mode", "u in user mode"),
}
HOLE = (
    "exists a virtual state v and a real state r in user mode that a monitor keeps related (general state equal, "
    "memory through the guest's translation): step(r) does not trap into the monitor, and step(v) ends otherwise or in an "
    "unrelated state"
)


def explained(machine: Machine, result: MachineResult) -> str:
    """The explanation of every row in the result, one after the other."""
    rows = [(d, i) for d in result.deployments for i in d.instructions]
    parts = ["\n".join(_row(machine, deployment, row)) for deployment, row in rows]
    return f"\n\n{'-' * WIDTH}\n\n".join(parts) + f"\n\n{_GLOSSARY}"


def _row(machine: Machine, deployment: DeploymentResult, row: InstructionResult) -> Iterator[str]:
    instruction = machine.instruction(row.id.removesuffix(row.row) if row.row else row.id)
    title = f"{machine.identity.name} {row.id}" + (f": {instruction.description}" if instruction.description else "")
    yield from wrapped(title, "  ", "")
    yield f"  {row.position}" + (f", deployment {deployment.name}" if deployment.name != "default" else "")
    yield ""
    yield from _headed("Verdict", f"{row.verdict}: {VERDICTS.get(row.verdict, '')}")
    if row.reason:
        yield from wrapped(row.reason, " " * 12)
    if row.configuration:
        yield from _headed("With", f"{configuration(row.configuration)} (found for what is explained here alone)")
    yield from _headed("Evidence", _evidence(row))
    yield ""
    yield click.style("In words", bold=True)
    for sentence in in_words(row):
        yield from wrapped(sentence, "  ")
    yield ""
    yield from _predicates(row)
    yield ""
    yield click.style("The specification says", bold=True)
    yield from (f"  {line}" for line in source(row.position))
    if row.witness is not None:
        yield ""
        yield from witness(machine, row.witness, row.witness.virtual_after, row.witness.real_after)


_RUNS: Final = "A monitor lets the guest's instructions run on the processor in user mode, whatever mode the guest believes to be in, and takes over when one of them traps."
_IN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "hole": (
        _RUNS,
        "This one goes on where the guest's own machine would have done something else, so the monitor never learns of it. The witness below is a state in which it happens.",
        "It would be none if it trapped in user mode, always or where a bit of configuration says so.",
    ),
    "conditional": (
        _RUNS,
        "This one could go on where the guest's own machine would have done something else. With what is fixed above it traps there, or does the same, and nothing escapes the monitor.",
    ),
    "timing": (
        _RUNS,
        "This one goes on and shows the guest a clock of the real world; it can tell nothing else from it.",
    ),
    "privileged": (
        _RUNS,
        "This one traps. The monitor then carries out the guest's step on the state of the virtual machine, which it keeps in its own books, and lets the guest go on.",
    ),
    "intentional": (
        "It traps in every mode, for that is its purpose: to call the supervisor. A monitor hands the trap to the guest's own supervisor.",
    ),
    "trap-mediated": (
        _RUNS,
        "This one would show the guest that it runs in user mode, but wherever it would, it traps, and the monitor carries out its step.",
    ),
    "innocuous": ("It does the same in user mode as on the guest's own machine, so a monitor lets it run as it is.",),
    "unknown": ("The solvers found no answer within the budget: ask again with a larger --budget.",),
}
_GLOSSARY: Final = "`pgcheck glossary WORD` says what privileged, sensitive, hole or witness means."
_PLAIN: Final = "Nothing by which a machine is controlled is changed by it, or shows in what it does."
_UNSEEN: Final = "It is sensitive as the paper defines that, but in no state that a monitor lets arise can a guest tell the difference."


def in_words(row: InstructionResult) -> Iterator[str]:
    """What the verdict says of the row, for somebody who has not read the paper."""
    yield from _IN_WORDS.get(row.verdict, ())
    if row.verdict == "innocuous":
        yield _UNSEEN if row.sensitive else _PLAIN


def _headed(head: str, text: str) -> list[str]:
    return wrapped(text, " " * 12, f"{head:12}")


def _evidence(row: InstructionResult) -> str:
    return {
        "taint": "no control state is read or written on any path, so no solver was asked",
        "solver": "a solver's answers; refutations were replayed on integers",
        "two-solvers": "two solvers agree on every proof; refutations were replayed on integers",
    }.get(row.evidence, row.evidence)


def _predicates(row: InstructionResult) -> Iterator[str]:
    """The classical predicates and the exact one, each as a claim about this instruction and as a formula."""
    yield click.style("Popek and Goldberg's predicates", bold=True)
    under = ", but it is under the configuration" if row.privileged_under_configuration and not row.privileged else ""
    what = "it completes in supervisor mode and traps in user mode"
    yield from _predicate(f"privileged{under}: {what}", PRIVILEGED, holds=row.privileged)
    if not row.sensitivities:
        yield from _predicate("sensitive: it neither changes nor reveals control state", holds=False)
    for one in row.sensitivities:
        first, second = STARTS.get(one.start, ("s", "s'"))
        formula = FORMULAS.get(one.kind, "").format(role=one.role, x=first, y=second)
        meaning = MEANINGS.get(one.kind, one.kind).format(role=one.role, start=PLACES.get(one.start, one.start))
        yield from _predicate(f"sensitive: {meaning}", _short(formula), holds=True)
    user = "user-sensitive (Theorem 3): sensitive when it starts in user mode"
    yield from _predicate(user, holds=row.user_sensitive)
    yield click.style("The exact question", bold=True)
    yield from _predicate(
        "a hole, with nothing configured: a guest can tell, and nothing traps",
        HOLE,
        holds=row.verdict in ("hole", "conditional", "timing"),
    )
    if row.verdict == "conditional":
        yield from _predicate("a hole under the configuration", holds=False)


def _short(formula: str) -> str:
    """The formula with a bound name's mode said once, where it is bound."""
    for name, long in (("s", "s in supervisor mode"), ("u", "u in user mode")):
        head, found, rest = formula.partition(long)
        formula = head + found + rest.replace(long, name)
    return formula


def _predicate(claim: str, formula: str = "", *, holds: bool) -> Iterator[str]:
    yield from wrapped(claim, " " * 6, f"  {'yes' if holds else 'no':4}")
    if formula:
        yield from wrapped(formula, " " * 8)


def source(position: Position) -> list[str]:
    """The specification's lines from a list item to the next, without their indentation; none if the file is gone."""
    try:
        lines = door.content(position.path).decode("utf-8").replace("\r\n", "\n").split("\n")[position.line - 1 :]
    except (OSError, UnicodeDecodeError):
        return []
    if not lines:
        return []
    indent = len(lines[0]) - len(lines[0].lstrip())
    inside = takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > indent, lines[1:])
    shown = [line[indent:].rstrip() for line in (lines[0], *inside)]
    while shown and not shown[-1]:
        shown.pop()
    return shown


def witness(
    machine: Machine, found: Witness, virtual_after: Mapping[str, StateValue], real_after: Mapping[str, StateValue]
) -> Iterator[str]:
    """A witness as a table: each cell of state that matters, before and after, on the virtual and the real machine."""
    yield click.style("Witness", bold=True) + ": a state in which the two machines part (>)"
    yield from wrapped(f"{found.assembly}  [{units(found.units, machine.decoding.decode.unit)}]", "    ", "  ")
    operands = ", ".join(f"{n} = {number(v)}" for n, v in found.operands.items() if v)
    if operands:
        yield from wrapped(f"operands: {operands}", "    ", "  ")
    yield from _choices(found)
    yield ""
    states = [cells(s) for s in (found.virtual, virtual_after, found.real, real_after)]
    places = _ordered(machine, states)
    table = [[str(place), *(number(value_of(s, place)) for s in states)] for place in places]
    marked = {seen.place for seen in found.differs}
    yield from _table(table, [str(place) for place in places if place.leaf in marked])
    yield ""
    ends = (found.virtual_exit, found.real_exit)
    yield from wrapped(f"The virtual machine {ending(ends[0])}, the real one {ending(ends[1])}.", "  ")
    for differs in found.differs:
        yield from wrapped(f"{difference(found, differs)}.", "    ", "  * ")
    if found.hard:
        yield from wrapped("It happens through the specification's own address translation.", "  ")


def _choices(found: Witness) -> Iterator[str]:
    if found.configuration:
        yield from wrapped(f"configuration: {configuration(found.configuration)}", "    ", "  ")
    if found.choices:
        chosen = ", ".join(f"{n} = {number(v)}" for n, v in found.choices.items())
        yield from wrapped(f"free choices: {chosen}", "    ", "  ")


def _ordered(machine: Machine, states: Sequence[Mapping[Place, int]]) -> list[Place]:
    """The cells that some state gives and the mode, in the order of the specification."""
    leaves = list(machine.state.leaves)
    places = dict.fromkeys([*(place for state in states for place in state), Place(machine.modes.leaf)])
    return sorted(places, key=lambda place: leaves.index(place.leaf))


def _table(rows: Sequence[Sequence[str]], notable: Sequence[str]) -> Iterator[str]:
    head = ["state", "before", "after", "before", "after"]
    widths = [max(len(head[i]), *(len(row[i]) for row in rows)) + 2 for i in range(5)]
    pair = widths[1] + widths[2]
    yield f"  {'':{widths[0]}}{'virtual machine':{pair}}  real machine"
    for row in (head, *rows):
        left = "".join(f"{text:{width}}" for text, width in zip(row[:3], widths[:3], strict=True))
        right = "".join(f"{text:{width}}" for text, width in zip(row[3:], widths[3:], strict=True))
        gap = max(2, 2 + len("virtual machine") - pair)
        line = f"{'> ' if row[0] in notable else '  '}{left}{'':{gap}}{right}".rstrip()
        yield click.style(line, bold=True) if row[0] in notable else line


def replayed(machine: Machine, found: Witness, again: Replayed) -> str:
    """What a replay showed, against what its file says."""
    lines = [f"{machine.identity.name} {found.instruction}{found.row}, deployment {found.deployment}"]
    if found.digest != machine.identity.digest:
        lines += wrapped("The specification has changed since this witness was written.", "  ")
    lines += ["", *witness(machine, found, again.virtual_after, again.real_after), ""]
    if again.reproduced:
        lines.append(click.style("Reproduced", fg="green", bold=True) + " without a solver.")
    else:
        claimed, seen = (", ".join(map(str, d)) or "no difference" for d in (found.differs[:1], again.differs))
        lines += wrapped(f"Not reproduced: the file names {claimed}, the replay shows {seen}.", "  ", "")
    return "\n".join(lines)
