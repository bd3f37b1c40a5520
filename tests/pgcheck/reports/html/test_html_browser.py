"""The page in a real browser: its script, its look at two widths, and that it needs neither script nor network.

Needs Chromium and its driver (Debian: chromium, chromium-driver) and selenium. With PGCHECK_SCREENSHOTS set to a folder, its pictures are kept there.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgcheck import cli
from pgcheck.reports.formats.html import render
from tests.pgcheck.pages import poisoned_run, real
from tests.pgcheck.stories import TIMELESS, hostile, story

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
if not (BROWSER and DRIVER):
    pytest.skip("no Chromium with its driver (Debian: chromium, chromium-driver)", allow_module_level=True)
pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

WIDE, NARROW = 1280, 500


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = BROWSER or ""
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    except WebDriverException as error:
        pytest.skip(f"Chromium does not start: {error.msg}")
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(render(story(real("m68000"), real("pg74")), TIMELESS), encoding="utf-8")
    return file.as_uri()


def opened(browser: Any, address: str, width: int = WIDE, *, scripts: bool = True, scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    browser.get_log("browser")
    browser.get("about:blank")
    browser.get(address)


def complaints(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def unfold_rows(browser: Any) -> None:
    """Open what the tables of all rows are folded into."""
    browser.execute_script("for (const form of document.forms) form.closest('details').open = true")


def shown(browser: Any) -> list[str]:
    """The instructions of the first table that can be seen."""
    lines = browser.find_elements(By.CSS_SELECTOR, "#m0-d0-table tbody.line")
    return [line.find_element(By.CSS_SELECTOR, "th").text for line in lines if line.is_displayed()]


def form(browser: Any, name: str) -> Any:
    return browser.find_element(By.CSS_SELECTOR, f"form[data-table='m0-d0-table'] [name='{name}']")


ALL = ["move.from_sr", "move.to_sr", "rte", "trap", "moveq"]


def test_search_narrows_the_table_as_one_types(browser: Any, page: str) -> None:
    opened(browser, page)
    unfold_rows(browser)
    assert shown(browser) == ALL
    form(browser, "q").send_keys("STATUS register")
    assert shown(browser) == ["move.from_sr", "move.to_sr"]
    assert browser.find_element(By.CSS_SELECTOR, "form output").text == "2 of 5 rows"
    form(browser, "q").send_keys(" nonsense")
    assert shown(browser) == []
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    assert shown(browser) == ALL
    assert complaints(browser) == []


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("verdict", "hole", ["move.from_sr"]),
        ("verdict", "privileged", ["move.to_sr", "rte"]),
        ("privileged", "yes", ["move.to_sr", "rte"]),
        ("sensitive", "yes", ["move.from_sr", "move.to_sr", "rte"]),
        ("sensitive", "no", ["trap", "moveq"]),
        ("sensitive", "timing", []),
    ],
)
def test_filters(browser: Any, page: str, name: str, value: str, expected: list[str]) -> None:
    opened(browser, page)
    unfold_rows(browser)
    Select(form(browser, name)).select_by_value(value)
    assert shown(browser) == expected
    assert complaints(browser) == []


def test_filters_add_up_and_concern_one_table(browser: Any, page: str) -> None:
    opened(browser, page)
    unfold_rows(browser)
    Select(form(browser, "privileged")).select_by_value("yes")
    form(browser, "q").send_keys("return" + Keys.ENTER)
    assert shown(browser) == ["rte"]
    others = browser.find_elements(By.CSS_SELECTOR, "#m1-d0-table tbody.line")
    assert len(others) == 10 and all(line.is_displayed() for line in others)


def test_a_row_unfolds_by_mouse_and_by_keyboard(browser: Any, page: str) -> None:
    opened(browser, page)
    summary = browser.find_element(By.CSS_SELECTOR, "#m0-d0-i1 summary")
    blocks = browser.find_element(By.CSS_SELECTOR, "#m0-d0-i1 .blocks")
    assert not summary.is_displayed() and not blocks.is_displayed()
    unfold_rows(browser)
    summary.click()
    assert blocks.is_displayed() and "Encoding".upper() in blocks.text.upper()
    summary.send_keys(Keys.ENTER)
    assert not blocks.is_displayed()
    assert complaints(browser) == []


def test_witnesses_of_holes_are_open_from_the_start(browser: Any, page: str) -> None:
    opened(browser, page)
    witness = browser.find_element(By.CSS_SELECTOR, "#m0-d0-h0 table.witness")
    assert witness.is_displayed() and "virtual machine" in witness.text and "0x2000" in witness.text


def test_a_cell_of_the_opcode_map_leads_to_its_row(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.find_element(By.CSS_SELECTOR, ".map .hole rect").click()
    row = browser.find_element(By.CSS_SELECTOR, "#m0-d0-i0 .blocks")
    assert row.is_displayed() and browser.current_url.endswith("#m0-d0-i0")
    assert complaints(browser) == []


def test_all_that_is_shown_unfolds_at_once(browser: Any, page: str) -> None:
    opened(browser, page)
    unfold_rows(browser)
    Select(form(browser, "verdict")).select_by_value("privileged")
    browser.find_element(By.CSS_SELECTOR, "button[data-open='yes']").click()
    unfolded = browser.find_elements(By.CSS_SELECTOR, "#m0-d0-table .more > td > details[open]")
    assert len(unfolded) == 2
    browser.find_element(By.CSS_SELECTOR, "button[data-open='']").click()
    assert browser.find_elements(By.CSS_SELECTOR, "#m0-d0-table .more > td > details[open]") == []


def test_a_link_to_a_row_unfolds_it(browser: Any, page: str) -> None:
    opened(browser, page + "#m0-d0-i1")
    assert browser.find_element(By.CSS_SELECTOR, "#m0-d0-i1 .blocks").is_displayed()
    assert not browser.find_element(By.CSS_SELECTOR, "#m0-d0-i0 .blocks").is_displayed()


def test_what_has_the_focus_shows_it(browser: Any, page: str) -> None:
    opened(browser, page)
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    first = browser.switch_to.active_element
    assert first.text == "Skip to the results" and first.is_displayed()
    assert first.value_of_css_property("outline-style") == "solid"


PROBLEMS = """
const seen = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (rgb) => {
  const [r, g, b] = rgb.map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = (element) => {
  const tile = element.closest("g.tile, .flow g");
  if (tile && tile.querySelector("rect")) return seen(getComputedStyle(tile.querySelector("rect")).fill);
  for (let e = element; e; e = e.parentElement) {
    const colour = seen(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const faint = [], boxes = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, parent = node.parentElement, range = document.createRange();
  if (!node.data.trim() || parent.closest("script, style, title, .skip, .hidden, select")) continue;
  range.selectNodeContents(node);
  const rects = Array.from(range.getClientRects()).filter((r) => r.width > 1 && r.height > 1);
  if (!rects.length || !parent.checkVisibility()) continue;
  const style = getComputedStyle(parent), ink = parent.closest("svg") ? style.fill : style.color;
  const [dark, bright] = [light(seen(ink)), light(ground(parent).slice(0, 3))].sort((a, b) => a - b);
  if ((bright + .05) / (dark + .05) < 4.5) faint.push(node.data.trim());
  for (const rect of rects) boxes.push([rect, node]);
}
boxes.sort((a, b) => a[0].top - b[0].top);
const apart = [];
for (let i = 0; i < boxes.length; i++)
  for (let j = i + 1; j < boxes.length && boxes[j][0].top < boxes[i][0].bottom - 4; j++) {
    const [a, one] = boxes[i], [b, other] = boxes[j];
    if (one !== other && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
        && !one.parentElement.closest("thead") && !other.parentElement.closest("thead"))
      apart.push(`${one.data.trim()} | ${other.data.trim()}`);
  }
return [faint, apart, boxes.length];
"""


def problems(browser: Any) -> tuple[list[str], list[str], int]:
    """Texts with less contrast than WCAG asks for, pairs that lie over one another, and how many were looked at."""
    faint, over, seen = browser.execute_script(PROBLEMS)
    return faint, over, seen


def test_what_is_faint_or_lies_over_another_is_found(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(
        "<!doctype html><title>x</title><body style='background:#fff'><p style='color:#bbb'>faint</p>"
        "<p style='position:absolute;top:200px'>first</p><p style='position:absolute;top:204px'>second</p>"
        "<svg><g class='tile'><rect width='99' height='20' fill='#000'/><text y='12' fill='#222'>dark</text></g></svg>",
        encoding="utf-8",
    )
    opened(browser, (tmp_path / "bad.html").as_uri())
    assert problems(browser) == (["faint", "dark"], ["first | second"], 4)


def kept(browser: Any, name: str, tmp_path: Path) -> Path:
    """A picture of the whole page as it stands."""
    folder = Path(os.environ.get("PGCHECK_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})["data"]
    (folder / f"{name}.png").write_bytes(base64.b64decode(picture))
    return folder / f"{name}.png"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_picture_at_two_widths(browser: Any, page: str, width: int, scheme: str, tmp_path: Path) -> None:
    opened(browser, page + "#m0-d0-i0", width, scheme=scheme)
    assert kept(browser, f"page-{width}-{scheme}", tmp_path).stat().st_size > 10_000
    wide, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, "only tables scroll sideways"
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(246, 247, 249)" if scheme == "light" else "rgb(17, 21, 27)")
    faint, over, seen = problems(browser)
    assert (faint, over) == ([], []) and seen > 300
    assert complaints(browser) == []


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The trap table of some rows, and a page with the plan of a monitor."""
    folder = tmp_path_factory.mktemp("more")
    made = {
        "traps": ("traps", "riscv64", "sret", "satp", "cycle", "lw", "--no-second", "--format", "html", "--output"),
        "plan": ("pg74", "--plan", "--no-timing", "--no-second", "--output"),
    }
    for name, words in made.items():
        file = folder / f"{name}.html"
        assert cli.run([*words, f"html={file}" if name == "plan" else str(file)]) == 0
    return {name: (folder / f"{name}.html").as_uri() for name in made}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", ["traps", "plan"])
def test_pictures_of_traps_and_plan(
    browser: Any, more: dict[str, str], name: str, width: int, scheme: str, tmp_path: Path
) -> None:
    opened(browser, more[name] + "#term-knob", width, scheme=scheme)
    assert kept(browser, f"{name}-{width}-{scheme}", tmp_path).stat().st_size > 10_000
    wide, window = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, "only tables scroll sideways"
    faint, over, seen = problems(browser)
    assert (faint, over) == ([], []) and seen > 60
    assert complaints(browser) == []


def test_a_word_leads_to_its_meaning(browser: Any, page: str) -> None:
    opened(browser, page)
    browser.find_element(By.CSS_SELECTOR, ".matrix a.term").click()
    assert browser.current_url.endswith("#term-privileged")
    assert browser.find_element(By.ID, "term-privileged").is_displayed()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_slides_turn_by_keys(browser: Any, width: int, tmp_path: Path) -> None:
    file = tmp_path / "slides.html"
    file.write_text(render(story(real("m68000")), replace(TIMELESS, present=True)), encoding="utf-8")
    opened(browser, file.as_uri(), width)
    top = "return document.querySelectorAll('.slide')[arguments[0]].getBoundingClientRect().top"
    body = browser.find_element(By.TAG_NAME, "body")
    for key, slide in (
        (Keys.ARROW_RIGHT, 1),
        (Keys.SPACE, 2),
        (Keys.ARROW_LEFT, 1),
        (Keys.PAGE_UP, 0),
        (Keys.ARROW_UP, 0),
    ):
        body.send_keys(key)
        assert abs(browser.execute_script(top, slide)) < 2
    kept(browser, f"slides-{width}", tmp_path)
    faint, over, seen = problems(browser)
    assert (faint, over) == ([], []) and seen > 100
    assert complaints(browser) == []


def test_the_page_reads_without_scripts(browser: Any, page: str) -> None:
    opened(browser, page, scripts=False)
    assert browser.find_element(By.CSS_SELECTOR, "#m0-d0-h0 table.witness").is_displayed()
    fold = browser.find_element(By.CSS_SELECTOR, "section[aria-labelledby='m0-d0-instructions'] > .fold > summary")
    fold.click()
    assert shown(browser) == ALL
    assert not browser.find_element(By.CSS_SELECTOR, "form.filters").is_displayed()
    opened(browser, "about:blank")


@pytest.mark.parametrize("kind", ["specification", "results"])
def test_markup_in_specifications_is_never_run(browser: Any, tmp_path: Path, kind: str) -> None:
    told = story(poisoned_run(tmp_path)) if kind == "specification" else hostile()
    (tmp_path / "page.html").write_text(render(told, TIMELESS), encoding="utf-8")
    opened(browser, (tmp_path / "page.html").as_uri())
    assert browser.execute_script("return [typeof owned, document.scripts.length, document.images.length]") == [
        "undefined",
        1,
        0,
    ]
    assert "owned" != browser.title
    assert complaints(browser) == []


def test_a_script_that_is_not_ours_would_not_run(browser: Any, page: str, tmp_path: Path) -> None:
    """The page's own policy, should something ever slip through the escapes."""
    text = render(story(real("pg74")), TIMELESS).replace("</main>", "<script>var owned = 1</script></main>")
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    opened(browser, (tmp_path / "page.html").as_uri())
    assert browser.execute_script("return typeof owned") == "undefined"
    assert any("Content Security Policy" in message for message in complaints(browser))
