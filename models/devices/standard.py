"""The models that a specification's platform can name, as a computer has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgcheck.models.devices.backing import Backing
from pgcheck.models.devices.console import Console
from pgcheck.models.devices.counter import Counter
from pgcheck.models.devices.device import Maker
from pgcheck.models.devices.disk import Disk
from pgcheck.models.devices.interrupt_controller import InterruptController
from pgcheck.models.devices.power import Power
from pgcheck.models.devices.teletype import Teletype
from pgcheck.models.devices.ticker import Ticker
from pgcheck.models.devices.timer import Timer


def standard(
    output: Callable[[int], None] = lambda byte: None,
    source: Callable[[int], bytes] = lambda count: b"",
    disk: Backing | None = None,
) -> Mapping[str, Maker]:
    """A maker for each model; consoles print to `output` and read from `source`, which gives up to n bytes, b"" for none."""
    return {
        "console": lambda given, wiring: Console(wiring, output, source),
        "teletype": lambda given, wiring: Teletype(output, source),
        "timer": lambda given, wiring: Timer(wiring),
        "counter": lambda given, wiring: Counter(wiring),
        "ticker": lambda given, wiring: Ticker(wiring, max(1, given.options.get("period", 1000))),
        "interrupt_controller": lambda given, wiring: InterruptController(wiring, given.options.get("lines", 32)),
        "disk": lambda given, wiring: Disk(wiring, disk),
        "power": lambda given, wiring: Power(),
    }
