"""`pgcheck fuzz`: one log for one seed, findings that outlive the process, refusals in a sentence."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgcheck.checker.campaign.store import APPLICATION
from pgcheck.vmm.kind import kinds
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import ROOT, SMALL

POPF = SMALL / "popf.yaml"
FEW = ("--cases", "20", "--property", "EQ2", "--property", "EQ3")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path_factory.getbasetemp() / "fuzz-cache"))


def process(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pgcheck", "fuzz", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_right_machine_passes_and_says_what_was_exercised(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("fuzz", "pg74", *FEW, "--database", tmp_path / "c.sqlite")
    assert ran.code == 0 and "no findings in 40 cases" in ran.out and "of 30 rows" in ran.out
    assert "completed" in ran.out and "supervisor" in ran.out and "cases in" in ran.err
    assert max(map(len, ran.out.splitlines())) <= 80


def test_a_machine_with_a_hole_has_no_monitor_unless_forced(pgcheck: Pgcheck, tmp_path: Path) -> None:
    refused = pgcheck("fuzz", POPF, *FEW, "--monitor", "type1", "--database", tmp_path / "c.sqlite")
    assert refused.code == 2 and "monitor fails on popf" in refused.err and "--force" in refused.err
    found = pgcheck("fuzz", POPF, "--force", "--cases", "200", "--property", "EQ2", "--database", tmp_path / "c.sqlite")
    assert found.code == 1 and "FOUND EQ2 popf" in found.out


def test_theorem_3_gives_the_same_machine_a_hybrid_monitor(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("fuzz", POPF, *FEW, "--database", tmp_path / "c.sqlite")
    assert ran.code == 0 and "hybrid: no findings" in ran.out


@pytest.mark.parametrize("name", ["tables_mapped", "saved_arrays"])
def test_tables_that_are_mapped_themselves_and_arrays_of_saved_state_are_machines_like_any(
    pgcheck: Pgcheck, name: str, tmp_path: Path
) -> None:
    path = SMALL / "campaigns" / f"{name}.yaml"
    ran = pgcheck("fuzz", path, "--force", "--cases", "24", "--jobs", "1", "--database", tmp_path / "c.sqlite")
    assert ran.code == 0 and "no findings in" in ran.out and " memory " in ran.out


@pytest.mark.parametrize("command", ["fuzz", "prove-monitor"])
def test_tables_that_cannot_be_filled_are_said(pgcheck: Pgcheck, command: str, tmp_path: Path) -> None:
    text = (SMALL / "campaigns" / "tables_mapped.yaml").read_text("utf-8")
    odd = "({SBR, 8'd0} ^ 16'h5500) + {8'd0, a[14:8], 1'b0}"
    path = tmp_path / "odd.yaml"
    path.write_text(text.replace("{SBR, a[14:8], 1'b0}", odd), "utf-8")
    more = ("--database", tmp_path / "c.sqlite") if command == "fuzz" else ("--only", "ld")
    ran = pgcheck(command, path, "--force", "--jobs", "1", *more)
    assert ran.code == (2 if command == "fuzz" else 3)
    assert "no relocation leaf of tables_mapped holds the address of the first page table" in ran.err


GUESTED = """include: [pg74]
name: guested
title: The guest's states are not all states
deployments:
  below: {guest: "M == 0 || M == 1", real_mode: 1}
