"""`pgcheck diff`: files, folders and revisions; exit 1 for regressions only."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pgcheck.checker.verdicts.difference import Difference, InstructionChange
from pgcheck.gate.diff_text import report
from pgcheck.isa.files.errors import Position
from pgcheck.shipped import shipped
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import SMALL

HOLE = ("A[r] = A[r] << n;", "A[r] = (M == 1) ? A[r] : A[r] << n;")


def written(path: Path, *changes: tuple[str, str]) -> Path:
    base = shipped("pg74")
    assert base is not None
    text = base.read_text("utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    written(tmp_path / "isa" / "a.yaml")
    (tmp_path / "isa" / "notes.yaml").write_text("kind: notes\n", "utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_equal_files_exit_0(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck(
        "diff", written(tmp_path / "a.yaml"), written(tmp_path / "b.yaml", ("title: The third", "title: A third"))
    )
    assert (ran.code, ran.out) == (0, "pg74: no change\n")


def test_a_new_hole_exits_1_and_its_mending_0(pgcheck: Pgcheck, tmp_path: Path) -> None:
    good, bad = written(tmp_path / "a.yaml"), written(tmp_path / "b.yaml", HOLE)
    ran = pgcheck("diff", good, bad)
    assert ran.code == 1
    assert "!newly a hole (1):" in ran.out and "shl (innocuous -> hole)" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    back = pgcheck("diff", bad, good)
    assert back.code == 0
    assert "newly fixed (1):" in back.out


@pytest.mark.parametrize(("choice", "code"), [("regression", 0), ("hole", 0), ("class", 0), ("any", 1), ("never", 0)])
def test_what_fails_is_chosen(choice: str, code: int, pgcheck: Pgcheck, tmp_path: Path) -> None:
    other = written(tmp_path / "b.yaml", ("A[r] = A[r] & A[s];", "A[r] = ~(A[r] & A[s]);"))
    assert pgcheck("diff", "pg74", other, "--fail-on", choice).code == code


def test_rows_that_changed_alike_are_one_line() -> None:
    at = Position("m.yaml", 1, 1)
    names = [(f"mv{n}", row) for n in range(3) for row in ("", ":a", ":b")]
    equal = [
        InstructionChange("semantics", where, name + row, name, "privileged", "privileged", at)
        for where in ("one", "other")
        for name, row in names
    ]
    hole = InstructionChange("newly-hole", "one", "pop.w", "pop", "conditional", "hole", at, "shows M")
    text = report(Difference("m", (*equal, hole), (), (), (), ()))
    assert text.splitlines() == [
        "m: regressions",
        " !newly a hole (1):",
        "    one: pop.w (conditional -> hole): shows M",
        "  semantics changed, verdict equal (18):",
        "    one: mv0 mv1 mv2 (-, a, b) (privileged)",
        "    other: mv0 mv1 mv2 (-, a, b) (privileged)",
    ]


def test_only_what_is_named_is_compared_on_whichever_side_it_is(pgcheck: Pgcheck, tmp_path: Path) -> None:
    new = "instructions:\n  - name: own\n    encoding: {match: 10000000000000000000000000000000}\n    operation(): |\n      M = 0;\n"
    other = tmp_path / "b.yaml"
    other.write_text(f"include: [pg74]\nname: pg74\n{new}", "utf-8")
    ran = pgcheck("diff", "pg74", other, "--only", "own,shl")
    assert ran.code == 1 and ran.out.startswith("pg74: regressions, of these instructions alone\n")
    assert "added, and a hole (1):\n    default: own (hole)" in ran.out
    back = pgcheck("diff", other, "pg74", "--only", "own,shl")
    assert back.code == 0 and "removed (1):\n    default: own" in back.out
    assert (
        pgcheck("diff", "pg74", other, "--only", "shl").out.splitlines()[0]
        == "pg74: no change, of these instructions alone"
    )
    assert (
        "neither has an instruction 'onw'; did you mean 'own'?" in pgcheck("diff", "pg74", other, "--only", "onw").err
    )


def test_json_says_the_same(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("diff", "pg74", written(tmp_path / "b.yaml", HOLE), "--format", "json")
    (machine,) = json.loads(ran.out)["machines"]
    assert machine["regressions"] is True
    (row,) = machine["instructions"]
    assert (row["change"], row["id"], row["before"], row["after"]) == ("newly-hole", "shl", "innocuous", "hole")


def test_revisions_of_a_repository(repository: Path, pgcheck: Pgcheck) -> None:
    assert pgcheck("diff", "main..", "--", "isa").out == "pg74: no change\n"
    written(repository / "isa" / "a.yaml", HOLE)
    assert pgcheck("diff", "main..").code == 1
    git(repository, "commit", "-q", "-a", "-m", "two")
    assert pgcheck("diff", "main~1..main", "--", "isa/a.yaml").code == 1
    assert pgcheck("diff", "main..", "--", "isa/a.yaml").code == 0


def test_a_path_is_of_the_current_folder_or_absolute(
    repository: Path, pgcheck: Pgcheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(repository / "isa" / "a.yaml", HOLE)
    assert pgcheck("diff", "main..", "--", file).code == 1
    monkeypatch.chdir(file.parent)
    assert pgcheck("diff", "main..", "--", "a.yaml").code == 1
    assert pgcheck("diff", "main..", "--", "../isa").code == 1


def test_a_link_is_followed_on_each_side(repository: Path, pgcheck: Pgcheck) -> None:
    (repository / "linked").mkdir()
    (repository / "linked" / "a.yaml").symlink_to("../isa/a.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "two")
    assert pgcheck("diff", "main..", "--", "linked/a.yaml").out == "pg74: no change\n"
    written(repository / "isa" / "a.yaml", HOLE)
    ran = pgcheck("diff", "main..", "--", "linked/a.yaml")
    assert ran.code == 1 and "shl (innocuous -> hole)" in ran.out


def test_a_link_out_of_a_revision_is_refused(repository: Path, pgcheck: Pgcheck) -> None:
    (repository / "isa" / "l.yaml").symlink_to(repository / "isa" / "a.yaml")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "two")
    ran = pgcheck("diff", "main..")
    assert ran.code == 2 and "isa/l.yaml is a link that leads out of main" in ran.err


def test_a_specification_that_is_new(repository: Path, pgcheck: Pgcheck) -> None:
    written(repository / "isa" / "b.yaml", ("name: pg74", "name: other"))
    ran = pgcheck("diff", "main..")
    assert ran.code == 0
    assert "other: no regression" in ran.out and "added (31):" in ran.out
    written(repository / "isa" / "b.yaml", ("name: pg74", "name: other"), HOLE)
    assert pgcheck("diff", "main..").code == 1


def test_a_wrong_specification_is_no_difference(pgcheck: Pgcheck, tmp_path: Path) -> None:
    wrong = written(tmp_path / "b.yaml", ("A[r] = A[r] & A[s];", "A[r] = A[r] & B[s];"))
    ran = pgcheck("diff", "pg74", wrong)
    assert ran.code == 2
    assert "b.yaml:" in ran.err and "B" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pg74"], "compare two files or folders"),
        (["pg74", "nowhere.yaml"], "no specification, file or folder 'nowhere.yaml'"),
        (["nosuchrevision.."], "git knows no revision 'nosuchrevision' here"),
        (["main..", "--", "/"], "outside the repository"),
    ],
)
def test_wrong_words(words: list[str], said: str, repository: Path, pgcheck: Pgcheck) -> None:
    ran = pgcheck("diff", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_outside_a_repository(tmp_path: Path, pgcheck: Pgcheck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    ran = pgcheck("diff", "main..")
    assert ran.code == 2
    assert "git" in ran.err


def test_a_broken_claim_is_named_and_ends_as_a_check_of_it_does(pgcheck: Pgcheck) -> None:
    before, after = (SMALL / "field" / f"claims-{when}.yaml" for when in ("before", "after"))
    assert pgcheck(after).code == 2
    for words in ((), ("--fail-on", "never")):
        ran = pgcheck("diff", before, after, *words)
        assert ran.code == 2
        assert "!newly access_claims_hold: mark: in user mode the claim is `never`" in ran.out
        assert "!default: theorem1 holds -> void" in ran.out
    document = json.loads(pgcheck("diff", before, after, "--format", "json").out)["machines"][0]
    assert document["regressions"] and [f["law"] for f in document["findings"]] == ["access_claims_hold"]
    back = pgcheck("diff", after, before)
    assert back.code == 0 and " no longer access_claims_hold: mark:" in back.out


def test_a_knob_that_is_lost_is_a_regression(pgcheck: Pgcheck, tmp_path: Path) -> None:
    flag = ("  C: {", "  F: {type: Bits<1>, role: configuration}\n  C: {")
    gate = ("A[r] = A[r] << n;", "if (F == 1) { privileged(); }\n      A[r] = A[r] << n;")
    ran = pgcheck("diff", written(tmp_path / "a.yaml", flag, gate), written(tmp_path / "b.yaml", flag))
    assert ran.code == 1
    assert "!lost-knob: default: F no longer makes anything trap (it did shl)" in ran.out


def test_a_claim_that_is_broken_is_named_and_exits_like_a_check(pgcheck: Pgcheck) -> None:
    before, after = (SMALL / "field" / f"claims-{name}.yaml" for name in ("before", "after"))
    ran = pgcheck("diff", before, after)
    assert ran.code == pgcheck(after).code == 2
    assert "!newly access_claims_hold: mark: in user mode the claim is `never`" in ran.out
    back = pgcheck("diff", after, before)
    assert back.code == 0 and "no longer access_claims_hold: mark" in back.out


@pytest.mark.parametrize(("choice", "code"), [("traps", 1), ("other-cause", 1), ("lost-trap", 0), ("regression", 0)])
def test_traps_that_changed_are_named_and_decide_where_they_are_asked_for(
    choice: str, code: int, pgcheck: Pgcheck, tmp_path: Path
) -> None:
    service = 'operation(): "trap(Cause::Service);"', 'operation(): "trap(Cause::Undefined);"'
    ran = pgcheck("diff", "pg74", written(tmp_path / "b.yaml", service), "--fail-on", choice)
    assert "  other-cause: svc in M=0: trap(Service) -> trap(Undefined)\n" in ran.out
    assert ran.code == code
