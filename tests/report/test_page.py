from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from robustill.report import write_report
from robustill.report.page import unbroken
from tests.report.fabricate import CLASSES, run_directory, teacher_directory
from tests.report.read_page import Page

IGDM = "PGDAT() + IGDM(alpha=10)"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    base = {"best": {"clean": 0.885, "pgd20": 0.775}, "last": {"clean": 0.89, "pgd20": 0.7625}}
    plus = {"best": {"clean": 0.8825, "pgd20": 0.79}, "last": {"clean": 0.8875, "pgd20": 0.7775}}
    return [
        teacher_directory(folder / "teacher", {"clean": 0.9, "pgd20": 0.84}),
        run_directory(folder / "pgdat", accuracies=base, agreement=(0.53, 0.62)),
        run_directory(folder / "igdm", method=IGDM, accuracies=plus, agreement=(0.45, 0.71)),
    ]


@pytest.fixture(scope="module")
def page(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Page:
    output = write_report(runs, tmp_path_factory.mktemp("page") / "report.html")
    return Page(output.read_text(encoding="utf-8"))


def test_the_page_is_whole_and_has_every_section(page: Page) -> None:
    assert page.open == []
    assert [a["id"] for a in page.named("section")] == [
        "results",
        "tradeoff",
        "training",
        "agreement",
        "gradients",
        "gallery",
        "surfaces",
        "cost",
        "protocol",
        "settings",
    ]
    # scatter, four curves, GD and GC, two images with gradient maps, two attacked in two runs, two with three surfaces
    assert len([a for a in page.named("svg") if a.get("role") == "img"]) == 1 + 4 + 2 + 2 + 4 + 6 + 1


def test_the_first_heading_is_the_verdict_and_no_level_is_left_out(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert "With IGDM the student keeps 79.0" in "".join(page.words)


def test_numbers_on_the_page_are_those_of_the_files(page: Page, runs: list[Path]) -> None:
    head, *rows = next(table for table in page.tables if table[0][0][0] == "Network")
    titles = [text.replace("\u00a0", " ") for text, _ in head]
    networks = dict(zip(("Teacher", "PGDAT", "PGDAT + IGDM(alpha=10)"), runs, strict=True))
    assert len(rows) == 5
    for row in rows:
        file = networks[row[0][0]] / "evaluation" / f"{row[1][0]}.json"
        written = json.loads(file.read_text())
        for title, key in (("Clean %", "clean"), ("PGD-20 %", "pgd20")):
            text, value = row[titles.index(title)]
            truth = written["accuracies"][key]["correct"] / written["accuracies"][key]["n"]
            assert float(value or "nan") == truth == written["accuracies"][key]["accuracy"]
            assert float(text) == pytest.approx(100 * truth, abs=0.0501)
        for title, key in (("GD ↓", "gd"), ("GC ↑", "gc")):
            text, value = row[titles.index(title)]
            if key in written["agreement"]:
                assert float(value or "nan") == written["agreement"][key]["mean"]
                assert float(text) == pytest.approx(written["agreement"][key]["mean"], abs=0.000501)
            else:
                assert text == "–"
        assert row[titles.index("Parameters")] == (f"{written['parameters']:,}", str(written["parameters"]))


def test_every_row_of_the_log_is_behind_the_curves(page: Page, runs: list[Path]) -> None:
    head, *rows = next(table for table in page.tables if table[0][0][0] == "Run")
    logged = [json.loads(line) for run in runs[1:] for line in (run / "metrics.jsonl").read_text().splitlines()]
    loss = [text for text, _ in head].index("loss")
    assert [float(row[loss][1] or "nan") for row in rows] == [row["loss"] for row in logged]


def test_every_picture_is_described_and_every_id_occurs_once(page: Page) -> None:
    pictures = [a for a in page.named("svg") if a.get("aria-hidden") != "true"]
    assert all(a.get("aria-label") and a.get("role") == "img" for a in pictures)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_every_chart_has_its_data_behind_a_fold(page: Page) -> None:
    summaries = re.findall(r"<summary>(.*?)</summary>", page.text)
    assert [s for s in summaries if s.startswith("Data of")] == [
        "Data of this chart",
        "Data of these charts",
        "Data of these charts",
        "Data of these maps",
        "Data of these pictures",
        "Data of these surfaces",
        "Data of this chart",
    ]


def test_the_page_needs_nothing_from_anywhere(page: Page) -> None:
    assert [a for a in page.named("script") if a] == []  # one of its own, and none with a source
    links = [a[key] or "" for _, a in page.tags for key in ("src", "href", "xlink:href", "srcset") if key in a]
    assert {link.partition(":")[0] for link in links if not link.startswith("#")} == {"data"}
    assert not re.findall(r"@import|url\((?!#)", page.text)


def test_light_dark_phone_and_print_are_provided_for(page: Page) -> None:
    for rule in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert rule in page.text
    defined = set(re.findall(r"(--[a-z0-9]+):", page.text))
    assert set(re.findall(r"var\((--[a-z0-9]+)", page.text)) <= defined


def test_the_same_runs_give_the_same_page(page: Page, runs: list[Path], tmp_path: Path) -> None:
    assert write_report(runs, tmp_path / "again.html").read_text(encoding="utf-8") == page.text
    assert page.text.count("\n") > 100
    assert len(page.text) < 5_000_000


def test_names_with_html_in_them_are_shown_as_text(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    classes = ("<b>bold</b>", '"><script>alert(2)</script>', *CLASSES[2:])
    path = run_directory(
        tmp_path / "<i>run<i>",
        method=f"PGDAT(note='{evil}')",
        accuracies={"best": {"clean": 0.9, evil: 0.8}},
        classes=classes,
        settings={"data": evil},
    )
    text = write_report([path], tmp_path / "report.html").read_text(encoding="utf-8")
    read = Page(text)
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"img", "b", "i"}
    assert len(read.named("script")) == 1
    assert "onerror" not in {key for _, attributes in read.tags for key in attributes}
    words = "".join(read.words)
    assert evil in words
    assert "<i>run<i>" in words
    assert "<b>bold</b>" in words
    assert '"><script>alert(2)</script>' in words
    assert "✓ <b>bold</b>" in words  # inside a drawing


@pytest.mark.parametrize(
    ("case", "present", "absent"),
    [
        ("single", {"gallery", "gradients"}, {"tradeoff"}),
        ("training", {"training", "results"}, {"tradeoff", "gallery", "gradients"}),
        ("settings only", {"results", "protocol"}, {"training", "tradeoff"}),
        ("checkpoint", {"results", "protocol"}, {"training", "tradeoff"}),
        ("clean only", {"results", "training"}, {"tradeoff"}),
        ("no pictures", {"results", "training"}, {"gallery", "gradients"}),
    ],
)
def test_whatever_is_missing_leaves_a_page_without_it(
    tmp_path: Path, case: str, present: set[str], absent: set[str]
) -> None:
    both = {"best": {"clean": 0.9, "pgd20": 0.8}}
    path = {
        "single": lambda p: run_directory(p, accuracies=both, pictures=1),
        "training": lambda p: run_directory(p, done=2, validated=False),
        "settings only": lambda p: run_directory(p, done=0),
        "checkpoint": lambda p: teacher_directory(p, both["best"], pictures=1),
        "clean only": lambda p: run_directory(p, accuracies={"last": {"clean": 0.9}}, pictures=0),
        "no pictures": lambda p: run_directory(p, accuracies=both, pictures=0),
    }[case](tmp_path / "run")
    read = Page(write_report([path], tmp_path / "report.html").read_text(encoding="utf-8"))
    shown = {a["id"] for a in read.named("section")}
    assert present <= shown
    assert not absent & shown


def test_pictures_of_several_seeds_come_from_the_first_pair_that_kept_them(tmp_path: Path) -> None:
    both = {"best": {"clean": 0.9, "pgd20": 0.8}}
    paths = [
        run_directory(tmp_path / f"{name}{seed}", method=method, seed=seed, accuracies=both, pictures=2 * seed, done=1)
        for seed in (0, 1)
        for name, method in (("base", "PGDAT()"), ("igdm", IGDM))
    ]
    words = "".join(Page(write_report(paths, tmp_path / "report.html").read_text(encoding="utf-8")).words)
    assert "Attacks on PGDAT, seed 1, checkpoint “best”" in words
    assert "base: PGDAT, seed 1; + IGDM: PGDAT + IGDM(alpha=10), seed 1" in words
    assert "seed 0, checkpoint" not in words


def test_the_protocol_names_runs_only_where_they_differ(page: Page, tmp_path: Path) -> None:
    words = " ".join("".join(page.words).split())
    assert words.count("20,490 parameters, 1.1 M multiply-accumulates") == 1
    paths = [run_directory(tmp_path / str(epochs), epochs=epochs, done=1) for epochs in (4, 8)]
    other = " ".join("".join(Page(write_report(paths, tmp_path / "r.html").read_text(encoding="utf-8")).words).split())
    assert "4 epochs of 32 steps, batch 128 PGDAT, epochs 4 8 epochs of 32 steps, batch 128 PGDAT, epochs 8" in other


def test_words_with_a_hyphen_are_kept_on_one_line_and_escaped() -> None:
    assert unbroken("under PGD-20, <b>") == 'under <span class="unbroken">PGD-20,</span> &lt;b&gt;'


def test_a_refused_path_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is an ordinary directory"):
        write_report([tmp_path], tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_the_report_needs_no_torch_and_its_import_no_matplotlib(runs: list[Path], tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from robustill.report import write_report\n"
        "assert not {'torch', 'matplotlib'} & sys.modules.keys(), 'import'\n"
        f"write_report([Path({str(runs[1])!r})], Path({str(tmp_path / 'r.html')!r}))\n"
        "assert 'torch' not in sys.modules, 'write'\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
