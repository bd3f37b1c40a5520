"""Who ran when: no step is lost or counted twice, and the picture says what the account says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.machines.timeline import MOST_BUCKETS, Timeline
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import result
from tests.pgcheck.pages import parsed, text_of
from tests.specifications import GUESTS

PG74 = GUESTS / "pg74" / "hello.s"
SVG = "{http://www.w3.org/2000/svg}"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2000)), max_size=60))
def test_every_step_is_in_one_stretch(told: list[tuple[str, int]]) -> None:
    timeline, total = Timeline(), Counter[str]()
    for lane, steps in told:
        timeline.add(lane, steps)
        total[lane] += steps
    assert sum(timeline.buckets, Counter[str]()) == +total
    assert timeline.now == total.total() and len(timeline.buckets) <= MOST_BUCKETS
    assert all(bucket.total() == timeline.width for bucket in timeline.buckets[:-1])


def test_stretches_keep_their_order() -> None:
    timeline = Timeline()
    timeline.add("a", 3000)
    timeline.add("b", 3000)
    lanes = [max(bucket, key=lambda lane: bucket[lane]) for bucket in timeline.buckets]
    assert lanes == sorted(lanes) and set(lanes) == {"a", "b"}


def drawn(pgcheck: Pgcheck, answer: Answer, file: Path) -> None:
    answer.result = result()
    ran = pgcheck("run", "pg74", PG74, "--vmm", "type1", "--guests", 2, "--memory", 352, "--timeline", file)
    assert ran.code == 0


def test_the_picture_has_each_guest_and_the_monitor(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    drawn(pgcheck, answer, tmp_path / "t.svg")
    root = ElementTree.parse(tmp_path / "t.svg").getroot()
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert texts[0] == "pg74 under a type 1 monitor"
    assert [t for t in texts if "mode" in t or t == "monitor"] == [
        "guest 1, user mode",
        "guest 1, supervisor mode",
        "guest 2, user mode",
        "guest 2, supervisor mode",
        "monitor",
    ]
    # 161 steps on the processor and 31 interventions for each of the two (test_guests.py), in turns: one after the other.
    assert "384 steps" in texts and "24 emulated" in texts
    first, second = (
        [float(e.get("x", "")) for e in root.iter(f"{SVG}rect") if (e.findtext(f"{SVG}title") or "").startswith(name)]
        for name in ("guest 1, supervisor", "guest 2, supervisor")
    )
    assert first and second and max(first) < min(second)


def test_the_page_says_it_in_a_table_too(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    drawn(pgcheck, answer, tmp_path / "t.html")
    tree = parsed((tmp_path / "t.html").read_text(encoding="utf-8"))
    rows = dict([text_of(td) for td in row.iter("td")] for row in tree.iter("tr") if row.find("td") is not None)
    assert rows == {
        "guest 1, user mode": "2",
        "guest 1, supervisor mode": "159",
        "guest 2, user mode": "2",
        "guest 2, supervisor mode": "159",
        "monitor": "62",
    }


@pytest.mark.parametrize("words", [("--timeline", "t.png", "--vmm", "type1"), ("--timeline", "t.svg")])
def test_what_cannot_be_drawn_is_refused(pgcheck: Pgcheck, tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = pgcheck("run", "pg74", PG74, *words)
    assert ran.code == 2 and "--timeline" in ran.err and not list(tmp_path.iterdir())
