"""The commands of signal processing: what they write, and how they refuse."""

import importlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from places import ROOT

pytest.importorskip("sklearn", reason="the studies need the extra 'study'")

from commands import rows

from simulator import CrossSimParameters

# Every command with settings that take a moment, and its figures.
STUDIES = {
    "dft_1d": (["--length", "32", "--chips", "2", "--errors", "0.1", "--resolutions", "6,8"],
               ["dft_1d"]),
    "dft_2d": (["--size", "16", "--chips", "1", "--adc-bits-values", "6", "--error-values",
                "0.1", "--wire-values", "2", "--array", "16"], ["pictures", "psnr"]),
    "compressed_sensing": (["--size", "16", "--block", "8", "--iterations", "3", "--chips", "1",
                            "--errors", "0.1"], ["fidelity", "pictures"]),
    "linear_systems": (["--systems", "poisson", "--grid", "6", "--chips", "2"], ["residuals"]),
    "eigen": (["--data", "cancer", "--components", "3", "--iterations", "3", "--chips", "2"],
              ["components", "angles"]),
}  # fmt: skip


def run(name, *arguments):
    return importlib.import_module(f"applications.dsp.{name}").main([str(a) for a in arguments])


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out what takes most of the time, where nothing is said about figures."""
    monkeypatch.setattr("applications.dsp.report.encoded", lambda figure, kind: b"")


@pytest.fixture(scope="module", params=STUDIES)
def finished(request, tmp_path_factory):
    """A study that was run, and its folder."""
    folder = tmp_path_factory.mktemp(request.param)
    assert run(request.param, *STUDIES[request.param][0], "--out", folder) == 0
    return request.param, folder


def test_it_writes_what_it_says(finished):
    name, folder = finished
    figures = {f"{figure}.png" for figure in STUDIES[name][1]}
    written = {path.name for path in folder.iterdir()}
    assert written == figures | {"results.csv", "parameters.yaml", "index.html"}
    for figure in figures:
        content = (folder / figure).read_bytes()
        assert content.startswith(b"\x89PNG")
        width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
        assert width >= 2000 > height / 2
    found = rows(folder)
    assert found
    assert all(None not in row.values() for row in found)


def test_the_page_needs_nothing_but_itself(finished):
    name, folder = finished
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == len(STUDIES[name][1])
    assert "data:text/csv;base64," in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert f"applications.dsp.{name}" in page


def test_the_parameters_are_those_that_were_used(finished):
    _, folder = finished
    params = CrossSimParameters.from_yaml(folder / "parameters.yaml")
    params.validate()
    assert params.simulation.seed == 1
    assert params.xbar.adc.mvm.calibrated_range


def test_the_same_seed_gives_the_same_numbers(finished, tmp_path, no_figures):
    name, folder = finished
    again, other = tmp_path / "again", tmp_path / "other"
    assert run(name, *STUDIES[name][0], "--out", again) == 0
    assert run(name, *STUDIES[name][0], "--seed", "2", "--out", other) == 0
    first = (folder / "results.csv").read_bytes()
    assert (again / "results.csv").read_bytes() == first
    assert (other / "results.csv").read_bytes() != first


def test_it_prints_a_table_and_where_the_page_is(tmp_path, capsys, no_figures):
    assert run("dft_1d", *STUDIES["dft_1d"][0], "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "SNR" in printed
    assert str(tmp_path / "out" / "index.html") in printed.replace("\n", "")


def test_a_stored_file_of_parameters_repeats_the_hardware(tmp_path, no_figures):
    small, first, second = STUDIES["dft_1d"][0], tmp_path / "first", tmp_path / "second"
    assert run("dft_1d", *small, "--error", "0.2", "--adc-bits", "7", "--out", first) == 0
    stored = first / "parameters.yaml"
    assert run("dft_1d", *small, "--params", stored, "--out", second) == 0
    assert (first / "results.csv").read_bytes() == (second / "results.csv").read_bytes()


def test_parameters_from_json_and_from_a_preset(tmp_path, no_figures):
    params = CrossSimParameters()
    params.to_json(tmp_path / "p.json")
    small = STUDIES["dft_1d"][0]
    for given in (tmp_path / "p.json", "PRIME"):
        assert run("dft_1d", *small, "--params", given, "--out", tmp_path / "out") == 0


def test_options_change_the_hardware(tmp_path, no_figures):
    options = ["--error", "0", "--adc-bits", "0", "--input-bits", "0", "--weight-bits", "0"]
    assert run("dft_1d", *STUDIES["dft_1d"][0], *options, "--out", tmp_path) == 0
    base = [row for row in rows(tmp_path) if row["sweep"] == "base"]
    # Exact hardware in single precision.
    assert all(float(row["signal_snr_db"]) > 110 for row in base)


def test_own_pictures_and_signals(tmp_path, no_figures):
    from PIL import Image

    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "p.png")
    small = STUDIES["dft_2d"][0]
    assert run("dft_2d", *small, "--image", tmp_path / "p.png", "--out", tmp_path / "a") == 0
    assert "p.png" in (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    np.save(tmp_path / "s.npy", rng.normal(size=40))
    np.savetxt(tmp_path / "s.csv", rng.normal(size=40))
    for name in ("s.npy", "s.csv"):
        options = [*STUDIES["dft_1d"][0], "--signal", tmp_path / name, "--rate", "8"]
        assert run("dft_1d", *options, "--out", tmp_path / "b") == 0
        assert "8 Hz" in (tmp_path / "b" / "index.html").read_text(encoding="utf-8")


def test_fista_and_both_systems(tmp_path, no_figures):
    small = STUDIES["compressed_sensing"][0]
    assert run("compressed_sensing", *small, "--solver", "fista", "--out", tmp_path / "a") == 0
    options = ["--grid", "4", "--chips", "1", "--corrections", "2", "--inner", "4"]
    assert run("linear_systems", *options, "--out", tmp_path / "b") == 0
    assert {row["system"] for row in rows(tmp_path / "b")} == {"Poisson", "Regression"}


def test_the_refined_solution_is_full_precision(tmp_path, no_figures):
    assert run("linear_systems", *STUDIES["linear_systems"][0], "--out", tmp_path) == 0
    best = {}
    for row in rows(tmp_path):
        key, value = row["method"], float(row["relative_residual"])
        best[key] = min(value, best.get(key, 1.0))
    assert best["analog, refined"] < 1e-12 < 1e-4 < best["analog alone"]


BAD = [
    ("dft_1d", ["--length", "4"], "--length: got 4; allowed is an integer from 8 to 8192"),
    ("dft_1d", ["--chips", "two"], "--chips: got two"),
    ("dft_1d", ["--errors", "0.1;2"], "commas between them"),
    ("dft_1d", ["--errors", "2"], "--errors: got '2'; allowed are numbers from 0 to 1"),
    ("dft_1d", ["--signal", "nowhere.npy"], "nowhere.npy: No such file"),
    ("dft_1d", ["--params", "nowhere.yaml"], "no file 'nowhere.yaml' and no preset"),
    ("dft_1d", ["--adc-bits", "99"], "xbar.adc.mvm.bits"),
    ("dft_1d", ["--error", "-1"], "programming_error.magnitude"),
    ("dft_1d", ["--style", "BALANCD"], "core.style"),
    ("dft_1d", ["--seed", "-1"], "--seed: got -1"),
    ("dft_1d", ["--chip", "3"], "unrecognized arguments: --chip 3"),
    ("dft_2d", ["--image", "nowhere.png"], "nowhere.png: No such file"),
    ("dft_2d", ["--photograph", "moon"], "invalid choice: 'moon'"),
    ("dft_2d", ["--wire", "-2"], "Rp_row"),
    ("compressed_sensing", ["--measurements", "0"], "--measurements: got 0"),
    ("compressed_sensing", ["--size", "8", "--block", "16"], "--block"),
    ("linear_systems", ["--grid", "1000"], "--grid: got 1000"),
    ("linear_systems", ["--rmin", "1e6", "--rmax", "1e5"], "Rmin"),
    ("eigen", ["--data", "faces"], "invalid choice: 'faces'"),
]


@pytest.mark.parametrize(("name", "options", "message"), BAD, ids=lambda value: str(value)[:40])
def test_mistakes_are_one_line_and_code_2(name, options, message, tmp_path, capsys):
    assert run(name, *options, "--out", tmp_path / "out") == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_files_of_the_wrong_kind(tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.csv").write_text("no numbers")
    np.save(tmp_path / "flat.npy", np.ones(16))
    np.save(tmp_path / "square.npy", np.ones((4, 4)))
    (tmp_path / "wrong.json").write_text(json.dumps({"cores": {}}))
    for name, option, file, message in (
        ("dft_2d", "--image", "text.png", "is no picture"),
        ("dft_1d", "--signal", "text.csv", "cannot be read as a signal"),
        ("dft_1d", "--signal", "flat.npy", "not all the same"),
        ("dft_1d", "--signal", "square.npy", "shape (4, 4)"),
        ("dft_1d", "--params", "wrong.json", "cores"),
    ):
        assert run(name, option, tmp_path / file, "--out", tmp_path / "out") == 2
        assert message in capsys.readouterr().err
    assert run("dft_1d", *STUDIES["dft_1d"][0], "--out", tmp_path / "text.csv") == 2
    assert "is a file" in capsys.readouterr().err


def test_it_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "applications.dsp.linear_systems", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "--inner" in done.stdout
    assert "--params" in done.stdout
