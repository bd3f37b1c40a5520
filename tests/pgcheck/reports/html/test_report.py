"""Several machines on one page: from kept results, from specifications, and what is wrong with either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgcheck.checker.result import MachineResult
from pgcheck.reports.formats.json import document
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import CLI, DECODE, HOLE, LGDT, PLAIN, result
from tests.pgcheck.pages import MARKUP, found, parsed, text_of
from tests.pgcheck.stories import HOSTILE, RICH, checked, hostile
from tests.specifications import ROOT

GOOD = result(LGDT, *PLAIN)
BAD = result(HOLE, *PLAIN, theorem1="fails", theorem2="fails", monitor="fails")
CONFIGURED = result(CLI, theorem1="conditional", monitor="conditional")


def kept(folder: Path, name: str, answer: MachineResult, **spec: str) -> Path:
    """A file with a result as `pgcheck --format json` writes it."""
    given: dict[str, Any] = json.loads(document([(answer, DECODE)], timing=False, several=False))
    given["spec"] |= {"name": name, **spec}
    file = folder / f"{name[:20]}.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    return file


def test_machines_stand_side_by_side(pgcheck: Pgcheck, tmp_path: Path) -> None:
    kept(tmp_path, "good", GOOD)
    kept(tmp_path, "bad", BAD)
    kept(tmp_path, "configured", CONFIGURED)
    ran = pgcheck("report", tmp_path)
    assert ran.code == 0 and ran.err == ""
    tree = parsed(ran.out)
    theorems, roles = tree.findall(".//table[@class='plain compare']")
    rows = {
        text_of(found(row, "th/code")): [text_of(td) for td in row.iter("td")]
        for row in theorems.iter("tr")
        if row.find("td") is not None
    }
    assert list(rows) == ["bad", "configured", "good"]
    assert rows["good"] == ["holds", "holds", "holds", "exists", "0", "4"]
    assert rows["bad"] == ["fails popf", "fails popf", "holds", "none popf", "1", "4"]
    assert rows["configured"][0] == "holds if configured with IOPL = 0" and rows["configured"][3].startswith(
        "exists if configured"
    )
    who = {
        text_of(found(row, "th")): [text_of(td) for td in row.iter("td")]
        for row in roles.iter("tr")
        if row.find("td") is not None
    }
    assert who == {"interrupt": ["1 popf", "-", "-"], "mode": ["1 popf", "-", "-"]}
    assert "changes the virtual machine's IF without a trap" in text_of(tree)


def test_without_holes_nobody_fails(pgcheck: Pgcheck, tmp_path: Path) -> None:
    kept(tmp_path, "good", GOOD)
    tree = parsed(pgcheck("report", tmp_path).out)
    assert "No instruction of any machine here is a hole." in text_of(tree)


def test_every_deployment_has_its_line(pgcheck: Pgcheck, tmp_path: Path) -> None:
    kept(tmp_path, "rich", RICH)
    tree = parsed(pgcheck("report", tmp_path).out)
    heads = [text_of(code) for code in tree.findall(".//table[@class='plain compare'][1]/tbody/tr/th/code")]
    assert heads[:2] == ["rich (default)", "rich (elsewhere)"]
    assert "the answers mean nothing" in text_of(tree), "RICH has a finding of status error"


def test_documents_of_several_specifications_are_taken_apart(pgcheck: Pgcheck, tmp_path: Path) -> None:
    text = document([(GOOD, DECODE), (BAD, DECODE)], timing=False, several=True)
    whole = {**json.loads(text), "errors": [{"specification": "gone.yaml", "message": "no such thing"}]}
    (tmp_path / "all.json").write_text(json.dumps(whole), encoding="utf-8")
    shown = text_of(parsed(pgcheck("report", tmp_path / "all.json").out))
    assert "2 machines side by side" in shown and "gone.yaml" in shown and "no such thing" in shown


def test_specifications_are_checked_and_bad_ones_are_named(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = BAD
    (tmp_path / "wrong.yaml").write_text("spec_version: '1'\nkind: machine\nnome: x\n", encoding="utf-8")
    (tmp_path / "part.yaml").write_text("instructions: []\n", encoding="utf-8")
    (tmp_path / "fine.yaml").write_bytes((ROOT / "specs" / "pg74.yaml").read_bytes())
    ran = pgcheck("report", tmp_path, "-o", tmp_path / "page.html")
    assert ran.code == 2 and ran.out == "" and "wrong.yaml" in ran.err
    shown = text_of(parsed((tmp_path / "page.html").read_text(encoding="utf-8")))
    assert "1 machine side by side" in shown and "wrong.yaml" in shown and "part.yaml" not in shown
    assert answer.asked is not None and len(answer.asked) == 1


def test_answers_do_not_count_for_the_exit_code(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = BAD
    assert pgcheck("report", "pg74", "-o", tmp_path / "page.html").code == 0
    assert pgcheck("pg74").code == 1 and (tmp_path / "page.html").exists()


def test_the_page_has_the_same_bytes_each_time(pgcheck: Pgcheck, tmp_path: Path) -> None:
    kept(tmp_path, "good", GOOD)
    kept(tmp_path, "bad", BAD)
    assert pgcheck("report", tmp_path).out == pgcheck("report", tmp_path).out


@pytest.mark.parametrize("text", [MARKUP, HOSTILE])
def test_texts_of_results_are_escaped(pgcheck: Pgcheck, tmp_path: Path, text: str) -> None:
    answer = hostile(text=text).checked[0].result
    file = tmp_path / "evil.json"
    file.write_text(
        json.dumps(
            json.loads(document([(answer, checked(answer).machine.decoding.decode)], timing=False, several=False))
        )
    )
    ran = pgcheck("report", file)
    if "\udcff" in text:
        assert ran.code == 2 and "no result of pgcheck" in ran.err and "Traceback" not in ran.err
        return
    tree = parsed(ran.out)
    assert len(list(tree.iter("script"))) == 1 and not list(tree.iter("img"))
    assert text in text_of(tree)


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "it has no schema_version"),
        ("{}", "it has no schema_version"),
        ('{"schema_version": 1}', "it has no schema_version"),
        ('{"schema_version": "2.0"}', "has version 2.0"),
        ('{"schema_version": "1.0"}', "results.0.deployment: Field required"),
        ('{"schema_version": "1.0", "results": 3}', "results: Input should be"),
    ],
)
def test_what_is_no_result_is_named_in_a_line(pgcheck: Pgcheck, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content, encoding="utf-8")
    ran = pgcheck("report", tmp_path)
    assert ran.code == 2 and ran.out == ""
    assert said in ran.err and "x.json" in ran.err and len(ran.err.splitlines()) == 1


def test_newer_minor_versions_and_unknown_keys_are_read(pgcheck: Pgcheck, tmp_path: Path) -> None:
    file = kept(tmp_path, "good", GOOD)
    given = {**json.loads(file.read_text()), "schema_version": "1.99", "new": {"key": 1}}
    file.write_text(json.dumps(given))
    assert pgcheck("report", tmp_path, "-o", tmp_path / "page.html").code == 0
    assert "good" in (tmp_path / "page.html").read_text()


def test_places_without_anything_are_refused(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("report", tmp_path)
    assert ran.code == 2 and "holds neither results" in ran.err
    ran = pgcheck("report", tmp_path / "nowhere")
    assert ran.code == 2 and "nowhere" in ran.err and len(ran.err.splitlines()) == 1
    assert pgcheck("report").code == 2