"""


@pytest.mark.parametrize("kind", ["type1", "hybrid"])
def test_a_policy_that_was_kept_is_of_the_kind_that_was_asked_for(pgcheck: Pgcheck, tmp_path: Path, kind: str) -> None:
    """The second campaign takes its policy from the cache."""
    (tmp_path / "guested.yaml").write_text(GUESTED)
    asked = ("fuzz", tmp_path / "guested.yaml", *FEW, "--monitor", kind, "--database", tmp_path / "c.sqlite")
    first, second = pgcheck(*asked), pgcheck(*asked)
    assert f"guested, below, {kinds()[kind].title}: no findings" in first.out and second.out == first.out


def test_the_same_seed_gives_the_same_bytes_whatever_hashing_does(tmp_path: Path) -> None:
    outputs = []
    for number, seed in enumerate(("0", "1", "2")):
        asked = (POPF, "--force", "--cases", "160", "--property", "EQ2", "--database", tmp_path / f"{number}.sqlite")
        child = process(*asked, PYTHONHASHSEED=seed)
        outputs.append(child.communicate()[0])
    assert outputs[0] == outputs[1] == outputs[2] and "FOUND" in outputs[0]


def test_another_seed_is_another_campaign(pgcheck: Pgcheck, tmp_path: Path) -> None:
    first, second = (pgcheck("fuzz", "pg74", *FEW, "--seed", s, "--database", tmp_path / "c.sqlite").out for s in "xy")
    assert first != second


def test_time_cuts_the_log_and_changes_nothing_in_it(pgcheck: Pgcheck, tmp_path: Path) -> None:
    asked = ("fuzz", POPF, "--force", "--property", "EQ2", "--property", "EQ3", "--database", tmp_path / "c.sqlite")
    whole = pgcheck(*asked, "--cases", "800").out.split("\n\n")[0].splitlines()
    part = pgcheck(*asked, "--seconds", "2").out.split("\n\n")[0].splitlines()
    assert part and part == whole[: len(part)]


def test_a_campaign_without_one_whole_shard_is_no_pass(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("fuzz", "pg74", "--seconds", "0.1", "--database", tmp_path / "c.sqlite")
    assert ran.code == 3 and "nothing is known of them" in ran.out


def test_a_property_that_never_met_its_subject_is_no_pass(pgcheck: Pgcheck, tmp_path: Path) -> None:
    """The machine has no interrupts; one case in which the guest stays in supervisor mode runs nothing of a hybrid's on the processor."""
    small = SMALL / "campaigns" / "sixty_four.yaml"
    asked = ("fuzz", small, "--cases", "8", "--database", tmp_path / "c.sqlite")
    ran = pgcheck(*asked, "--property", "IR1", "--property", "EQ2")
    assert ran.code == 3 and "no findings" in ran.out
    assert "IR1 never met what it is about: an interrupt was delivered" in ran.out and "EQ2 never" not in ran.out
    assert pgcheck(*asked, "--property", "EQ2").code == 0
    document = json.loads(pgcheck(*asked, "--property", "IR1", "--json").out)
    assert document["properties"][0]["never_met"] == "an interrupt was delivered to a guest"


def test_what_a_machine_of_64_units_has_nothing_for_is_not_asked(pgcheck: Pgcheck, tmp_path: Path) -> None:
    small = SMALL / "campaigns" / "sixty_four.yaml"
    asked = ("fuzz", small, "--cases", "32", "--database", tmp_path / "c.sqlite")
    ran = pgcheck(*asked)
    assert ran.code == 0 and "has nothing they are about: SH2, IR1, DV1, DV2" in ran.out
    assert "the processor was given another base and limit" in ran.out


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_there_is_no_campaign_without_a_limit(pgcheck: Pgcheck, tmp_path: Path, seconds: str) -> None:
    ran = pgcheck("fuzz", "pg74", "--seconds", seconds, "--property", "EQ2", "--database", tmp_path / "c.sqlite")
    assert ran.code == 2 and "Invalid value for '--seconds'" in ran.err


def test_json_is_one_document(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck(
        "fuzz", POPF, "--force", "--cases", "200", "--property", "EQ2", "--json", "--database", tmp_path / "c.sqlite"
    )
    document = json.loads(ran.out)
    assert document["specification"]["name"] == "popf" and document["seed"] == "0"
    assert [(p["id"], p["cases"]) for p in document["properties"]] == [("EQ2", 200)]
    assert document["batches"]["compared"] > document["batches"]["differing"] > 0
    assert document["findings"] and document["findings"][0]["kind"] == "finding" and document["coverage"]


def test_a_finding_is_written_with_a_test_that_fails_and_is_replayed(pgcheck: Pgcheck, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    asked = (
        "--force",
        "--cases",
        "200",
        "--property",
        "EQ2",
        "--database",
        tmp_path / "c.sqlite",
        "--write-test",
        folder,
    )
    assert pgcheck("fuzz", POPF, *asked).code == 1
    file = sorted(folder.glob("*.json"))[0]
    again = pgcheck("replay", file, "--spec", POPF)
    assert again.code == 0 and "happens again" in again.out
    other = pgcheck("replay", file, "--spec", "m68010")
    assert other.code == 2 and "does not fit m68010" in other.err
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file.with_name(f"test_{file.stem}.py"))]
    kept = subprocess.run(test, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert kept.returncode == 1 and "AssertionError: " in kept.stdout
    document = json.loads(file.read_text())
    document["cases"][0]["stores"] = []
    file.write_text(json.dumps(document))
    assert pgcheck("replay", file, "--spec", POPF).code == 1
    assert subprocess.run(test, cwd=ROOT, capture_output=True, timeout=120, check=False).returncode == 0


def test_results_of_another_version_are_left_alone(
    pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier version has left in the cache folder is in nobody's way; a database that is named must fit."""
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path))
    old = tmp_path / "campaigns.sqlite"
    with sqlite3.connect(old) as connection:
        connection.executescript(f"CREATE TABLE t (x); PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")
    before = old.read_bytes()
    assert pgcheck("fuzz", "pg74", "--cases", "5", "--property", "EQ2").code == 0
    refused = pgcheck("fuzz", "pg74", "--cases", "5", "--property", "EQ2", "--database", old)
    assert refused.code == 2 and "of version 1" in refused.err
    assert old.read_bytes() == before


