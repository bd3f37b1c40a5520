"""Claims with a cause: what may be named, and what is wrong with one, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Instruction
from pgcheck.shipped import shipped

HEAD = """\
include: [pg74]
name: claiming
instructions:
  - name: mark
    encoding: {match: "10000001----00000000000000000000", variables: ["r 23-20"]}
    operation(): "privileged(); C = C;"
    access: """


def made(folder: Path, access: str) -> Instruction:
    path = folder / "claiming.yaml"
    path.write_text(HEAD + access + "\n", "utf-8")
    return load(path, shipped=shipped).instruction("mark")


def test_words_and_claims_stand_side_by_side(tmp_path: Path) -> None:
    found = made(
        tmp_path, '{supervisor: always, user: [{cause: Privileged}, {cause: completes, when: "r == 3 && M == 0"}]}'
    )
    assert found.access == {"supervisor": "always"}
    assert [(c.mode, c.cause) for c in found.claims] == [("user", "Privileged"), ("user", "completes")]
    assert (found.claims[0].position.line, found.claims[0].position.column) == (7, 49)


@pytest.mark.parametrize("cause", ["trap", "Privileged", "trap(Privileged)", "completes"])
def test_a_cause_goes_by_its_exit_its_value_and_both(cause: str, tmp_path: Path) -> None:
    assert [c.cause for c in made(tmp_path, f"{{user: {{cause: {cause}}}}}").claims] == [cause]


@pytest.mark.parametrize(
    ("access", "message"),
    [
        ("{user: {cause: Priviledged}}", "no trap 'Priviledged'"),
        ("{user: {cause: trap(Nothing)}}", "no trap 'trap(Nothing)'"),
        ("{user: {when: 'M == 1'}}", "a claim names the trap that it is about"),
        ("{user: {cause: Privileged, if: 'M == 1'}}", "one of a few words is needed here"),
        ("{user: {cause: Privileged, when: 'M'}}", "a condition must be Boolean"),
        ("{user: {cause: Privileged, when: 'q == 1'}}", "q"),
        ("{user: {cause: Privileged, when: [1]}}", "a text"),
        ("{user: []}", "this is no claim of access"),
        ("{user: [always]}", "this is no claim of access"),
        ("{user: seldom}", "one of a few words is needed here"),
    ],
)
def test_what_is_no_claim_is_an_error_at_its_place(access: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecificationError) as caught:
        made(tmp_path, access)
    assert message in str(caught.value) and ":7:" in str(caught.value)
