"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests import processes

CAMPAIGN = 24 * 3600
"""Seconds for one campaign: several times what the longest takes."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """A campaign takes minutes to hours: it is held to a day instead of the time of one test, unless it says its own."""
    for item in items:
        if item.get_closest_marker("campaign") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(CAMPAIGN))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes that the test starts end on SIGINT, whatever the shell says that started the tests."""
    with processes.interruptible():
        yield
