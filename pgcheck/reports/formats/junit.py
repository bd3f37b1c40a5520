"""A run as JUnit XML, for CI servers: a suite per specification and deployment, a case per row of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from pgcheck.checker.result import DeploymentResult, Finding, InstructionResult
from pgcheck.checker.verdicts.waiver import Reviewed
from pgcheck.isa.files.errors import Position
from pgcheck.reports.book import book
from pgcheck.reports.facts import VERDICTS, Fact, WrongReport, facts, hold
from pgcheck.reports.places import Places
from pgcheck.reports.remarks import LONGEST_NAME, excuse, printable, said, witnessed
from pgcheck.reports.writing import Format
from pgcheck.repository import root
from pgcheck.running.events import Checked, Failed, Manner, Story

COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def render(story: Story, manner: Manner) -> str:
    """The whole file; every hole is a failure, what is undecided or wrong an error, a waived hole skipped."""
    places = Places(root(Path.cwd()))
    whole = ElementTree.Element("testsuites", name="pgcheck")
    for outcome in story.outcomes:
        suites = (
            _answered(outcome, story, manner, places) if isinstance(outcome, Checked) else [_wrong(outcome, places)]
        )
        whole.extend(suites)
    whole.extend(_unfinished(word, story.left(word)) for word in story.unfinished)
    for name in ("tests", "failures", "errors"):
        whole.set(name, str(sum(int(suite.get(name, 0)) for suite in whole)))
    ElementTree.indent(whole)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(whole, encoding="unicode")


def _suite(name: str, cases: list[ElementTree.Element]) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=_attribute(name), tests=str(len(cases)))
    for total, tag in COUNTED.items():
        suite.set(total, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)
    return suite


def _case(suite: str, name: str, position: Position | None, places: Places | None) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_attribute(suite), name=_attribute(name))
    if position is not None and places is not None:
        case.set("file", _attribute(places.relative(position.path) or position.path))
        case.set("line", str(position.line))
    return case


def _ends(case: ElementTree.Element, tag: str, rule: str, text: str) -> None:
    """Let the case fail, err or be skipped."""
    first = text.partition("\n")[0]
    outcome = ElementTree.SubElement(case, tag, message=_attribute(first))
    if tag != "skipped":
        outcome.set("type", f"{book()[rule].id} {rule}" if rule else "pgcheck")
        outcome.text = printable(text)


def _answered(checked: Checked, story: Story, manner: Manner, places: Places) -> Iterator[ElementTree.Element]:
    for place, deployment in enumerate(checked.result.deployments):
        name = f"{checked.result.name}.{deployment.name}"
        main = place == 0
        cases = [_required(checked, deployment, story.began.require, name)] if main else []
        cases += (
            [_finding(f, name, places) for f in checked.result.findings if f.status not in ("ok", "assumed")]
            if main
            else []
        )
        cases += [_waiver(checked, one, name, places) for one in checked.waivers] if main else []
        for row in deployment.instructions:
            case = _row(checked, deployment, row, name, places)
            if manner.timing:
                case.set("time", f"{story.seconds.get((checked.specification, place, row.id), 0.0):.3f}")
            cases.append(case)
        suite = _suite(name, cases)
        if manner.timing and main:
            suite.set("time", f"{checked.result.effort.seconds:.3f}")
        yield suite


def _required(checked: Checked, deployment: DeploymentResult, require: str, suite: str) -> ElementTree.Element:
    """The answer that the exit code gives."""
    case = _case(suite, require, None, None)
    theorem = deployment.theorems[require]
    named = ", ".join([*theorem.premises, *theorem.failing])
    excused = excuse(checked, deployment, theorem)
    if excused:
        _ends(case, "skipped", "", f"waived: {excused}")
    elif theorem.status == "fails":
        _ends(case, "failure", require, f"{book()[require].title}: {named}")
    elif theorem.status == "unknown":
        _ends(case, "error", require, f"{require} is not decided" + (f": {named}" if named else ""))
    elif theorem.status == "void":
        _ends(case, "error", require, f"{require} is void: the specification breaks a law")
    return case


def _finding(finding: Finding, suite: str, places: Places) -> ElementTree.Element:
    case = _case(suite, f"{finding.law} {finding.subject}", finding.position, places)
    if finding.status == "warning":
        ElementTree.SubElement(case, "system-out").text = printable(finding.message)
    else:
        undecided = "not decided: " if finding.status == "unknown" else ""
        _ends(case, "failure" if finding.status == "fails" else "error", finding.law, undecided + finding.message)
    return case


def _waiver(checked: Checked, one: Reviewed, suite: str, places: Places) -> ElementTree.Element:
    """A waiver is a case of its own, which fails when it does not hold any more."""
    waiver = one.waiver
    name = f"waiver {waiver.deployment} {waiver.instruction} {waiver.property}"
    case = _case(suite, name, waiver.position, places)
    shown = witnessed(one.witness, checked.machine.decoding.decode) if one.witness is not None else []
    if one.status != "accepted":
        tag = "error" if one.status == "unknown" else "failure"
        _ends(case, tag, "waiver", "\n".join([f"{one.status}: {one.message}", *shown]))
    return case


def _row(
    checked: Checked, deployment: DeploymentResult, row: InstructionResult, suite: str, places: Places
) -> ElementTree.Element:
    case = _case(suite, row.id, row.position, places)
    waived = checked.waived.get((deployment.name, row.id), "")
    if deployment.void:
        _ends(case, "skipped", "", "void: the specification breaks a law")
    elif row.verdict == "hole" and waived:
        _ends(case, "skipped", "", f"waived: {waived}")
    elif row.verdict == "hole":
        _ends(case, "failure", "hole", said(row, deployment, checked.machine.decoding.decode))
    elif row.verdict == "unknown":
        _ends(case, "error", "undecided", said(row, deployment, checked.machine.decoding.decode))
    return case


def _wrong(failed: Failed, places: Places) -> ElementTree.Element:
    case = _case(
        failed.specification, "specification", failed.problems[0].position if failed.problems else None, places
    )
    lines = [f"{p.position}: {p.message}" for p in failed.problems]
    _ends(case, "error", "specification" if failed.problems else "", "\n".join([failed.message, *lines]))
    return _suite(failed.specification, [case])


def _unfinished(word: str, left: str) -> ElementTree.Element:
    case = _case(word, "specification", None, None)
    _ends(case, "error", "", f"{word}: {left}")
    return _suite(word, [case])


def _attribute(text: str) -> str:
    return printable(text, LONGEST_NAME).replace("\n", " ")


def reread(text: str, story: Story, manner: Manner) -> None:
    """The text is XML, its cases fail as the run found, and its totals count them. Raises WrongReport."""
    try:
        whole = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise WrongReport(f"the report is no XML: {error}") from None
    ends = [(case, end) for case in whole.iter("testcase") for end in (*case.iter("failure"), *case.iter("error"))]
    found = [Fact(end.get("type", "").partition(" ")[0], "", int(case.get("line", 0))) for case, end in ends]
    expected = facts(story, lambda path: "", waived=False)
    judged = VERDICTS.values()
    hold(Counter({f: n for f, n in expected.items() if f.rule in judged}), (f for f in found if f.rule in judged))
    _count(whole, ("failures", "errors"))
    for suite in whole:
        _count(suite, COUNTED)


def _count(element: ElementTree.Element, totals: Iterable[str]) -> None:
    cases = list(element.iter("testcase"))
    counted = {"tests": len(cases)} | {t: sum(c.find(COUNTED[t]) is not None for c in cases) for t in totals}
    for name, count in counted.items():
        if element.get(name) != str(count):
            raise WrongReport(f"{element.tag} says {element.get(name)} {name}, and has {count}")


FORMAT = Format(audience="CI servers: a case per row of the report", written="at the end", render=render, reread=reread)
