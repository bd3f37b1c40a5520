"""Specifications are read with what pgcheck ships and the devices that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.language import load


def test_a_specification_may_include_what_is_shipped_and_name_the_devices_that_there_are(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = "include: [pg74]\noverride:\n  platform:\n    devices:\n      one: {model: ticker, options: {period: 3}}\n"
    file.write_text(text, encoding="utf-8")
    (device,) = load(file).platform.devices
    assert (device.model, device.options) == ("ticker", {"period": 3})
    file.write_text(text.replace("ticker", "tickr"), encoding="utf-8")
    with pytest.raises(SpecificationError, match="did you mean 'ticker'"):
        load(file)


def test_a_device_that_cannot_work_with_the_memory_is_refused(tmp_path: Path) -> None:
    """Memory of pg74 is words; it has no bytes that a disk could move."""
    file = tmp_path / "mine.yaml"
    file.write_text("include: [pg74]\noverride:\n  platform: {devices: {disk: {model: disk}}}\n", encoding="utf-8")
    with pytest.raises(SpecificationError, match="a disk cannot work with this memory"):
        load(file)
