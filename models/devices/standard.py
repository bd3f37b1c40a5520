"""The models that a specification's platform can name: the rows of the modules here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from pgcheck.isa.rows import rows
from pgcheck.models.devices.backing import Backing
from pgcheck.models.devices.device import Maker, Model, Outside


@cache
def models() -> Mapping[str, Model]:
    """Every model by its name."""
    return {model.name: model for model in rows("pgcheck.models.devices", Model)}


def standard(
    output: Callable[[int], None] = lambda byte: None,
    source: Callable[[int], bytes] = lambda count: b"",
    disk: Backing | None = None,
) -> Mapping[str, Maker]:
    """A maker for each model, of devices with this outside. A maker raises ValueError for options that its model does not have."""
    outside = Outside(output, source, disk)
    return {name: _maker(model, outside) for name, model in models().items()}


def _maker(model: Model, outside: Outside) -> Maker:
    return lambda given, wiring: model.make(wiring, model.settled(given.options), outside)
