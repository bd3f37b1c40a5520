"""Campaigns from the command line: the policy, the log on standard output, progress on standard error, the report."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click

from pgcheck import __version__, console
from pgcheck.checker.campaign import finding, runner
from pgcheck.checker.campaign.batches import share
from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.cases.layout import TooSmall, layout
from pgcheck.checker.campaign.pairs import coverage
from pgcheck.checker.campaign.pairs.account import EVENTS, absent, possible, told
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.policies import policy_from, policy_values
from pgcheck.checker.campaign.runner import Campaign, Done, Found, Plan, Tick
from pgcheck.checker.campaign.store import VERSION, BadStore, Store
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.checker.check import solver_for
from pgcheck.checker.result import ExitCode
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts import result_cache
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.files.cache import Cache, default_folder
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.machine.machine import Machine
from pgcheck.machines import batched
from pgcheck.request import Request
from pgcheck.running import progress, run
from pgcheck.running.finding import loaded
from pgcheck.shipped import shipped
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.translate import Unmappable

WIDTH: Final = 80
EVERY: Final = 0.2
SCHEMA: Final = "2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzRequest:
    """What the command line asks for."""

    properties: tuple[str, ...] = ()
    cases: int | None = None
    seconds: float | None = None
    seed: str = "0"
    resume: bool = False
    database: Path | None = None
    tests: Path | None = None
    monitor: Kind | None = None
    force: bool = False
    json: bool = False


@dataclass(slots=True)
class Tally:
    """What a campaign has done so far, by property; `cramped` are those that it left out for want of memory."""

    cramped: tuple[str, ...] = ()
    cases: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)

    def add(self, done: Done) -> None:
        shard = done.shard
        for table, more in ((self.cases, shard.cases), (self.steps, shard.steps), (self.excluded, shard.excluded)):
            table[shard.property] = table.get(shard.property, 0) + more


def run_campaign(machine: Machine, request: Request, asked: FuzzRequest) -> ExitCode:
    """Run a campaign. Raises Failure."""
    machine = run.about(machine, request.deployment)
    chosen = _properties(machine, asked.properties)
    found = _policy(machine, request, asked)
    path = asked.database or _default()
    try:
        author = Author(machine, found)
        cramped = _cramped(author, chosen, asked)
        chosen = tuple(p for p in chosen if p.id not in cramped)
        store = Store(path)
        try:
            return _campaign(author, chosen, asked, store, Tally(cramped))
        finally:
            store.close()
    except BadStore as error:
        raise console.Failure(str(error)) from None
    except Unmappable as error:
        raise console.Failure(f"guests of {machine.identity.name} cannot be run: {error}") from None


def replay_finding(text: str, path: str, spec: str | None) -> ExitCode:
    """Run a finding's cases again and say what happened; 0 if it fails as it did. Raises Failure."""
    try:
        document = finding.read(text, path)
        machine = loaded(spec or document["specification"])
        outcome = finding.again(machine, document, path)
    except (finding.BadFinding, Unmappable) as error:
        raise console.Failure(str(error)) from None
    failure = outcome.failure
    console.say("\n".join(textwrap.wrap(document["identity"], WIDTH)))
    if failure is None:
        console.say(f"  does not happen again: {len(outcome.log)} steps without a failure")
        return ExitCode.REFUTED
    same = failure.identity == document["identity"]
    console.say(f"  {'happens again' if same else 'fails otherwise: ' + failure.identity}")
    console.say(f"  step {failure.step}: {failure.seen}")
    return ExitCode.PROVED if same else ExitCode.REFUTED


