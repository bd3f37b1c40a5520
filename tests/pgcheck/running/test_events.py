"""A run as events: who hears what, that no output disturbs another, and what is written when a run is broken off."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from pgcheck.checker.check import Options
from pgcheck.checker.result import ExitCode, Finished, Judged, MachineResult, Started
from pgcheck.console import Failure, ReaderGone, write
from pgcheck.isa.machine.machine import Machine
from pgcheck.options import FORMATS
from pgcheck.reports.formats import sarif
from pgcheck.reports.writing import format_of, subscribers
from pgcheck.request import Request
from pgcheck.running import run
from pgcheck.running.events import Began, Checked, Ended, Event, Failed, Manner, Recorder, Story, Underway
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import HOLE, PLAIN, result
from tests.pgcheck.stories import BROKEN, HOSTILE, LONG, RICH, TIMELESS, WRONG, checked, hostile, story
from tests.specifications import ROOT, SMALL

POPF = SMALL / "popf.yaml"
SCHEMA = json.loads((ROOT / "pgcheck" / "result-schema.json").read_text(encoding="utf-8"))
Step = MachineResult | BaseException
Answers = Callable[..., None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Lets the checker answer so, one specification after the other, with events."""

    def give(*steps: Step) -> None:
        left = list(steps)

        def check(machine: Machine, options: Options, tell: Callable[[Any], None]) -> MachineResult:
            tell(Started(machine.identity.name, 1))
            tell(Judged("rows", "popf", "hole", 0.5))
            step = left.pop(0)
            if isinstance(step, BaseException):
                raise step
            tell(Finished(step))
            return step

        monkeypatch.setattr(run, "check", check)

    return give


def told(words: tuple[str, ...], *more: Callable[[Event], None]) -> list[Event]:
    heard: list[Event] = []
    run.each(words, Request(Options()), [heard.append, *more], ())
    return heard


def kinds(events: list[Event]) -> list[str]:
    return [type(e.event if isinstance(e, Underway) else e).__name__ for e in events]


# ---- what is told


