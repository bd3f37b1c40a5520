"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import processes

CAMPAIGN = 24 * 3600
"""Seconds for one campaign: several times what the longest takes."""

ASKED = ("checker", "docs", "fidelity", "mutants", "oracle", "vmm")
"""The folders whose tests are about answers of solvers, pages, other emulators and whole machines, which hang on no version of Python."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """What is ASKED is slow. A campaign is held to a day instead of the time of one test, unless it says its own."""
    slow = {Path(__file__).parent / folder for folder in ASKED}
    for item in items:
        if slow & {*item.path.parents}:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("campaign") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(CAMPAIGN))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes that the test starts end on SIGINT, whatever the shell says that started the tests."""
    with processes.interruptible():
        yield


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of answers for all tests, which lasts from run to run, unless pytest keeps none."""
    cache = getattr(request.config, "cache", None)
    return Path(cache.mkdir("pgcheck")) if cache is not None else tmp_path_factory.mktemp("pgcheck")