def _campaign(author: Author, chosen: tuple[Property, ...], asked: FuzzRequest, store: Store, tally: Tally) -> ExitCode:
    machine = author.machine
    try:
        plan = Plan(chosen, asked.seed, asked.cases, asked.seconds)
    except ValueError as error:
        raise console.Failure(f"{error}: use --cases or --seconds") from None
    campaign = Campaign(
        author, author.policy, plan, store, __version__, asked.resume, share=batched.share_of(author, chosen)
    )
    meter, known = _Meter(), 0
    try:
        for event in campaign.run():
            match event:
                case Tick(property=name):
                    meter.tick(name)
                case Found():
                    meter.clear()
                    _say(asked, _line(event))
                    _write_test(machine, asked, event)
                case Done(shard=shard, skipped=skipped):
                    known += shard.cases if skipped and shard.property != share.NAME else 0
                    tally.add(event)
                    meter.clear()
                    _say(asked, _shard(shard))
    except (KeyboardInterrupt, SystemExit):
        meter.end()
        click.echo("stopped; --resume goes on from the last whole shard", err=True)
        console.say(_json(campaign, tally) if asked.json else "\n" + _report(campaign, tally))
        raise
    meter.end()
    if known:
        click.echo(f"{known} cases taken from {store.path}", err=True)
    console.say(_json(campaign, tally) if asked.json else "\n" + _report(campaign, tally))
    if campaign.findings:
        return ExitCode.REFUTED
    vain = tally.cases.get(share.NAME, 0) > 0 and not campaign.batched[runner.COMPARED]
    unknown = campaign.unmet() or vain or any(not tally.cases.get(p.id) for p in chosen)
    return ExitCode.UNKNOWN if unknown else ExitCode.PROVED


def _say(asked: FuzzRequest, line: str) -> None:
    if not asked.json:
        console.say(line)
        console.flush()


def _line(event: Found) -> str:
    failure = event.failure
    text = f"FOUND {failure.identity}: case {event.number}, step {failure.step}: {failure.seen}"
    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="  "))


def _shard(shard: Any) -> str:
    size = share.SHARD if shard.property == share.NAME else runner.SHARD
    last = shard.number * size + shard.cases - 1
    parts = [f"{shard.cases} cases, {shard.steps} steps"]
    if left := shard.events.get(runner.ASIDE):
        parts.append(f"{left} not run there")
    if shard.excluded:
        parts.append(f"{shard.excluded} left open by the specification")
    if shard.found:
        parts.append(f"{len(shard.found)} kind{'s' if len(shard.found) > 1 else ''} of failure")
    return f"{shard.property} {shard.number * size}-{last}: {', '.join(parts)}"


def _report(campaign: Campaign, tally: Tally) -> str:
    machine, seen = campaign.author.machine, campaign.coverage
    cases, steps = (sum(n for name, n in table.items() if name != share.NAME) for table in (tally.cases, tally.steps))
    number = len(campaign.findings)
    headline = (
        f"{machine.identity.name}, {campaign.policy.deployment}, {campaign.policy.kind.title}: {number or 'no'} finding{'' if number == 1 else 's'} in "
        f"{cases} cases, {steps} steps (seed {campaign.plan.seed})"
    )
    lines = [*textwrap.wrap(headline, WIDTH, subsequent_indent="  "), ""]
    here = [len(seen.seen(mode)) for mode in ("", "supervisor", "user")]
    whole = len(coverage.rows(machine))
    lines.append(f"Coverage: {here[0]} of {whole} rows, {here[1]} in supervisor mode, {here[2]} in user mode")
    lines.append(f"  {'steps ended in':24}{'supervisor':>12}{'user':>12}")
    lines += [f"  {name:24}{first:12}{second:12}" for name, first, second in seen.table()]
    happened = _happened(campaign)
    lines += ["", "How often", *(f"{number:12}  {EVENTS[name].title}" for name, number in happened.items()), ""]
    if tally.cases.get(share.NAME):
        lines += [
            *textwrap.wrap(batched.shown(campaign, tally.cases, tally.excluded), WIDTH, subsequent_indent="  "),
            "",
        ]
    unseen = seen.unseen()
    if unseen:
        shown = ", ".join(unseen[:60]) + (f" and {len(unseen) - 60} more" if len(unseen) > 60 else "")
        lines += textwrap.wrap(f"Never run: {shown}", WIDTH, subsequent_indent="  ")
    empty = [p.id for p in campaign.plan.properties if not tally.cases.get(p.id)]
    if empty:
        lines.append(f"Not one whole shard of {', '.join(empty)}: nothing is known of them")
    for name, subject in campaign.unmet().items():
        if name not in empty:
            lines += textwrap.wrap(f"{name} never met what it is about: {told(subject)}", WIDTH, subsequent_indent="  ")
    if apart := _apart(machine, campaign.plan.properties):
        lines += textwrap.wrap(f"Not asked, as the machine has nothing they are about: {', '.join(apart)}", WIDTH)
    if tally.cramped:
        lines += textwrap.wrap(f"Not asked, as the machine has no room for it: {', '.join(tally.cramped)}", WIDTH)
    for identity in campaign.findings:
        lines += ["", *textwrap.wrap(identity, WIDTH), *_program(campaign.findings[identity])]
    return "\n".join(lines)