@pytest.mark.parametrize("text", ["{", "{}", '{"kind": "finding", "finding_version": "2"}'])
def test_a_file_that_is_no_finding_is_refused(pgcheck: Pgcheck, tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    ran = pgcheck("replay", tmp_path / "f.json")
    assert ran.code == 2 and "f.json" in ran.err and "Internal" not in ran.err


def test_a_database_of_somebody_else_is_refused(pgcheck: Pgcheck, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("CREATE TABLE t (x)")
    ran = pgcheck("fuzz", "pg74", *FEW, "--database", tmp_path / "c.sqlite")
    assert ran.code == 2 and "of another program" in ran.err
    missing = pgcheck("fuzz", "pg74", *FEW, "--database", tmp_path / "no" / "c.sqlite")
    assert missing.code == 2 and "does its folder exist" in missing.err


def test_unknown_properties_are_refused_with_a_hint(pgcheck: Pgcheck) -> None:
    ran = pgcheck("fuzz", "pg74", "--property", "EQ22")
    assert ran.code == 2 and "no property 'EQ22'" in ran.err and "EQ2" in ran.err


def report(out: str) -> str:
    """What a campaign prints after its log."""
    return out.partition("\n\n")[2]


def test_a_campaign_killed_within_a_shard_goes_on_and_reports_what_it_would_have(
    pgcheck: Pgcheck, tmp_path: Path
) -> None:
    database = tmp_path / "c.sqlite"
    few = ("--property", "EQ2", "--property", "RC1", "--cases", "160", "--seed", "7", "--jobs", "2")
    asked = (POPF, "--force", *few, "--database", database)
    child = process(*asked)
    assert child.stdout is not None
    lines: list[str] = []
    while sum(line.startswith(("EQ2", "RC1")) for line in lines) < 2:
        lines.append(child.stdout.readline())
        assert lines[-1], "the campaign has ended"
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    lines += child.stdout.readlines()
    child.wait()
    told = [
        line.split(":")[0].removeprefix("FOUND ") for line in lines if line.startswith("FOUND") and line.endswith("\n")
    ]
    with sqlite3.connect(database) as connection:
        stored = {row[0] for row in connection.execute("SELECT identity FROM finding")}
        done = connection.execute("SELECT count(*) FROM shard WHERE property IN ('EQ2', 'RC1')").fetchone()[0]
    assert told and set(told) <= stored and 2 <= done < 10
    ran = pgcheck("fuzz", *asked, "--resume")
    assert ran.code == 1 and f"{32 * done} cases taken from" in ran.err
    whole = pgcheck("fuzz", *asked[:-1], tmp_path / "whole.sqlite")
    assert report(ran.out) == report(whole.out) and all(identity in report(ran.out) for identity in told)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    child = process("pg74", "--seconds", "60", "--property", "EQ2", "--database", tmp_path / "c.sqlite")
    assert child.stdout is not None and child.stdout.readline().startswith("EQ2 0-31")
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130 and "--resume goes on" in err and "Traceback" not in err


def test_two_campaigns_share_a_database(tmp_path: Path) -> None:
    database = tmp_path / "c.sqlite"
    children = [process("pg74", *FEW, "--seed", seed, "--database", database) for seed in ("a", "b", "b")]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0] and outputs[1] == outputs[2] != outputs[0]


# ---- holes as programs


def test_images_are_files_that_run(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("fuzz", ROOT / "tests" / "specs" / "read_mode.yaml", "--images", tmp_path / "i", "--no-cache")
    assert ran.code == 1 and "1 of 1 holes shown" in ran.out
    (path,) = (tmp_path / "i").glob("*.img")
    assert ran.out.endswith("pgcheck run runs each of them with --raw 0x0\n")
    booted = pgcheck("run", SMALL / "read_mode.yaml", path, "--raw", "0x0", "--max-instructions", 10)
    assert booted.code == 3 and "10 steps" in booted.err


def test_a_machine_without_holes_has_nothing_to_show(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("fuzz", "pg74", "--images", tmp_path / "i", "--no-cache")
    assert ran.code == 0 and "nothing to show" in ran.out and not (tmp_path / "i").exists()


def test_a_machine_without_room_for_a_guest_is_refused_in_a_sentence(pgcheck: Pgcheck, tmp_path: Path) -> None:
    small = SMALL / "soundness" / "z00_control.yaml"
    ran = pgcheck("fuzz", small, *FEW, "--force", "--database", tmp_path / "c.sqlite")
    assert ran.code == 2
    assert "addresses 16 units of memory; a campaign needs 64" in ran.err
