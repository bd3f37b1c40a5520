"""The platform of a specification: what it means, and every wrong name in it at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.devices import DeviceModel, Models, Option
from pgcheck.isa.files.errors import Problem, SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.platform import Attachment, Platform
from tests.isa.machine.complete import COMPLETE

MODELS = {
    "console": DeviceModel("console", "some"),
    "interrupt_controller": DeviceModel(
        "interrupt_controller", "some", (Option("lines", 4, "inputs"),), inputs="lines"
    ),
    "tape": DeviceModel("tape", "some", unit=36),
    "teletype": DeviceModel("teletype", "some", unit=8),
}
PLATFORM = """
platform:
  ram: {base: 0x10, size: 1 << 6}
  start: TOP - 8'd1
  elf: 243
  boot: {LIMIT: 5, S.M: "Mode::Super"}
  clock: [TIME]
  choices: {coin: 1, any: 3}
  devices:
    uart: {model: console, at: 0xf0, line: plic.3}
    plic: {model: interrupt_controller, at: 0x80, line: S.I, options: {lines: 8}}
    port: {model: console, in: PORTS, at: 1}
    both: {model: teletype, in: [PORTS, OTHER]}
  firmware: {when: "S.M == 1", call: serve}
  debugger:
    architecture: toy
    features:
      toy.core: [{names: r0 r1, in: X}, {names: base, in: BASE, bits: 32, type: data_ptr}, {names: where, in: [S.I, S.M]}, {names: f0, bits: 80}]
