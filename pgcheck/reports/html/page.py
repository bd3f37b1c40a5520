"""What a page says of each checked specification, gathered for its template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult, TheoremResult, Witness
from pgcheck.checker.values import Sensitivity
from pgcheck.isa.files.errors import Position
from pgcheck.isa.idl.state import ROLES
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.reports.grouping import counted_names, grouped, grouped_names, names_of
from pgcheck.reports.html.accesses import accesses
from pgcheck.reports.html.bits import Cell, Word, compared, words
from pgcheck.reports.html.flow import Drawing, Flow, drawing
from pgcheck.reports.html.opcodes import Sheet, judged, sheets
from pgcheck.reports.jobs import Job, heading, jobs
from pgcheck.reports.standing import Standing, assumptions, cautions, standings
from pgcheck.reports.text.explain import MEANINGS, PLACES, source
from pgcheck.reports.text.report import answers, judged_size
from pgcheck.running.events import Checked
from pgcheck.words import VERDICTS, configuration, difference, ending, sensitivities, units

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.waiver import Reviewed

STATUSES = {
    "holds": "holds", "conditional": "holds if configured", "fails": "fails", "unknown": "not decided", "void": "void",
}  # fmt: skip
MONITORS = {**STATUSES, "holds": "exists", "conditional": "exists if configured", "fails": "none"}
# What is said of a row's evidence in its line, and what it means.
EVIDENCE = {
    "two-solvers": ("two solvers", "two solvers agree on every proof"),
    "solver": ("one solver", "one solver's answers, and what simplification alone settles"),
    "taint": ("no solver", "no control state on any path, so the machines take the same step"),
}
PRIVILEGED = ("yes", "configured", "no")
MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """A theorem's answer: title, what is said of it, what follows from that."""

    title: str
    word: str
    rest: str
    theorem: TheoremResult


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stand in a cell of the matrix: how many, and their names as the text groups them; `wrong` where Theorem 1 wants none."""

    sensitive: bool
    privileged: str
    count: int
    names: tuple[str, ...]
    wrong: bool


@dataclass(frozen=True, slots=True)
class Example:
    """A witness as it is shown: what was run, how both machines end, what differs, and each cell of state."""

    units: str
    assembly: str
    ends: tuple[str, str]
    differences: tuple[str, ...]
    configuration: str
    cells: tuple[Cell, ...]
    own_translation: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table with all that unfolds below it; `key` is its place in the page."""

    key: str
    row: InstructionResult
    description: str
    privileged: str
    sensitive: str
    meanings: tuple[str, ...]
    configuration: str
    waived: str
    words: tuple[Word, ...]
    prefixes: tuple[str, ...]
    source: str
    access: Flow | None
    roles: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    witness: Example | None