def _happened(campaign: Campaign) -> dict[str, int]:
    """How often each event came that there is on the machine, in all properties."""
    events = campaign.events.values()
    return {name: sum(seen[name] for seen in events) for name in possible(campaign.author.machine, campaign.policy)}


def _apart(machine: Machine, chosen: tuple[Property, ...]) -> list[str]:
    """The properties that run by default on other machines, and are not among those chosen here."""
    return [p.id for p in PROPERTIES.values() if p.default and p not in chosen and absent(p.subject, machine)]


def _program(file: str) -> list[str]:
    """What a person wants to see of a finding."""
    document = json.loads(file)
    failure = document["failure"]
    where = f"  step {failure['step']}: {failure['seen']}"
    return [
        *textwrap.wrap(where, WIDTH, initial_indent="", subsequent_indent="    "),
        "  programs:",
        *(f"    {line}" for line in _listed(document["programs"])[:24]),
    ]


def _listed(programs: list[str]) -> list[str]:
    """The lines of programs; of an instruction that comes again and again the first, and up to where."""
    lines: list[str] = []
    for _, same in groupby(programs, key=lambda line: line.partition(": ")[2]):
        first, *again = same
        lines.append(first)
        if again:
            lines.append(f"... to {again[-1].partition(': ')[0]}")
    return lines


def _json(campaign: Campaign, tally: Tally) -> str:
    machine, unmet = campaign.author.machine, campaign.unmet()
    return json.dumps(
        {
            "schema_version": SCHEMA,
            "specification": {"name": machine.identity.name, "digest": machine.identity.digest},
            "tool": {"version": __version__, "generator": runner.GENERATOR},
            "deployment": campaign.policy.deployment,
            "monitor": campaign.policy.kind.title,
            "seed": campaign.plan.seed,
            "properties": [
                {
                    "id": p.id,
                    "law": p.title,
                    "cases": tally.cases.get(p.id, 0),
                    "steps": tally.steps.get(p.id, 0),
                    "left_open": tally.excluded.get(p.id, 0),
                    "events": dict(sorted(campaign.events[p.id].items())),
                    "never_met": told(unmet.get(p.id, ())),
                }
                for p in campaign.plan.properties
            ],
            "batches": {"cases": tally.cases.get(share.NAME, 0), **campaign.batched},
            "not_asked": [*_apart(machine, campaign.plan.properties), *tally.cramped],
            "events": _happened(campaign),
            "findings": [json.loads(file) for file in campaign.findings.values()],
            "coverage": [[*cell, n] for cell, n in sorted(campaign.coverage.cells.items())],
            "never_run": list(campaign.coverage.unseen()),
        },
        indent=1,
    )


def _write_test(machine: Machine, asked: FuzzRequest, event: Found) -> None:
    """The finding as a file and a test beside it. Raises Failure."""
    if asked.tests is None:
        return
    folder = console.folder(asked.tests)
    name = finding.name(event.failure.identity)
    console.write(folder / f"{name}.json", event.file)
    path = Path(machine.identity.path).resolve()
    own = None if shipped(machine.identity.name) == path else os.path.relpath(path, folder.resolve())
    console.write(folder / f"test_{name}.py", finding.pytest_case(f"{name}.json", event.failure.identity, own))


