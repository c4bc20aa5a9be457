"""The page of the comparison: that no number is lost, and that it needs nothing but itself."""

import base64
import html
import re
import statistics

import pytest

pytest.importorskip("sklearn", reason="the comparison needs the extra 'study'")

from commands import check_self_contained, downloads, in_words
from scipy import stats

from applications.device_aware import cli
from applications.device_aware.figure import pictures
from applications.device_aware.report import write_report
from applications.device_aware.results import (
    ANALOG,
    AWARE,
    CLEAN,
    Comparison,
    Curve,
    Folder,
    Settings,
    Setup,
)
from applications.device_aware.summary import findings
from simulator import CrossSimParameters

IMAGES = 2000
CORRECT = {CLEAN: [1941], ANALOG: [1702, 1811, 1758], AWARE: [1903, 1877, 1890]}
SETTINGS = Settings("digits", "5eed", epochs=3, chips=3, error=0.23, batch_size=48, seed=4321,
                    threads=2)  # fmt: skip
SETUP = Setup(
    command="python -m applications.device_aware --out '<script>'",
    started="2031-05-06 07:08+09:00",
    versions={"OhmCore": "7.6.5", "Python": "3.99.1", "torch": "9.8.7+cpu"},
    data="pictures & <b>labels</b>",
    training_seconds={CLEAN: 12.3, AWARE: 45.6},
)
CURVES = {
    CLEAN: Curve((2.11, 1.22, 0.333), (2.44, 1.55, 0.666)),
    AWARE: Curve((2.77, 1.88, 0.999), (2.12, 1.34, 0.560)),
}
COMPARISON = Comparison(CORRECT, IMAGES, CURVES, SETUP.training_seconds)


