"""What holds of every test: it has a time limit, and a campaign a longer one."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import conftest
from tests.specifications import ROOT

SLEEPERS = """
import time
import pytest

def test_quick():
    pass

def test_sleeps():
    time.sleep(5)

@pytest.fixture
def slow():
    time.sleep(5)

def test_waits_for_its_fixture(slow):
    pass

@pytest.mark.campaign
def test_campaign():
    time.sleep(0.6)

@pytest.mark.campaign
@pytest.mark.timeout(0.1)
def test_campaign_with_a_limit():
    time.sleep(5)
"""


def ended(folder: Path, *options: str) -> dict[str, str]:
    """How each of `SLEEPERS` ends under the project's configuration with `options`, by name."""
    (folder / "test_sleepers.py").write_text(SLEEPERS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *options, "-v", "--rootdir", str(folder), str(folder)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = (line.partition("test_sleepers.py::")[2].split() for line in done.stdout.splitlines() if "%]" in line)
    return {words[0]: words[1] for words in lines}


def test_a_test_that_takes_too_long_fails(tmp_path: Path) -> None:
    assert ended(tmp_path, "-o", "timeout=0.4") == {
        "test_quick": "PASSED",
        "test_sleeps": "FAILED",
        "test_waits_for_its_fixture": "ERROR",
    }


def test_a_campaign_may_take_its_time_unless_it_says_its_own(tmp_path: Path) -> None:
    assert ended(tmp_path, "-o", "timeout=0.4", "-m", "campaign") == {
        "test_campaign": "PASSED",
        "test_campaign_with_a_limit": "FAILED",
    }


class _Item:
    """A collected test with some markers."""

    def __init__(self, *marks: str, folder: str = "isa") -> None:
        self.path = Path(conftest.__file__).parent / folder / "deeper" / "test_made_up.py"
        self.marks = {name: pytest.Mark(name, (), {}) for name in marks}

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self.marks.get(name)

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.marks[marker.name] = marker.mark


def test_a_campaign_has_a_limit_too() -> None:
    plain, campaign, own = _Item(), _Item("campaign"), _Item("campaign", "timeout")
    conftest.pytest_collection_modifyitems([plain, campaign, own])  # type: ignore[list-item]
    assert "timeout" not in plain.marks and own.marks["timeout"].args == ()
    assert 0 < campaign.marks["timeout"].args[0] <= 24 * 3600


def test_what_solvers_answer_is_slow() -> None:
    texts, answers = _Item(), _Item(folder="checker")
    conftest.pytest_collection_modifyitems([texts, answers])  # type: ignore[list-item]
    assert "slow" not in texts.marks and "slow" in answers.marks
    assert all((Path(conftest.__file__).parent / folder).is_dir() for folder in conftest.ASKED)


def test_there_is_a_limit(request: pytest.FixtureRequest) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert 0 < options["timeout"] <= 1800 and float(request.config.getini("timeout")) == options["timeout"]