"""


def whole(text: str = PLATFORM) -> str:
    assert "\nplatform:" not in COMPLETE
    return (
        COMPLETE.replace(
            "state:\n",
            "state:\n  PORTS: {type: Bits<8>, size: 4, role: device, volatile: true}\n"
            "  OTHER: {type: Bits<8>, size: 4, role: device, volatile: true}\n",
            1,
        ).replace("functions: |\n", "functions: |\n  function serve { description { x } body { BASE = 1; } }\n", 1)
        + text
    )


def machine(folder: Path, text: str, models: Models | None = MODELS) -> Machine:
    file = folder / "machine.yaml"
    file.write_text(text, "utf-8")
    return load(file, models=models)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecificationError) as caught:
        machine(folder, text)
    return caught.value.problems


def test_a_specification_without_a_platform_has_ram_alone(tmp_path: Path) -> None:
    assert machine(tmp_path, whole("")).platform == Platform()


def test_a_whole_platform(tmp_path: Path) -> None:
    found = machine(tmp_path, whole()).platform
    assert (found.ram_base, found.ram_size, found.start, found.elf_machine) == (0x10, 0x40, 254, 243)
    assert found.boot == {"LIMIT": 5, "S.M": 1}
    assert found.clock == ("TIME",) and found.choices == {"coin": 1, "any": 3}
    assert found.devices == (
        Attachment("uart", "console", 0xF0, (), "plic.3", {}),
        Attachment("plic", "interrupt_controller", 0x80, (), "S.I", {"lines": 8}),
        Attachment("port", "console", 1, ("PORTS",), "", {}),
        Attachment("both", "teletype", 0, ("PORTS", "OTHER"), "", {}),
    )
    assert found.firmware is not None and found.firmware.call == "serve"


def test_elf_flags_may_say_what_the_machine_lacks(tmp_path: Path) -> None:
    assert machine(tmp_path, whole()).platform.elf_lacks == {}
    text = whole().replace("elf: 243", "elf: {machine: 243, lacks: {0x6: floats, 0b1: 'short code: RVC'}}")
    found = machine(tmp_path, text).platform
    assert (found.elf_machine, found.elf_lacks) == (243, {6: "floats", 1: "short code: RVC"})


def test_registers_of_a_debugger(tmp_path: Path) -> None:
    found = machine(tmp_path, whole()).platform.debugger
    assert found is not None and (found.architecture, list(found.features)) == ("toy", ["toy.core"])
    shown = [
        (r.name, r.bits, [(p.leaf, p.high - p.low + 1, k) for p, k in r.pieces], r.type)
        for r in found.features["toy.core"]
    ]
    assert shown == [
        ("r0", 8, [("X", 8, 0)], "int"),
        ("r1", 8, [("X", 8, 1)], "int"),
        ("base", 32, [("BASE", 8, None)], "data_ptr"),
        ("where", 8, [("S.I", 1, None), ("S.M", 1, None)], "int"),
        ("f0", 80, [], "int"),
    ]


def test_a_processor_can_wait(tmp_path: Path) -> None:
    made = machine(
        tmp_path, whole().replace("interrupt: {pending: waiting", "interrupt: {waiting: waiting, pending: waiting")
    )
    assert made.code.interrupt is not None and made.code.interrupt.waiting == "waiting"
    plain = machine(tmp_path, whole())
    assert plain.code.interrupt is not None and plain.code.interrupt.waiting == ""


# what stands there, what is put there (@: where the problem is), what the problem says
WRONG = [
    ("interrupt: {pending: waiting", "interrupt: {waiting: @take, pending: waiting", "take cannot be used here"),
    ("interrupt: {pending: waiting", "interrupt: {waiting: @weight, pending: waiting", "no function 'weight'"),
    ("ram: {base: 0x10", "ram: @{base: 0x100", "the base of RAM is too large"),
    ("ram: {base: 0x10, size: 1 << 6}", "ram: @{base: 0x10, size: 0}", "RAM is not within the address space"),
    ("ram: {base: 0x10, size: 1 << 6}", "ram: @{base: 0x10, size: 0xf1}", "RAM is not within the address space"),
    ("size: 1 << 6", "size: @BASE", "the size of RAM must be a constant"),
    ("ram: {base", "ram: {@bose: 1, base", "unknown key 'bose'"),
    ("start: TOP - 8'd1", "start: @TOP + 8'd1 + 9'd0", "the start is too large"),
    ("start: TOP", "start: @TIP", "no 'TIP'"),
    ("elf: 243", "elf: @0x10000", "out of range"),
    ("elf: 243", "elf: @{lacks: {1: much}}", "key 'machine' is missing"),
    ("elf: 243", "elf: {machine: 243, lacks: {@0: nothing}}", "out of range"),
    ("elf: 243", "elf: {machine: 243, lacks: {1: one, @0x1: one}}", "is the same number as '1'"),
    ("elf: 243", "elf: {machine: 243, lacks: {1: @{a: b}}}", "text is needed here"),
    ("elf: 243", "elf: {machine: 243, @refuse: {1: one}}", "unknown key 'refuse'"),
    ("boot: {LIMIT: 5", "boot: {@LIMBO: 5", "no state 'LIMBO'"),
    ("boot: {LIMIT: 5", "boot: {@X: 5", "what is set at the start is one leaf"),
    ("boot: {LIMIT: 5", "boot: {@LIMIT: 256", "256 does not fit LIMIT"),
    ("clock: [TIME]", "clock: [@LIMIT]", "LIMIT is not volatile"),
    ("clock: [TIME]", "clock: [@X]", "a clock is one leaf"),
    ("clock: [TIME]", "clock: [@TIMES]", "no state 'TIMES'"),
    ("choices: {coin: 1", "choices: {@coins: 1", "no site 'coins'"),
    ("choices: {coin: 1", "choices: {@coin: 2", "2 does not fit Boolean"),
    ("any: 3", "@any: 256", "256 does not fit Bits<8>"),
    ("uart: {model: console", "uart: {model: @consul", "one of a few words"),
    ("both: {model: teletype", "both: @{model: tape", "a tape cannot work with this memory"),
    ("uart: {model: console, at", "uart: @{at", "key 'model' is missing"),
    ("uart: {model: console", "uart: {@kind: console, model: console", "unknown key 'kind'"),
    ("uart: {model: console, at: 0xf0", "uart: @{model: console, at: 0x100", "where a device is is too large"),
    ("in: PORTS, at: 1}", "in: @BASE, at: 0}", "BASE is not volatile"),
    ("in: PORTS, at: 1}", "in: @PORT, at: 1}", "no state 'PORT'"),
    ("line: plic.3", "line: @plic.0", "plic has no input 0"),
    ("line: plic.3", "line: @plic.8", "plic has no input 8"),
    (
        ", options: {lines: 8}}\n    port",
        "}\n    port: {model: console, line: @plic.4}\n    next",
        "plic has no input 4",
    ),
    ("line: plic.3", "line: @plick.3", "no interrupt_controller 'plick'"),
    ("line: plic.3", "line: @port.3", "no interrupt_controller 'port'"),
    ("line: plic.3", "line: @S.J", "no state 'S.J'"),
    ("line: plic.3", "line: @LIMIT", "LIMIT cannot show an interrupt request"),
    ("line: plic.3", "line: @X", "an interrupt request is one leaf"),
    ("line: plic.3", "line: '@3'", "this is not NAME"),
    ("port: {model: console, ", "port: {model: console, line: @plic.3, ", "uart drives plic.3 already"),
    ("options: {lines: 8}", "options: {@line: 8}", "interrupt_controller has no option 'line'"),
    ("at: 0xf0, line", "at: 0xf0, options: {@period: 1}, line", "console has no option 'period'"),
    ("options: {lines: 8}", "options: {lines: @many}", "an integer is needed"),
    ('when: "S.M == 1"', "when: @S.M", "a condition must be Boolean"),
    ("names: base, in: BASE", "names: base, in: @BASIS", "no state 'BASIS' that can be a register"),
    ("names: base, in: BASE", "names: base, in: '@BASE[0]'", "BASE cannot be this register"),
    ("names: base, in: BASE", "names: base, in: @X", "X cannot be this register"),
    ("names: base, in: BASE", "names: base, in: '@X[4]'", "X cannot be this register"),
    ("names: base, in: BASE, bits: 32", "names: @base, in: BASE, bits: 4", "base does not fit"),
    ("names: base, in", "names: @r1, in", "there is a register r1 already"),
    ("architecture: toy", "architecture: toy\n    arguments: {@seat: 1}", "translation has no parameter 'seat'"),
    ("call: serve", "call: @starve", "no function 'starve'"),
    ("call: serve", "call: @waiting", "waiting cannot be used here"),
    ("call: serve", "call: @again", "again cannot be used here"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[f"{k}-{w[1][:30]}" for k, w in enumerate(WRONG)])
def test_each_wrong_thing_is_reported_at_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = whole()
    assert text.count(old) == 1
    marked = text.replace(old, new)
    before, after = marked.split("@", 1)
    found = problems(tmp_path, before + after)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    told = [p for p in found if said in p.message]
    assert told, [p.message for p in found]
    assert (told[0].position.line, told[0].position.column) == (line, column)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        whole()
        .replace("clock: [TIME]", "clock: [LIMIT]")
        .replace("call: serve", "call: starve")
        .replace("LIMIT: 5", "LIMBO: 5")
    )
    assert len(problems(tmp_path, text)) == 3


def test_a_variant_replaces_the_whole_platform(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(whole(), "utf-8")
    text = "include: [base.yaml]\noverride:\n  platform: {start: 3}\n"
    found = machine(tmp_path, text).platform
    assert found == Platform(start=3)


def test_without_models_what_is_said_of_devices_is_taken_as_it_stands(tmp_path: Path) -> None:
    text = (
        whole()
        .replace("model: console, at: 0xf0", "model: consul, at: 0xf0, options: {x: 1}")
        .replace("line: plic.3", "line: port.9")
    )
    found = machine(tmp_path, text, None).platform.devices[0]
    assert found == Attachment("uart", "consul", 0xF0, (), "port.9", {"x": 1})
    with pytest.raises(SpecificationError, match="no device 'part'"):
        machine(tmp_path, text.replace("port.9", "part.9"), None)


def test_an_unknown_model_has_the_nearest_one_for_a_hint(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, whole().replace("model: teletype", "model: teltype"))
    assert (problem.found, problem.hint) == ("'teltype'", "did you mean 'teletype'?")
    assert problem.expected == "console, interrupt_controller, tape, teletype"
