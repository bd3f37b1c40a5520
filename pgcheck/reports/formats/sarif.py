"""A run as SARIF 2.1.0, for code scanning: rules, results with their witnesses, fingerprints that survive edits."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from pgcheck import __version__
from pgcheck.checker.result import StateValue, Witness
from pgcheck.isa.files.errors import Position
from pgcheck.reports.book import Entry, book
from pgcheck.reports.facts import SHOWN, Fact, WrongReport, facts, hold
from pgcheck.reports.places import Places, whole
from pgcheck.reports.remarks import Remark, printable, remarks
from pgcheck.reports.writing import Format
from pgcheck.repository import root
from pgcheck.running.events import Manner, Story
from pgcheck.words import cells, ending, number

Json = dict[str, Any]
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME: Final = "https://github.com/OWNER/pgcheck"
MOST_RELATED: Final = 100
LONGEST_SNIPPET: Final = 400
AROUND: Final = (2, 4)
MOST_CELLS: Final = 200
_URI: Final = re.compile(r"(?:[A-Za-z0-9._~/:@!$&'()*+,;=-]|%[0-9A-F]{2})*")  # RFC 3986, without query and fragment
_SEVERITIES: Final = {"error": "error", "warning": "warning", "note": "recommendation"}


def render(story: Story, manner: Manner) -> str:
    """The whole file; waived results carry `suppressions` or are left out. Without timing it repeats byte for byte."""
    places = Places(root(Path.cwd()))
    said = [r for r in remarks(story) if not (r.waived and manner.waived == "omit")]
    rules = [_rule(rule) for rule in book().values()]
    driver: Json = {"name": "pgcheck", "informationUri": HOME, "version": __version__, "rules": rules}
    run: Json = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(story)],
        "results": _results(said, places),
        "properties": {"solvers": dict(story.ended.versions), "required": story.began.require, **_times(story, manner)},
    }
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _times(story: Story, manner: Manner) -> Json:
    if not manner.timing:
        return {}
    return {"seconds": {c.result.path: round(c.result.effort.seconds, 3) for c in story.checked}}


def _rule(rule: Entry) -> Json:
    text = "\n\n".join(filter(None, (rule.law, rule.formula, rule.reference)))
    markdown = "\n\n".join(filter(None, (rule.law, rule.formula and f"`{rule.formula}`", rule.reference)))
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.law},
        "helpUri": f"{HOME}/blob/main/docs/reference/rules.md#{rule.id.lower()}-{rule.name}",
        "help": {
            "text": f"{text}\n\n`pgcheck rule {rule.id}` shows the smallest specification that breaks it.",
            "markdown": f"{markdown}\n\nThe smallest one that breaks it:\n\n```yaml\n{rule.broken}```\n",
        },
        "defaultConfiguration": {"level": rule.level},
        "properties": {
            "tags": ["virtualization"],
            "precision": "very-high",
            "problem.severity": _SEVERITIES[rule.level],
        },
    }


def _invocation(story: Story) -> Json:
    """How the run went; what has no answer for another reason than its text is a notification."""
    said = [_notification(f"{f.specification}: {f.message}") for f in story.failed if not f.problems]
    said += [_notification(f"{word}: {story.left(word)}") for word in story.unfinished]
    return {
        "executionSuccessful": story.ended.complete and not said,
        "exitCode": story.ended.code,
        "toolExecutionNotifications": said,
    }


def _notification(text: str) -> Json:
    return {"level": "error", "message": {"text": _plain(printable(text))}}


def _results(said: Iterable[Remark], places: Places) -> list[Json]:
    """Results in order; of equal fingerprints the second and further ones are numbered."""
    seen: dict[str, int] = {}
    results = []
    for remark in said:
        identity = "\0".join((remark.rule.id, *remark.identity)).encode("utf-8", "backslashreplace")
        fingerprint = hashlib.blake2b(identity, digest_size=16).hexdigest()
        seen[fingerprint] = seen.get(fingerprint, 0) + 1
        results.append(_result(remark, places, f"{fingerprint}:{seen[fingerprint]}"))
    return results


def _result(remark: Remark, places: Places, fingerprint: str) -> Json:
    line = places.line_hash(remark.position.path, remark.position.line)
    result: Json = {
        "ruleId": remark.rule.id,
        "ruleIndex": list(book()).index(remark.rule.name),
        "level": remark.level,
        **({"kind": "informational"} if remark.level == "none" else {}),
        "message": {"text": _plain(remark.message)},
        "locations": [_shown(remark.position, places)],
        "partialFingerprints": {**({"primaryLocationLineHash": line} if line else {}), "meaning/v1": fingerprint},
        "properties": _properties(remark),
    }
    if remark.related:
        result["relatedLocations"] = [
            {"id": place, **_location(row.position, places, _plain(printable(row.id)))}
            for place, row in enumerate(remark.related[:MOST_RELATED], 1)
        ]
    if remark.row is not None and remark.row.witness is not None:
        result["codeFlows"] = [_flow(remark.row.witness, remark.position, places)]
    if remark.waived:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": printable(remark.waived)}]
    return result


def _properties(remark: Remark) -> Json:
    found: Json = {"specification": remark.specification, "deployment": remark.deployment}
    if remark.row is not None:
        row = remark.row
        found |= {"instruction": row.id, "sensitivity": list(map(str, row.sensitivities)), "evidence": row.evidence}
        found |= {"differs": list(map(str, row.witness.differs))} if row.witness is not None else {}
    return {key: value for key, value in found.items() if value}


def _location(position: Position, places: Places, message: str = "") -> Json:
    physical = {
        "artifactLocation": places.uri(position.path),
        "region": {"startLine": position.line, "startColumn": position.column},
    }
    return {"physicalLocation": physical, **({"message": {"text": message}} if message else {})}


def _shown(position: Position, places: Places) -> Json:
    """A location with what stands there, and the lines around it."""
    found, lines = _location(position, places), places.lines(position.path)
    physical: Json = found["physicalLocation"]
    if 0 < position.line <= len(lines) and (there := lines[position.line - 1][position.column - 1 :]):
        end = position.column + min(len(there), LONGEST_SNIPPET)
        physical["region"] |= {"endColumn": end, "snippet": {"text": there[:LONGEST_SNIPPET]}}
        first, last = max(position.line - AROUND[0], 1), min(position.line + AROUND[1], len(lines))
        around = "\n".join(lines[first - 1 : last])
        if len(around) <= LONGEST_SNIPPET * (last - first + 1):
            physical["contextRegion"] = {"startLine": first, "endLine": last, "snippet": {"text": around}}
    return found


def _flow(witness: Witness, position: Position, places: Places) -> Json:
    """The step of the virtual and of the real machine, each a thread with the state before and after."""
    machines = (
        ("virtual", witness.virtual, witness.virtual_after, witness.virtual_exit),
        ("real", witness.real, witness.real_after, witness.real_exit),
    )
    threads = []
    for name, before, after, exit_ in machines:
        steps = (
            (f"the {name} machine before {witness.assembly}", before),
            (f"the {name} machine {ending(exit_)}", after),
        )
        locations = [
            {
                "location": _location(position, places, _plain(printable(message))),
                "state": _state(values),
                "executionOrder": order,
                "importance": "essential",
            }
            for order, (message, values) in enumerate(steps, 1)
        ]
        threads.append({"id": name, "message": {"text": f"the {name} machine"}, "locations": locations})
    return {"message": {"text": "one step of the same instruction on both machines"}, "threadFlows": threads}


def _state(values: Mapping[str, StateValue]) -> Json:
    return {str(place): {"text": number(value)} for place, value in list(cells(values).items())[:MOST_CELLS]}


def _plain(text: str) -> str:
    """A message in which nothing reads as a link or as a placeholder."""
    return re.sub(r"\{(?=\d+\})", "{ ", text.replace("](", "] ("))


def reread(text: str, story: Story, manner: Manner) -> None:
    """Rows and problems stand where the run found them, in files that their URIs lead to, and no two results have one fingerprint. Raises WrongReport."""
    results = json.loads(text)["runs"][0]["results"]
    expected = facts(story, lambda path: str(whole(path)), waived=manner.waived == "keep")
    hold(expected, [fact for fact in map(_read, results) if fact.rule in SHOWN])
    prints = Counter(result["partialFingerprints"]["meaning/v1"] for result in results)
    for print_, count in prints.items():
        if count > 1:
            raise WrongReport(f"{count} results have the fingerprint {print_}")


def _read(result: Json) -> Fact:
    physical = result["locations"][0]["physicalLocation"]
    uri = physical["artifactLocation"]["uri"]
    if not _URI.fullmatch(uri):
        raise WrongReport(f"{uri!r} is no URI reference")
    path = unquote(uri.removeprefix("file://"), errors="surrogateescape")
    file = root(Path.cwd()) / path if "uriBaseId" in physical["artifactLocation"] else Path(path)
    return Fact(result["ruleId"], str(file), physical["region"]["startLine"])


FORMAT = Format(audience="code scanning and editors: SARIF 2.1.0", written="at the end", render=render, reread=reread)