def _properties(machine: Machine, words: tuple[str, ...]) -> tuple[Property, ...]:
    """The properties that the words name; by default all that a machine has something for. Raises Failure."""
    chosen: dict[str, Property] = {}
    for word in words or [p.id for p in PROPERTIES.values() if p.default and not absent(p.subject, machine)]:
        name = word.upper()
        if name not in PROPERTIES:
            hint = did_you_mean(name, PROPERTIES) or f"there are {', '.join(PROPERTIES)}"
            raise console.Failure(f"no property '{word}'; {hint}")
        chosen[name] = PROPERTIES[name]
    return tuple(chosen.values())


def _cramped(author: Author, chosen: tuple[Property, ...], asked: FuzzRequest) -> tuple[str, ...]:
    """The properties that the machine's memory has no room for. Raises Failure where they were named, or are all."""
    ground = Ground(author)
    found = tuple(p.id for p in chosen if not ground.room(p.guests, p.depth))
    if found and (asked.properties or len(found) == len(chosen)):
        raise console.Failure(f"{author.machine.identity.name} has no room for the guests of {', '.join(found)}")
    return found


def _default() -> Path:
    """Where campaigns are kept unless told otherwise: those of another version lie beside. Raises Failure."""
    try:
        return console.folder(default_folder()) / f"campaigns-{VERSION}.sqlite"
    except RuntimeError as error:
        raise console.Failure(f"no folder for campaigns: {error}; use --database") from None


def _policy(machine: Machine, request: Request, asked: FuzzRequest) -> Policy:
    """The policy to run under. Raises Failure when the machine has none, or no room for one."""
    try:
        layout(machine)
    except TooSmall as error:
        raise console.Failure(str(error)) from None
    wanted = (asked.monitor,) if asked.monitor is not None else tuple(kinds().values())[: 1 if asked.force else None]
    name = request.deployment or machine.deployments[0].name
    cache = Cache() if request.options.cache else None
    forced = " by force" if asked.force else ""
    under = f"{name} under {' or '.join(kind.name for kind in wanted)}{forced}"
    key = f"policy {result_cache.key(machine, request.options)} {under}"
    kept = cache.get(key) if cache is not None else None
    if kept is not None:
        return policy_from(machine, json.loads(kept))
    result = run.judged(machine, request)
    evidence = Evidence(solver_for(request.options), second=False)
    refused: list[str] = []
    for kind in wanted:
        try:
            found = policy(machine, result.deployments[0], evidence, kind, force=asked.force)
        except NoMonitor as error:
            refused.append(str(error))
            continue
        if cache is not None:
            cache.put(key, json.dumps(policy_values(found)))
        return found
    raise console.Failure(
        f"no monitor for {machine.identity.name}: {'; '.join(refused)}; --force runs one all the same"
    )


class _Meter:
    """Cases and rate on a terminal's standard error, and one line of them at the end."""

    def __init__(self) -> None:
        self.shown = progress.wanted()
        self.start = self.last = time.monotonic()
        self.cases = 0

    def tick(self, name: str) -> None:
        self.cases += 1
        now = time.monotonic()
        if self.shown and now - self.last >= EVERY:
            self.last = now
            text = f"{name}: {self.cases} cases, {self.rate(now):.0f} a second"
            print(f"\r{text[: WIDTH - 1]:{WIDTH - 1}}", end="", file=sys.stderr, flush=True)

    def rate(self, now: float) -> float:
        return self.cases / max(now - self.start, 1e-9)

    def clear(self) -> None:
        if self.shown:
            print(f"\r{'':{WIDTH - 1}}\r", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        self.clear()
        now = time.monotonic()
        click.echo(f"{self.cases} cases in {now - self.start:.1f} s, {self.rate(now):.0f} a second", err=True)
