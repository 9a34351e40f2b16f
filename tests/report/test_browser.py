"""The page in a browser: headless Chromium through Playwright; skipped where one of the two is absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from robustill.report import write_report
from tests.report.fabricate import CLASSES, run_directory
from tests.report.full import full_pair, twenty_runs

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUESTIONS = (Path(__file__).parent / "browser.js").read_text(encoding="utf-8")
CASES = ("pair", "single", "twenty", "missing", "training")

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM)
        yield found
        found.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A page by its case, written once."""
    folder, done = tmp_path_factory.mktemp("pages"), dict[str, Path]()
    both = {"best": {"clean": 0.9, "pgd20": 0.8}}

    def written(case: str) -> Path:
        if case not in done:
            place = folder / case
            runs = {
                "pair": lambda: full_pair(place),
                "single": lambda: [run_directory(place / "run", accuracies=both)],
                "twenty": lambda: twenty_runs(place),
                "missing": lambda: [
                    run_directory(place / "a", accuracies=both),
                    run_directory(place / "b", method="PGDAT() + IGDM()"),
                ],
                "training": lambda: [run_directory(place / "run", done=2, validated=False)],
                "names": lambda: [
                    run_directory(
                        place / "<b>run",
                        classes=("<img src=x onerror=alert(1)>", *CLASSES[1:]),
                        accuracies=both,
                        full=True,
                    )
                ],
            }[case]()
            done[case] = write_report(runs, folder / f"{case}.html")
        return done[case]

    return written


class Visit:
    """A page that was opened, with everything that a reader should not meet."""

    def __init__(self, browser: Any, file: Path, width: int, scheme: str) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def ask(self, question: str) -> list[str]:
        self.page.evaluate(QUESTIONS)
        answer: list[str] = self.page.evaluate(f"window.asked.{question}()")
        return answer

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()


@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_seen_whole_and_readable_on_a_phone_and_a_desk_by_day_and_night(
    browser: Any, report: Callable[[str], Path], case: str
) -> None:
    with Visit(browser, report(case), 1440, "light") as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((fold) => fold.open = true)")
        assert visit.ask("unnamed") == []
        assert visit.ask("structure") == []
        for width, scheme in product((390, 1440), ("light", "dark")):
            visit.page.set_viewport_size({"width": width, "height": 900})
            visit.page.emulate_media(color_scheme=scheme)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            assert visit.ask("figures") == []
            assert visit.ask("overlaps") == []
            assert visit.ask("contrast") == []
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith("data:")] == [report(case).as_uri()]


def test_the_questions_find_what_is_wrong(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("single"), 1440, "light") as visit:
        visit.page.add_style_tag(
            content=".lead { color: #aaa } #gradients svg { width: 90px } #settings h2 { display: none }"
        )
        visit.page.evaluate(
            "const [one, other] = document.querySelectorAll('#training text');"
            "one.replaceWith(other.cloneNode(true));"
            "document.body.append(document.createElement('button'));"
            "document.querySelector('h1').outerHTML = '<h3>no</h3>'"
        )
        for question in ("contrast", "figures", "structure", "overlaps", "unnamed"):
            assert visit.ask(question), question


def test_the_main_table_sorts_by_mouse_and_keyboard(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("twenty"), 1440, "light") as visit:
        table = visit.page.locator("#results table.sortable")
        title = table.locator("th", has_text="PGD-20 %").first
        index = title.evaluate("title => title.cellIndex")

        def values() -> list[float]:
            rows = f"table => [...table.tBodies[0].rows].map(row => Number(row.cells[{index}].dataset.value))"
            found: list[float] = table.evaluate(rows)
            return found

        before = values()
        title.locator("button").click()
        assert values() == sorted(before, reverse=True) != before
        assert title.get_attribute("aria-sort") == "descending"
        visit.page.keyboard.press("Enter")
        assert values() == sorted(before) and title.get_attribute("aria-sort") == "ascending"
        names = table.locator("th", has_text="Network").first
        names.locator("button").focus()
        visit.page.keyboard.press("Space")
        shown = table.locator("tbody th").all_text_contents()
        assert shown == sorted(shown, key=str.lower)
        assert (names.get_attribute("aria-sort"), title.get_attribute("aria-sort")) == ("ascending", "none")


def test_a_row_without_a_number_stays_last(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("missing"), 1440, "light") as visit:
        button = visit.page.locator("#results th button", has_text="Clean %")
        for _ in range(2):
            button.click()
            last = visit.page.locator("#results table.sortable tbody tr").last
            assert "not evaluated" in last.text_content()


def test_every_fold_opens_and_closes_by_keyboard(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("pair"), 390, "light") as visit:
        folds = visit.page.locator("details")
        assert folds.count() > 15
        for fold in folds.all():
            fold.locator("summary").first.focus()
            visit.page.keyboard.press("Enter")
            assert fold.evaluate("fold => fold.open && fold.querySelector('table, pre').checkVisibility()")
            visit.page.keyboard.press("Space")
            assert not fold.evaluate("fold => fold.open")


def test_a_printed_page_is_light_and_needs_no_more_width(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("pair"), 794, "dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.ask("contrast") == [] and visit.ask("figures") == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 794


def test_names_with_html_do_nothing(browser: Any, report: Callable[[str], Path]) -> None:
    with Visit(browser, report("names"), 1440, "light") as visit:
        assert visit.complaints == [] and visit.page.locator("img").count() == 0
        assert visit.page.get_by_text("<b>run").count() > 0