def test_a_run_is_told_in_order(answers: Answers, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: machine\n")
    answers(result(HOLE, theorem1="fails"))
    heard = told(("pg74", str(wrong)))
    assert kinds(heard) == ["Began", "Started", "Judged", "Finished", "Checked", "Failed", "Ended"]
    began, failed, ended = heard[0], heard[-2], heard[-1]
    assert began == Began(("pg74", str(wrong)), "theorem1")
    assert all(e.specification == "pg74" for e in heard if isinstance(e, (Underway, Checked)))
    assert (
        isinstance(heard[4], Checked) and heard[4].code == ExitCode.REFUTED and heard[4].machine.identity.name == "pg74"
    )
    assert (
        isinstance(failed, Failed) and failed.code == ExitCode.USAGE and failed.problems[0].position.path == str(wrong)
    )
    assert isinstance(ended, Ended) and (ended.code, ended.complete) == (2, True) and "z3-solver" in ended.versions


def test_an_error_of_ours_is_told_as_one(answers: Answers) -> None:
    answers(ZeroDivisionError("by zero"), result())
    heard = told(("pg74", "pg74"))
    (failed,) = [e for e in heard if isinstance(e, Failed)]
    assert (failed.message, failed.problems, failed.code) == ("ZeroDivisionError: by zero", (), ExitCode.INTERNAL)
    assert kinds(heard)[-2:] == ["Checked", "Ended"]


@pytest.mark.parametrize("error, code", [(KeyboardInterrupt(), 130), (SystemExit(143), 143), (GeneratorExit(), 4)])
def test_a_run_that_is_broken_off_still_ends(answers: Answers, error: BaseException, code: int) -> None:
    answers(result(HOLE), error)
    heard: list[Event] = []
    with pytest.raises(type(error)):
        run.each(("pg74", "pg74"), Request(Options()), [heard.append], ())
    assert kinds(heard)[-3:] == ["Started", "Judged", "Ended"]
    assert isinstance(heard[-1], Ended) and (heard[-1].code, heard[-1].complete) == (code, False)


def test_a_word_that_means_no_file_is_told(answers: Answers) -> None:
    heard: list[Event] = []
    with pytest.raises(Failure):
        run.each(("pg74", "nowhere"), Request(Options()), [heard.append], ())
    assert kinds(heard) == ["Began", "Failed", "Ended"]
    assert (
        isinstance(heard[1], Failed) and heard[1].specification == "nowhere" and "no specification" in heard[1].message
    )


def test_one_that_fails_disturbs_no_other(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(event: Event) -> None:
        if isinstance(event, Checked):
            raise Failure("this one is full")

    heard: list[Event] = []
    answers(result())
    code = run.each(("pg74",), Request(Options()), [broken, heard.append], ())
    assert kinds(heard)[-2:] == ["Checked", "Ended"]
    assert code == ExitCode.USAGE and capsys.readouterr().err == "Error: this one is full\n"


def test_when_a_reader_goes_the_others_are_told_the_end(answers: Answers) -> None:
    def gone(event: Event) -> None:
        if isinstance(event, (Checked, Ended)):
            raise ReaderGone

    heard: list[Event] = []
    answers(result(), result())
    with pytest.raises(ReaderGone):
        run.each(("pg74", "pg74"), Request(Options()), [gone, heard.append], ())
    assert kinds(heard)[-2:] == ["Checked", "Ended"] and kinds(heard).count("Ended") == 1
    assert isinstance(heard[-1], Ended) and (heard[-1].code, heard[-1].complete) == (141, False)


def test_a_story_knows_what_is_unfinished() -> None:
    told_ = story(checked(result()), WRONG, words=("late", "later"), complete=False)
    assert [c.specification for c in told_.checked] == ["toy"] and told_.failed == (WRONG,)
    assert told_.unfinished == ("late", "later")
    assert story(checked(result())).unfinished == ()


def test_the_same_word_twice_is_two_checks() -> None:
    recorder = Recorder()
    for event in (Began(("toy", "toy"), "theorem1"), checked(result())):
        recorder(event)
    assert recorder.story(Ended(0, {}, False)).unfinished == ("toy",)


# ---- what is written


def test_several_outputs_come_from_one_run(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result(HOLE, theorem1="fails")
    asked = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    ran = pgcheck("pg74", "--no-timing", *asked, "--output", "github")
    assert ran.code == 1 and answer.asked is not None and len(answer.asked) == 1
    plain, _, commands = ran.out.partition("::error")
    assert plain == pgcheck("pg74", "--no-timing").out == (tmp_path / "text").read_text()
    assert "::error" + commands == (tmp_path / "github").read_text()
    assert json.loads((tmp_path / "json").read_text())["theorem1"]["status"] == "fails"
    assert json.loads((tmp_path / "sarif").read_text())["version"] == "2.1.0"
    assert ElementTree.parse(tmp_path / "junit").getroot().tag == "testsuites"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_standard_output(pgcheck: Pgcheck, answer: Answer, tmp_path: Path, name: str) -> None:
    answer.result = result(HOLE, theorem1="fails")
    ran = pgcheck("pg74", "--no-timing", "--format", name, "--output", f"{name}={tmp_path / 'file'}")
    assert ran.out == (tmp_path / "file").read_text() and ran.out


def test_commands_for_github_do_not_spoil_a_document(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result(HOLE)
    ran = pgcheck("pg74", "--format", "json", "--output", "github")
    assert json.loads(ran.out) and ran.err.startswith("::error file=")


@pytest.mark.parametrize(
    "word, said",
    [
        ("junt=x", "no format 'junt'; did you mean 'junit'?"),
        ("zzz=x", "it is one of github, html, json, junit, map, sarif, text"),
        ("junit", "write junit=FILE; --format junit prints it"),
        ("junit=", "write junit=FILE"),
        ("", "no format ''"),
    ],
)
def test_a_wrong_output_stops_the_run_before_anything_is_checked(
    pgcheck: Pgcheck, answer: Answer, word: str, said: str
) -> None:
    ran = pgcheck("pg74", "--output", word)
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1 and answer.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", [n for n in FORMATS if n != "github"])
@pytest.mark.parametrize("place", ["/dev/full", "/nowhere/file", "FOLDER"])
def test_an_output_that_cannot_be_written_is_a_line(
    pgcheck: Pgcheck, answer: Answer, tmp_path: Path, name: str, place: str
) -> None:
    answer.result = result(*PLAIN)
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    file = place if place != "FOLDER" else str(tmp_path / "folder")
    ran = pgcheck("pg74", "--output", f"{name}={file}", "--output", f"junit={tmp_path / 'other'}")
    assert ran.code == 2 and ran.err.startswith(f"Error: cannot write {file}: ") and ran.err.count("\n") == 1
    assert "Theorem 1" in ran.out and (tmp_path / "other").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "other"]


def test_an_output_of_ours_that_breaks_leaves_the_file_as_it_was(
    pgcheck: Pgcheck, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(story: Story, manner: Manner) -> str:
        raise ZeroDivisionError("by zero")

    answer.result = result(*PLAIN)
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(sarif, "FORMAT", replace(sarif.FORMAT, render=broken))
    ran = pgcheck("pg74", "--output", f"sarif={tmp_path / 'a'}", "--output", f"junit={tmp_path / 'b'}")
    assert ran.code == 4 and ran.err.startswith("Internal error: ZeroDivisionError: by zero")
    assert (tmp_path / "a").read_text() == "old" and (tmp_path / "b").exists() and "Theorem 1" in ran.out


def test_a_pipe_and_a_device_are_written_to(tmp_path: Path) -> None:
    read, end = os.pipe()
    write(Path(f"/dev/fd/{end}"), "text")
    os.close(end)
    assert os.read(read, 100) == b"text"
    os.close(read)
    write(Path(os.devnull), "text")
    assert not Path(os.devnull).is_file()


def test_standard_output_by_name_keeps_what_was_printed(spawn: Pgcheck, tmp_path: Path) -> None:
    with open(tmp_path / "out", "w") as file:
        ran = spawn(
            POPF,
            "--only",
            "popf",
            "--output",
            "github=/dev/stdout",
            stdout=file,
            stderr=subprocess.PIPE,
            capture_output=False,
        )
    assert (ran.code, ran.err) == (1, "")
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[0].startswith("popf: ") and lines[-1].startswith("::notice")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


# ---- a run that ends early


def test_what_is_known_is_written_when_a_run_is_interrupted(pgcheck: Pgcheck, answers: Answers, tmp_path: Path) -> None:
    answers(result(HOLE, theorem1="fails"), KeyboardInterrupt())
    asked = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    ran = pgcheck("pg74", POPF, *asked)
    assert (ran.code, ran.err) == (130, "Interrupted.\n") and "Theorem 1" in ran.out
    document = json.loads((tmp_path / "json").read_text())
    assert document["incomplete"] and document["unfinished"] == [str(POPF)] and len(document["results"]) == 1
    (invocation,) = json.loads((tmp_path / "sarif").read_text())["runs"][0]["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 130)
    suites = ElementTree.parse(tmp_path / "junit").getroot()
    assert [(s.get("name"), s.get("errors")) for s in suites] == [("toy.default", "0"), (str(POPF), "1")]
    for name in ("text", "github"):
        assert f"{POPF}: broken off; 1 row judged so far" in (tmp_path / name).read_text()


def test_a_wrong_specification_is_in_every_output(pgcheck: Pgcheck, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: machine\n")
    asked = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    ran = pgcheck(wrong, *asked)
    assert (ran.code, ran.out) == (2, "")
    for name in FORMATS:
        assert str(wrong) in (tmp_path / name).read_text()
    document = json.loads((tmp_path / "json").read_text())
    assert document["errors"][0]["problems"][0]["location"]["file"] == str(wrong) and "incomplete" not in document


def test_a_word_that_means_nothing_is_in_every_output(pgcheck: Pgcheck, tmp_path: Path) -> None:
    asked = [f"--output={name}={tmp_path / name}" for name in FORMATS]
    ran = pgcheck("pg74", "nowhere.yaml", *asked)
    assert (ran.code, ran.out) == (2, "") and ran.err.count("\n") == 1
    assert all("nowhere.yaml" in (tmp_path / name).read_text() for name in FORMATS)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_signal_leaves_whole_files(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pgcheck",
            POPF,
            "i386",
            "-j1",
            "--no-cache",
            "--only",
            "po*",
            "--only",
            "m*",
            "--output",
            f"json={tmp_path / 'j'}",
            "--output",
            f"sarif={tmp_path / 's'}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None and process.stdout.readline().startswith("popf:")
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == code
    document = json.loads((tmp_path / "j").read_text())
    assert [r["spec"]["name"] for r in document["results"]] == ["popf"] and document["unfinished"] == ["i386"]
    assert json.loads((tmp_path / "s").read_text())["runs"][0]["invocations"][0]["exitCode"] == code
    assert sorted(p.name for p in tmp_path.iterdir()) == ["j", "s"]


def test_a_reader_that_goes_away_leaves_whole_files(spawn: Pgcheck, tmp_path: Path) -> None:
    ends = os.pipe()
    os.close(ends[0])
    ran = spawn(
        POPF,
        "--only",
        "popf",
        "--output",
        f"json={tmp_path / 'j'}",
        stdout=ends[1],
        stderr=subprocess.PIPE,
        capture_output=False,
    )
    os.close(ends[1])
    assert (ran.code, ran.err) == (141, "")
    document = json.loads((tmp_path / "j").read_text())
    assert document["incomplete"] and len(document["results"]) == 1


# ---- JSON and text of a whole run


@pytest.mark.parametrize("complete", [True, False])
def test_the_json_of_every_run_satisfies_the_schema(complete: bool) -> None:
    words = () if complete else ("late",)
    for events in ([checked(RICH)], [checked(RICH), checked(RICH)], [checked(RICH), WRONG, BROKEN], [WRONG]):
        document = json.loads(format_of("json").render(story(*events, complete=complete, words=words), Manner()))
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        assert ("incomplete" in document) == (not complete)
        assert ("errors" in document) == (not complete or WRONG in events)


def test_the_schema_wants_errors_whole() -> None:
    document = json.loads(format_of("json").render(story(WRONG), Manner()))
    del document["errors"][0]["problems"][0]["hint"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


@pytest.mark.parametrize("name", ["text", "json"])
@pytest.mark.parametrize("text", [HOSTILE, LONG], ids=["hostile", "long"])
def test_whatever_a_specification_says_it_can_be_written(name: str, text: str, tmp_path: Path) -> None:
    write(tmp_path / "file", format_of(name).render(hostile(text=text), TIMELESS))
    assert (tmp_path / "file").read_text(encoding="utf-8")


def test_subscribers_are_one_for_each_output(tmp_path: Path) -> None:
    assert len(subscribers("text", (), Manner())) == 1
    assert len(subscribers("json", ("github", f"sarif={tmp_path / 'a=b'}"), Manner())) == 3


# ---- places of what has none


def test_findings_stand_where_their_subject_is_declared(tmp_path: Path) -> None:
    from pgcheck.reports.declared import declarations, place

    found = declarations(str(ROOT / "specs" / "riscv64.yaml"))
    text = (ROOT / "specs" / "riscv64.yaml").read_text().splitlines()
    position = place(found, "vmm_in_m: nothing")
    assert position is not None and text[position.line - 1].strip() == "vmm_in_m:"
    field = place(found, "mstatus.MXR")
    assert field is not None and Path(field.path).read_text().splitlines()[field.line - 1].strip().startswith("MXR:")
    whole = place(found, "mstatus.UNHEARD")
    assert whole is not None and Path(whole.path).read_text().splitlines()[whole.line - 1].startswith("  mstatus:")
    function = place(declarations(str(ROOT / "specs" / "pg74.yaml")), "load_real_address")
    assert function is not None
    line = (ROOT / "specs" / "pg74.yaml").read_text().splitlines()[function.line - 1]
    assert line[function.column - 1 :].startswith("load_real_address {")
    assert place(found, "nothing") is None
    (tmp_path / "wrong.yaml").write_text("[")
    assert (
        declarations(str(tmp_path / "wrong.yaml"))
        == declarations(str(tmp_path / "gone.yaml"))
        == declarations("\0")
        == {}
    )