def written(path, comparison=COMPARISON, settings=SETTINGS, setup=SETUP):
    """Write the results of `comparison` and its page; return the page."""
    folder = Folder(path, settings)
    folder.begin()
    folder.write(comparison, setup, CrossSimParameters())
    write_report(folder, comparison, setup)
    return folder.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with results and page; for reading only."""
    path = tmp_path_factory.mktemp("page") / "out"
    written(path)
    return path


@pytest.fixture
def page(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def tables(page):
    """The rows of each table, without the header, as texts of cells."""
    return [
        [
            [in_words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)[1:]
        ]
        for table in re.findall(r"<table>(.*?)</table>", page, re.DOTALL)
    ]


def numbers(cells):
    return [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells if cell]


def student(values):
    """Mean and ends of the interval."""
    error = stats.sem(values)
    return [statistics.mean(values), *stats.t.interval(0.95, len(values) - 1,
            loc=statistics.mean(values), scale=error)]  # fmt: skip


def test_the_table_has_mean_interval_spread_and_extremes_of_every_line(page):
    clean, analog, aware = tables(page)[0]
    assert [clean[0], analog[0], aware[0]] == [CLEAN, ANALOG, AWARE]
    wilson = stats.binomtest(1941, IMAGES).proportion_ci(0.95, "wilson")
    expected = [97.05, 100 * wilson.low, 100 * wilson.high]
    assert numbers(clean[3:]) == pytest.approx(expected, abs=0.005)
    for row, line in ((analog, ANALOG), (aware, AWARE)):
        values = [100 * correct / IMAGES for correct in CORRECT[line]]
        spread = [statistics.stdev(values), min(values), max(values), 3]
        assert numbers(row[3:]) == pytest.approx([*student(values), *spread], abs=0.005)


def test_the_differences_are_those_of_the_same_chip(page):
    pairs = ((CLEAN, ANALOG), (AWARE, ANALOG), (CLEAN, AWARE))
    for row, (line, other) in zip(tables(page)[1], pairs, strict=True):
        ahead = 3 * CORRECT[line] if line == CLEAN else CORRECT[line]
        values = [100 * (a - b) / IMAGES for a, b in zip(ahead, CORRECT[other])]
        assert row[1] == f"{line} \N{MINUS SIGN} {other}"
        expected = [*student(values), min(values), max(values)]
        assert numbers(row[2:]) == pytest.approx(expected, abs=0.005)


def test_every_chip_is_there(page):
    assert [numbers(row) for row in tables(page)[2]] == [
        [1, 1702, 85.1, 1903, 95.15, 10.05],
        [2, 1811, 90.55, 1877, 93.85, 3.3],
        [3, 1758, 87.9, 1890, 94.5, 6.6],
    ]


def test_the_cards_have_mean_interval_and_extremes(page):
    cards = re.findall(r'<div class="card".*?</div>', page, re.DOTALL)
    rows = tables(page)[0]
    assert len(cards) == 3
    for card, (line, trained, run, mean, low, high, *rest) in zip(map(in_words, cards), rows):
        assert card.startswith(f"{line} {mean} % correct 95 % interval {low} to {high} %")
        assert card.endswith(f"trained {trained}, run {run}")
        if line != CLEAN:
            assert f"chips from {rest[1]} to {rest[2]} %" in card
    assert "1941 of 2000 images" in in_words(cards[0])


def test_the_sentences_of_the_terminal_are_there(page):
    for sentence in findings(COMPARISON, SETTINGS):
        assert sentence in in_words(page)


def test_the_captions_have_the_last_losses(page):
    assert "digital 0.333 and 0.666; device-aware 0.999 and 0.560" in in_words(page)


def test_what_it_takes_to_repeat_it_is_there(page):
    (details,) = re.findall(r'<section id="setup">(.*)<details>', page, re.DOTALL)
    text = in_words(details)
    for words in (
        "Command python -m applications.device_aware --out '<script>'",
        "Started 2031-05-06 07:08+09:00",
        "Seed 4321",
        "a cell misses its conductance by 23 % of it",
        "a learning rate of 0.001, 3 epochs, batches of 48; 20 % of the training images",
        "12.3 s digitally, 45.6 s with the device, threads: 2",
        "Chips 3,",
        "Versions OhmCore 7.6.5, Python 3.99.1, torch 9.8.7+cpu",
        "--out",
    ):
        assert words in text


def test_the_configuration_is_there_to_the_letter(folder, page):
    (shown,) = re.findall(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)
    for name in ("study.yaml", "parameters.yaml"):
        assert (folder / name).read_text(encoding="utf-8") in html.unescape(shown)


def test_what_can_be_downloaded_are_the_files(folder, page):
    names = ["results.csv", "losses.csv"]
    assert downloads(page, "text/csv") == [(name, (folder / name).read_bytes()) for name in names]


def test_the_page_needs_nothing_but_itself(page):
    check_self_contained(page, figures=2)


def test_the_figures_are_there_with_words_for_those_who_cannot_see_them(page):
    shown = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)">', page)
    drawn = [(picture.svg, picture.alt) for picture in pictures(COMPARISON)]
    assert [(base64.b64decode(svg), alt) for svg, alt in shown] == drawn
    assert shown[0][1].endswith("clean 97.05 %, analog 87.85 %, device-aware 94.50 %")


def test_numbers_say_what_they_are(page):
    headers = [in_words(row) for row in re.findall(r"<thead>(.*?)</thead>", page, re.DOTALL)]
    for header, names in zip(
        headers,
        (
            ["mean (%)", "95 % from", "standard deviation", "worst (%)", "best (%)", "chips"],
            ["percentage points", "mean", "95 % from", "least", "most"],
            ["chip", "analog: correct", "device-aware: correct", "(points)"],
        ),
        strict=True,
    ):
        for name in names:
            assert name in header
    assert "Shares of 2000 test images. Download all chips and all losses" in in_words(page)
    assert "<title>digits:" in page


def test_text_from_elsewhere_is_escaped(page):
    assert "<script" not in page
    assert "<b>" not in page
    assert "pictures & <b>labels</b>" in html.unescape(page)


def test_one_chip_has_no_interval(tmp_path):
    correct = {CLEAN: [1900], ANALOG: [1700], AWARE: [1850]}
    settings = Settings("digits", "", 3, 1, 0.3, 64, 1, 1)
    page = written(tmp_path, Comparison(correct, IMAGES, CURVES, SETUP.training_seconds), settings)
    assert not re.search(r"\b(None|nan|inf)\b", in_words(page.partition("<pre>")[0]))
    _, analog, aware = tables(page)[0]
    assert analog[3:] == ["85.00", "", "", "", "85.00", "85.00", "1"]
    assert aware[3:] == ["92.50", "", "", "", "92.50", "92.50", "1"]
    assert [row[2:] for row in tables(page)[1]] == [
        ["10.00", "", "", "10.00", "10.00"],
        ["7.50", "", "", "7.50", "7.50"],
        ["2.50", "", "", "2.50", "2.50"],
    ]


# -- from the command line -------------------------------------------------------------------------


def run(folder):
    return cli.main(["--epochs", "1", "--chips", "2", "--out", str(folder)])


@pytest.fixture
def finished(tmp_path):
    """A folder that the command would show, without its page."""
    settings = Settings("digits", "", 1, 2, 0.3, 64, 1, 1)
    correct = {CLEAN: [400], ANALOG: [300, 310], AWARE: [350, 340]}
    written(tmp_path, Comparison(correct, 450, CURVES, SETUP.training_seconds), settings)
    (tmp_path / "index.html").rename(tmp_path / "first.html")
    return tmp_path


def test_a_finished_folder_without_a_page_gets_the_same_page(finished, monkeypatch, capsys):
    pytest.importorskip("torch", reason="the command needs the extra 'torch'")
    monkeypatch.setattr(cli, "_computed", None)
    assert run(finished) == 0
    assert (finished / "index.html").read_bytes() == (finished / "first.html").read_bytes()
    assert str(finished / "index.html") in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_named(finished, capsys):
    pytest.importorskip("torch", reason="the command needs the extra 'torch'")
    (finished / "parameters.yaml").unlink()
    assert run(finished) == 2
    assert "--out" in capsys.readouterr().err
    assert not (finished / "index.html").exists()
