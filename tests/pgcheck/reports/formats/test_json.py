"""The JSON face: it satisfies its published schema, keeps the order of the specification, and repeats byte for byte."""

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from pgcheck.checker.result import DeploymentResult, Effort, Finding, MachineResult
from pgcheck.checker.values import Configuration
from pgcheck.isa.files.errors import Position
from pgcheck.reports.formats.json import SCHEMA_VERSION, document
from tests.pgcheck.factory import CLI, DECODE, HOLE, LGDT, ODD, PLAIN, result, theorems
from tests.specifications import ROOT

SCHEMA = json.loads(files("pgcheck").joinpath("result-schema.json").read_text(encoding="utf-8"))
RICH = result(
    HOLE,
    LGDT,
    CLI,
    ODD,
    *PLAIN,
    theorem1="fails",
    monitor="conditional",
    others=(
        DeploymentResult(
            "elsewhere", theorems(), PLAIN, Configuration({"mode": "mirror"}, {"table": {"P": 0}}), "M == 1"
        ),
    ),
    findings=(Finding("law", "ok", "x", "fine", Position("toy.yaml", 1, 1)), Finding("law", "warning", "x", "odd")),
)


def parsed(*given: MachineResult, timing: bool = True) -> Any:
    return json.loads(document([(r, DECODE) for r in given], timing=timing, several=len(given) > 1))


def validate(instance: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(instance)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("timing", [True, False])
def test_results_satisfy_the_schema(timing: bool) -> None:
    validate(parsed(RICH, timing=timing))
    validate(parsed(RICH, RICH, timing=timing))


@pytest.mark.parametrize(
    "place, value",
    [
        (("theorem1", "status"), "proved"),
        (("schema_version",), "2.0"),
        (("instructions", 0, "verdict"), "bad"),
        (("instructions", 0, "privileged"), True),
        (("instructions", 0, "witness", "operands", "imm"), 1),
        (("instructions", 0, "sensitivity"), ["mode"]),
        (("extra",), 1),
    ],
)
def test_the_schema_refuses_what_is_not_a_result(place: tuple[Any, ...], value: Any) -> None:
    instance = inner = parsed(RICH)
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(instance)


def test_every_key_of_a_result_is_required_but_timing() -> None:
    for key in parsed(RICH):
        instance = parsed(RICH)
        del instance[key]
        if key == "timing":
            validate(instance)
        else:
            with pytest.raises(jsonschema.ValidationError):
                validate(instance)


def test_a_witness_gives_both_machines_before_and_after() -> None:
    witness = parsed(RICH)["instructions"][0]["witness"]
    assert witness["bytes"] == "9d 01" and witness["operands"] == {"imm": "0x1"}
    assert witness["before"]["virtual"] == {"GPR": {"4": "0x8"}, "IF": "0x1"}
    assert witness["after"]["real"]["MEM"] == {"*": "0x5", "256": "0x6"}
    assert witness["differs"] == ["virtual:IF", "general:MEM"]
    assert parsed(RICH)["instructions"][1]["witness"] is None


def test_instructions_keep_the_order_of_the_specification() -> None:
    assert [i["id"] for i in parsed(RICH)["instructions"]] == ["popf", "lgdt", "cli", "odd", "add.r8", "add.r32", "nop"]


def test_without_timing_equal_results_give_equal_bytes() -> None:
    slower = replace(RICH, effort=Effort(99, 1, 2, 3, 4, 5, 60.0, ("lgdt", 9.0)))
    assert document([(RICH, DECODE)], timing=False, several=False) == document(
        [(slower, DECODE)], timing=False, several=False
    )
    assert document([(RICH, DECODE)], timing=True, several=False) != document(
        [(slower, DECODE)], timing=True, several=False
    )
    assert "timing" in parsed(RICH) and "timing" not in parsed(RICH, timing=False)


def test_several_results_come_in_a_list() -> None:
    whole = parsed(RICH, result(*PLAIN))
    assert whole["schema_version"] == SCHEMA_VERSION
    assert [len(r["instructions"]) for r in whole["results"]] == [7, 3]


def test_the_documentation_names_every_key() -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    keys = {k for d in SCHEMA["$defs"].values() for k in d.get("properties", {})}
    assert len(keys) > 50 and not [key for key in sorted(keys) if f"`{key}`" not in text]
