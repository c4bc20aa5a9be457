"""The study from the command line: results, continuation, the page, and mistakes."""

import html
import re
import shutil

import numpy as np
import pytest
import yaml

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from commands import check_self_contained, downloads, rows

from applications.mvm_study import cli
from simulator import CrossSimParameters

SMALL = """
chips: 3
base: {adc_bits: 6, input_bits: 8, on_off_ratio: 50}
sweeps:
- {axis: programming_error, values: [0, 0.05, 0.1]}
"""
LARGE = """
chips: 3
base: {adc_bits: 6, input_bits: 8, on_off_ratio: 50}
sweeps:
- {axis: adc_bits, values: [4, 8, 12], title: <b>Bits, text: <script>x</script>}
- {axis: xbar.device.programming_error.model, parameters: {programming_error: 0.1},
   values: [NormalProportionalDevice, NormalIndependentDevice]}
grid: {cell_bits: [3, 6], programming_error: [0, 0.1]}
"""


def fill(folder):
    """Put an own product and two studies of it into a folder."""
    generator = np.random.default_rng(1)
    np.save(folder / "W.npy", generator.normal(size=(12, 20)))
    np.save(folder / "X.npy", generator.uniform(-1, 1, size=(20, 50)))
    (folder / "small.yaml").write_text(SMALL)
    (folder / "large.yaml").write_text(LARGE)


def run(folder, *arguments, study="small"):
    """Run a study of the product in `folder`, with the results in `folder/out`."""
    options = {"--matrix": "W.npy", "--inputs": "X.npy", "--config": f"{study}.yaml"}
    command = [word for key, name in options.items() for word in (key, str(folder / name))]
    return cli.main([*command, "--workers", "1", "--out", str(folder / "out"), *arguments])


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The results of the larger study; for reading only."""
    folder = tmp_path_factory.mktemp("large")
    fill(folder)
    assert run(folder, study="large") == 0
    return folder / "out"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder in which the smaller study is finished; for reading only."""
    folder = tmp_path_factory.mktemp("small")
    fill(folder)
    assert run(folder) == 0
    return folder


