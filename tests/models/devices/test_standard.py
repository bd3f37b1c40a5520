"""The table of models: what the modules of devices say of themselves, and devices made of it."""

from __future__ import annotations

import pytest

from pgcheck.isa.machine.platform import Attachment
from pgcheck.isa.rows import modules
from pgcheck.models.devices.device import Inputs
from pgcheck.models.devices.standard import models, standard
from tests.models.wiring import Bench

PARTS = {"backing", "device", "standard", "virtqueue"}


def test_every_device_is_a_module_with_its_row() -> None:
    assert tuple(models()) == tuple(name for name in modules("pgcheck.models.devices") if name not in PARTS)


@pytest.mark.parametrize("name", models())
def test_a_model_is_made_with_its_options_settled(name: str) -> None:
    model = models()[name]
    assert model.registers and all(option.description for option in model.options)
    assert not model.inputs or model.inputs in {option.name for option in model.options}
    device = standard()[name](Attachment("it", name), Bench())
    assert isinstance(device, Inputs) == bool(model.inputs)


def test_what_an_attachment_says_is_what_the_device_has() -> None:
    made = [
        standard()["ticker"](Attachment("it", "ticker", options=o), Bench()) for o in ({}, {"period": 7}, {"period": 0})
    ]
    assert [device.due() for device in made] == [1000, 7, 1]


def test_an_option_that_a_model_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="console has no option 'period'"):
        standard()["console"](Attachment("it", "console", options={"period": 1}), Bench())