@dataclass(frozen=True, slots=True)
class Hole:
    """Holes of which the same is said: their names, the sentence, and the row whose witness is shown here."""

    key: str
    names: str
    reason: str
    line: Line


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of which the table says the same: their names, and one of their lines."""

    names: str
    line: Line


@dataclass(frozen=True, slots=True)
class Division:
    """A specification under one deployment: what stands open, what the configuration closes, then every row."""

    key: str
    result: DeploymentResult
    answers: tuple[Answer, ...]
    matrix: tuple[tuple[Group, ...], ...]
    counts: Mapping[str, int]
    configuration: str
    cautions: tuple[str, ...]
    holes: tuple[Hole, ...]
    closed: tuple[Kind, ...]
    kinds: tuple[Kind, ...]
    innocuous: str
    lines: tuple[Line, ...]

    @property
    def shown(self) -> dict[str, str]:
        """Where a row's witness is shown already, by the row's key."""
        return {hole.line.key: hole.key for hole in self.holes}


@dataclass(frozen=True, slots=True)
class Section:
    """A checked specification: its answer in a line, its deployments, its pictures, and what the answers rest on.

    `drawing` is the graph of the holes alone, `whole` that of all rows; `plans` are what a monitor has to do, each with its headline and by kind.
    """

    key: str
    result: MachineResult
    sources: tuple[str, ...]
    headline: Answer
    divisions: tuple[Division, ...]
    sheets: tuple[Sheet, ...]
    drawing: Drawing | None
    whole: Drawing | None
    waivers: tuple[Reviewed, ...]
    evidence: Mapping[str, int]
    size: str
    standings: tuple[Standing, ...]
    assumed: tuple[str, ...]
    plans: tuple[tuple[str, tuple[tuple[str, tuple[Job, ...]], ...]], ...]


def section(checked: Checked, number: int, require: str) -> Section:
    """What the page says of one specification, its `number` in the page."""
    key, machine, result = f"m{number}", checked.machine, checked.result
    shown = accesses(machine, {row.id for row in result.main.instructions})
    divisions = tuple(_division(checked, d, f"{key}-d{i}", shown) for i, d in enumerate(result.deployments))
    main = result.main.instructions
    evidence = {name: sum(row.evidence == name for row in main) for name in EVIDENCE}
    size = judged_size(result.main)
    headline = next(a for a in divisions[0].answers if a.theorem.name == require)
    holes = [row.id for row in main if row.verdict == "hole"]
    return Section(
        key=key,
        result=result,
        sources=machine.identity.source,
        headline=headline,
        divisions=divisions,
        sheets=sheets(
            machine, judged(result.main, {line.row.id: line.key for line in divisions[0].lines}), f"{key}-map"
        ),
        drawing=drawing(machine, ((name, shown[name]) for name in holes if name in shown)),
        whole=drawing(machine, shown.items()),
        waivers=checked.waivers,
        evidence=evidence,
        size=size,
        standings=standings(result, result.main),
        assumed=assumptions(result, result.main),
        plans=tuple((heading(result, plan), tuple(jobs(result, plan))) for plan in checked.plans),
    )


def _division(checked: Checked, result: DeploymentResult, key: str, accesses: Mapping[str, Flow]) -> Division:
    order = list(VERDICTS)
    rows = sorted(result.instructions, key=lambda row: order.index(row.verdict))
    known = {i.id: i for i in (*checked.machine.instructions, checked.machine.code.undefined)}
    lines = tuple(_line(checked, result, row, f"{key}-i{i}", accesses.get(row.id), known) for i, row in enumerate(rows))
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    of = {line.row.id: line for line in lines}
    holes = grouped([row for row in rows if row.verdict == "hole"], lambda row: (row.name, row.reason), False)
    closed = grouped([r for r in rows if r.verdict == "conditional"], lambda r: configuration(r.configuration), False)
    telling = [row for row in rows if row.verdict != "innocuous" or row.sensitive]
    kinds = grouped(telling, lambda r: (r.verdict, of[r.id].privileged, of[r.id].sensitive), False)
    return Division(
        key=key,
        result=result,
        answers=tuple(Answer(*answer) for answer in answers(result)),
        matrix=tuple(_matrix(lines)),
        counts={verdict: count for verdict, count in counts.items() if count},
        configuration=configuration(result.configuration) if result.configuration else "",
        cautions=tuple(f"{c.message[0].upper()}{c.message[1:]}." for c in cautions(checked.result, result)),
        holes=tuple(
            Hole(f"{key}-h{i}", grouped_names(some, len(some)), some[0].reason, of[some[0].id])
            for i, some in enumerate(holes)
        ),
        closed=tuple(Kind(grouped_names(some), of[some[0].id]) for some in closed),
        kinds=tuple(Kind(grouped_names(some), of[some[0].id]) for some in kinds),
        innocuous=counted_names([row for row in rows if row.verdict == "innocuous" and not row.sensitive]),
        lines=lines,
    )


def _matrix(lines: Sequence[Line]) -> Iterator[tuple[Group, ...]]:
    for sensitive in (True, False):
        yield tuple(
            _group([line.row for line in lines if (line.row.sensitive, line.privileged) == cell], *cell)
            for cell in ((sensitive, privileged) for privileged in PRIVILEGED)
        )


def _group(rows: Sequence[InstructionResult], sensitive: bool, privileged: str) -> Group:
    return Group(sensitive, privileged, len(rows), tuple(names_of(rows)), sensitive and privileged == "no")


def _line(
    checked: Checked,
    result: DeploymentResult,
    row: InstructionResult,
    key: str,
    accessed: Flow | None,
    instructions: Mapping[str, Instruction],
) -> Line:
    machine, main = checked.machine, result is checked.result.main
    instruction = instructions.get(row.id.removesuffix(row.row))
    encoding = instruction.encoding if instruction is not None else None
    return Line(
        key=key,
        row=row,
        description=instruction.description if instruction is not None else "",
        privileged="yes" if row.privileged else "configured" if row.privileged_under_configuration else "no",
        sensitive=sensitivities(row.sensitivities),
        meanings=tuple(_meaning(one) for one in row.sensitivities),
        configuration=configuration(row.configuration) if row.configuration else "",
        waived=checked.waived.get((result.name, row.id), ""),
        words=words(encoding) if encoding is not None and main else (),
        prefixes=encoding.prefixes if encoding is not None else (),
        source="\n".join(_source(row.position)) if main else "",
        access=accessed if main else None,
        roles=tuple(_roles(machine, accessed)) if accessed is not None and main else (),
        witness=_example(machine, row.witness) if row.witness is not None else None,
    )


def _source(position: Position) -> list[str]:
    try:
        return source(position)
    except ValueError:  # a name that no file can have
        return []


def _meaning(one: Sensitivity) -> str:
    start = PLACES.get(one.start, one.start)
    return MEANINGS[one.kind].format(role=one.role, start=start) if one.kind in MEANINGS else str(one)


def _roles(machine: Machine, accessed: Flow) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Each role with what is read and what is written of it."""
    for role in ROLES:
        read, written = (
            tuple(name for name in names if machine.state.leaves[name].role == role)
            for names in (accessed.reads, accessed.writes)
        )
        if read or written:
            yield role, read, written


def _example(machine: Machine, witness: Witness) -> Example:
    return Example(
        units(witness.units, machine.decoding.decode.unit),
        witness.assembly,
        (ending(witness.virtual_exit), ending(witness.real_exit)),
        tuple(difference(witness, differs) for differs in witness.differs),
        configuration(witness.configuration) if witness.configuration else "",
        compared(machine, witness),
        witness.hard,
    )