@pytest.fixture
def finished(small, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(small, tmp_path / "finished")


def not_allowed(*_):
    raise AssertionError("nothing should be computed")


def kill_after(count, patch):
    """Make the study stop, as if killed, once `count` chips are simulated."""
    whole = cli.simulate

    def cut_off(*arguments):
        for done, outcome in enumerate(whole(*arguments)):
            if done == count:
                raise KeyboardInterrupt
            yield outcome

    patch.setattr(cli, "simulate", cut_off)


def one_line(capsys):
    """Return what the last run complained about: one line, and no traceback."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def test_the_folder_holds_what_it_should(large):
    names = ["figures", "index.html", "parameters", "results.csv", "setup.yaml", "study.yaml"]
    assert sorted(path.name for path in large.iterdir()) == names
    figures = {path.name for path in (large / "figures").iterdir()}
    assert {"adc_bits-snr.png", "adc_bits-snr.svg", "grid-offset.png"} <= figures
    assert not list(large.rglob("*.partial*"))
    deterministic, random = 3 * (1 + 3 + 2), 3 * (2 + 2)
    assert len(list((large / "parameters").iterdir())) == deterministic + random
    assert len(rows(large)) == deterministic + 3 * random


def test_parameters_are_exact_and_can_be_read_back(large):
    tree = CrossSimParameters.from_yaml(str(large / "parameters/007-adc_bits-8-offset.yaml"))
    assert tree.xbar.adc.mvm.bits == 8
    assert tree.core.style.name == "OFFSET"
    assert tree.simulation.seed == 1
    assert np.shape(tree.xbar.adc.mvm.calibrated_range) == (2,)


def test_more_bits_are_better(large):
    for mapping in ("balanced", "offset", "bit-sliced"):
        own = [r for r in rows(large) if r["mapping"] == mapping and r["sweep"] == "adc_bits"]
        ratios = [float(row["snr_db"]) for row in own]
        assert len(ratios) == 3
        assert ratios == sorted(ratios)


def test_more_error_is_worse(small):
    for mapping in ("balanced", "offset", "bit-sliced"):
        own = [r for r in rows(small / "out") if r["mapping"] == mapping]
        shares = [float(row["programming_error"] or 0) for row in own]
        ratios = [float(row["snr_db"]) for row in own]
        means = [np.mean([r for s, r in zip(shares, ratios) if s == x]) for x in (0, 0.05, 0.1)]
        assert means == sorted(means, reverse=True)


def test_rows_are_consistent(large):
    for row in rows(large):
        assert row["accuracy"] == ""
        ratio = -20 * np.log10(float(row["relative_rms_error"]))
        assert float(row["snr_db"]) == pytest.approx(ratio, abs=1e-12)


def test_same_seed_same_bytes_for_any_number_of_workers(small, folder):
    one = (small / "out/results.csv").read_bytes()
    assert run(folder, "--workers", "2") == 0
    assert (folder / "out/results.csv").read_bytes() == one
    assert run(folder, "--seed", "2", "--out", str(folder / "other")) == 0
    assert (folder / "other/results.csv").read_bytes() != one


@pytest.mark.parametrize("count", [0, 7])
def test_a_cut_off_study_is_continued(small, folder, monkeypatch, capsys, count):
    with monkeypatch.context() as patch:
        kill_after(count, patch)
        assert run(folder) == 130
    assert "run the same command again" in capsys.readouterr().err
    assert len(rows(folder / "out")) == count
    with (folder / "out/results.csv").open("a") as file:
        file.write("9,base,bal")  # what a power cut may leave of a line
    assert run(folder) == 0
    whole = small / "out/results.csv"
    left = len(rows(small / "out")) - count
    assert f"simulated {left} chips" in capsys.readouterr().err
    assert (folder / "out/results.csv").read_bytes() == whole.read_bytes()


def test_a_study_cut_off_before_its_page_gets_the_page(finished, monkeypatch):
    page = finished / "out/index.html"
    page.unlink()
    monkeypatch.setattr(cli, "simulate", not_allowed)
    assert run(finished) == 0
    assert page.exists()


def test_a_finished_study_is_shown_without_computing(finished, monkeypatch, capsys):
    monkeypatch.setattr(cli, "simulate", not_allowed)
    monkeypatch.setattr(cli, "load_workload", not_allowed)
    monkeypatch.setattr(cli, "write_report", not_allowed)
    before = {path: path.stat().st_mtime_ns for path in (finished / "out").rglob("*")}
    assert run(finished) == 0
    assert "SNR (dB)" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (finished / "out").rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--seed", "2"], "seed is 1 there and 2 here"), (["--quick"], "there and")],
)
def test_another_study_in_the_folder_is_an_error_that_names_out(finished, capsys, arguments, words):
    assert run(finished, *arguments) == 2
    message = one_line(capsys)
    assert words in message
    assert "--out" in message


def test_other_data_is_another_study(finished, capsys):
    np.save(finished / "W.npy", 2 * np.load(finished / "W.npy"))
    assert run(finished) == 2
    message = one_line(capsys)
    assert "data files have changed" in message
    assert "--out" in message


def test_other_folders_are_left_alone(folder, capsys):
    (folder / "full").mkdir()
    (folder / "full/thesis.txt").write_text("")
    (folder / "file").write_text("")
    for out in ("full", "file"):
        assert run(folder, "--out", str(folder / out)) == 2
        assert "holds no study" in one_line(capsys)
    assert [path.name for path in (folder / "full").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\n1,base,offset,0", b"\n1,base,offset,9"), (b"\n0,base", b"\nx,base"), (b",6,", b",7,")],
)
def test_a_changed_row_is_an_error_with_its_line(finished, capsys, old, new):
    path = finished / "out/results.csv"
    path.write_bytes(path.read_bytes().replace(old, new))
    assert run(finished) == 2
    assert re.search(r"results.csv:[23]: not a row of this study", one_line(capsys))


def test_a_damaged_folder_is_an_error(finished, capsys):
    (finished / "out/setup.yaml").write_text("[")
    assert run(finished) == 2
    assert "damaged" in one_line(capsys)


def test_results_of_two_versions_are_not_mixed(folder, finished, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        kill_after(2, patch)
        run(folder)
    for place in (folder, finished):
        path = place / "out/setup.yaml"
        setup = yaml.safe_load(path.read_text())
        setup["versions"]["OhmCore"] = "0.0"
        path.write_text(yaml.safe_dump(setup))
    capsys.readouterr()
    assert run(folder) == 2
    assert "begun with OhmCore 0.0" in one_line(capsys)
    assert run(finished) == 0
    assert "computed with OhmCore 0.0" in capsys.readouterr().err


def test_the_page_needs_nothing_but_itself(large):
    page = (large / "index.html").read_text(encoding="utf-8")
    check_self_contained(page, figures=2 + 3)


def cells(page):
    """The rows of each table of a page, header first, as texts of cells."""
    return [
        [
            [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r"<table>(.*?)</table>", page, re.DOTALL)
    ]


def test_every_setting_has_a_row_on_the_page(large):
    page = (large / "index.html").read_text(encoding="utf-8")
    chips = {}
    for row in rows(large):
        chips.setdefault((row["sweep"], row["mapping"], row["setting"]), []).append(row)
    shown = [dict(zip(header, row)) for header, *body in cells(page) for row in body]
    in_order = sorted(chips.values(), key=lambda own: int(own[0]["setting"]))
    sweeps = list(dict.fromkeys(own[0]["sweep"] for own in in_order))
    mappings = list(dict.fromkeys(own[0]["mapping"] for own in in_order))
    # A page shows one sweep after the other, and in each one mapping after the other.
    in_order.sort(key=lambda o: (sweeps.index(o[0]["sweep"]), mappings.index(o[0]["mapping"])))
    assert len(shown) == len(in_order)
    for row, own in zip(shown, in_order):
        assert row["mapping"] == own[0]["mapping"]
        assert row["chips"] == str(len(own))
        assert row.get("ADC resolution (bits)", own[0]["adc_bits"]) == own[0]["adc_bits"]
        ratio = np.mean([float(chip["snr_db"]) for chip in own])
        error = 100 * np.mean([float(chip["relative_rms_error"]) for chip in own])
        assert float(row["SNR (dB)"].split(" ±")[0]) == pytest.approx(ratio, abs=0.05001)
        assert float(row["relative RMS error (%)"].split(" ±")[0]) == pytest.approx(
            error, abs=0.00501
        )
        assert ("±" in row["SNR (dB)"]) == (len(own) > 1)


def test_the_cards_are_the_base_setting(large):
    page = (large / "index.html").read_text(encoding="utf-8")
    base = [row for row in rows(large) if row["sweep"] == "base"]
    cards = re.findall(r'<div class="card".*?</div>', page, re.DOTALL)
    assert len(cards) == len(base) == 3
    for card, row in zip(cards, base):
        assert f"<h3>{row['mapping']}</h3>" in card
        assert f"{float(row['snr_db']):.1f} dB" in card
        error = 100 * float(row["relative_rms_error"])
        assert f"an error of {error:.2f}\N{NO-BREAK SPACE}%" in card


def test_the_page_says_how_to_repeat_it(large):
    page = (large / "index.html").read_text(encoding="utf-8")
    setup = yaml.safe_load((large / "setup.yaml").read_text(encoding="utf-8"))
    text = " ".join(html.unescape(page).split())
    for words in (setup["command"], setup["started"], setup["workload"], "<dt>Seed</dt><dd>1;"):
        assert words in text
    for name, version in setup["versions"].items():
        assert f"{name} {version}" in text
    ((_, content),) = downloads(page, "text/csv")
    assert content == (large / "results.csv").read_bytes()


def test_text_from_the_study_file_is_escaped(large):
    page = (large / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seed", "x"], ["--seed", "'x'"]),
        (["--seed", "-1"], ["--seed", "got -1"]),
        (["--workers", "0"], ["--workers", "got 0"]),
        (["--matrix", "W.npy"], ["--inputs go together"]),
        (["--nosuch"], ["--nosuch"]),
        (["--config", "none.yaml"], ["none.yaml: cannot be read"]),
        (["--matrix", "no.npy", "--inputs", "X.npy"], ["no.npy: cannot be read"]),
        (["--matrix", "X.npy", "--inputs", "W.npy"], ["W.npy: got an array of shape (12, 20)"]),
        (["--config", "bad.yaml"], ["setting 003-", "no device model is called 'Nothing'"]),
    ],
)
def test_mistakes_end_with_code_2_and_one_line(folder, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(folder)
    (folder / "bad.yaml").write_text(
        "data: {matrix: W.npy, inputs: X.npy}\n"
        "sweeps: [{axis: programming_error, values: [0.1],"
        " parameters: {xbar.device.programming_error.model: Nothing}}]\n"
    )
    assert cli.main([*arguments, "--out", "out"]) == 2
    message = one_line(capsys)
    for word in words:
        assert word in message


def test_digits_from_end_to_end(tmp_path, capsys):
    out = tmp_path / "digits"
    assert cli.main(["--quick", "--out", str(out), "--workers", "1"]) == 0
    assert "digital accuracy" in capsys.readouterr().out
    setup = yaml.safe_load((out / "setup.yaml").read_text(encoding="utf-8"))
    assert setup["test_count"] == 899
    digital = setup["digital_correct"] / 899
    assert digital > 0.95
    found = rows(out)
    best = [float(r["accuracy"]) for r in found if r["sweep"] == "base"]
    assert len(best) == 3
    assert min(best) > digital - 0.01
    worst = [float(r["accuracy"]) for r in found if r["programming_error"] == "0.3"]
    assert len(worst) == 3 * 3
    assert np.mean(worst) < digital - 0.05
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "Wilson" in page
    means = [digital, *best]
    cards = re.findall(r'<p class="big">([0-9.]+) % <small>correct</small>', page)
    assert cards == [f"{100 * mean:.2f}" for mean in means]
    (interval,) = re.findall("interval ([0-9.]+) to ([0-9.]+)\N{NO-BREAK SPACE}%, over 899", page)
    assert float(interval[0]) < 100 * digital < float(interval[1])


def test_the_page_says_what_each_section_is_about(large):
    page = " ".join((large / "index.html").read_text(encoding="utf-8").split())
    study = yaml.safe_load((large / "study.yaml").read_text(encoding="utf-8"))
    titles = re.findall("<h2>(.*?)</h2>", page)
    summaries = re.findall("<summary>(.*?)</summary>", page)
    for sweep in study["sweeps"]:
        assert html.escape(sweep["title"]) in titles
        assert html.escape(sweep["title"]) in summaries
        assert html.escape(sweep["text"]) in page
    assert len(re.findall(r'<p class="finding">The signal.to.noise ratio', page)) == 2
    assert "ADC resolution 6 bits, DAC resolution 8 bits, on/off ratio 50." in page
    settings = len({row["setting"] for row in rows(large)})
    assert f"{settings} settings, up to 3 chips each" in page
    assert f"holds {study['calibration_percentile']} % of the currents" in page
