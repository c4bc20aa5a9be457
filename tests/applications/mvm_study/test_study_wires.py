"""Studies of wire resistance: the axis, and the look inside arrays on the page."""

import html
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the study needs the extra 'study'")

from applications.mvm_study import cli
from applications.mvm_study.axes import axis, parameter_updates
from applications.mvm_study.config import load_config
from applications.mvm_study.settings import expand, parameters
from applications.mvm_study.wires import look_inside, resistances
from applications.mvm_study.workload import load_workload
from simulator import CrossSimParameters

WIRED = """
data: {matrix: W.npy, inputs: X.npy}
base: {adc_bits: 8, input_bits: 8, on_off_ratio: 100, xbar.device.Rmin: 10000, BASE}
sweeps:
- {axis: wire_resistance, values: [0, 5, 20]}
"""


def study(folder, base="wire_resistance: 5", signed=True):
    """A study file of an own product, 10 outputs and 24 inputs."""
    generator = np.random.default_rng(4)
    np.save(folder / "W.npy", generator.normal(size=(10, 24)))
    np.save(folder / "X.npy", generator.uniform(-1 if signed else 0, 1, size=(24, 30)))
    path = folder / "wired.yaml"
    path.write_text(WIRED.replace("BASE", base), encoding="utf-8")
    return path


def looks(path):
    config = load_config(path)
    return look_inside(config, expand(config), lambda: load_workload(config))


@pytest.fixture(scope="module")
def wired(tmp_path_factory):
    """The results of a study with wires in the base setting; for reading only."""
    folder = tmp_path_factory.mktemp("wired")
    path = study(folder)
    assert cli.main(["--config", str(path), "--workers", "1", "--out", str(folder / "out")]) == 0
    return folder / "out"


def page_of(out):
    return html.unescape((out / "index.html").read_text(encoding="utf-8"))


# -- the axis -------------------------------------------------------------------------------------


def test_wire_resistance_is_that_of_both_lines():
    tree = CrossSimParameters()
    tree.update(parameter_updates({"wire_resistance": 2.5}))
    assert resistances(tree) == {"Rp_row": 2.5, "Rp_col": 2.5}
    assert axis("wire_resistance").show_with_unit(2.5) == "2.5 Ω"


def test_no_resistance_switches_wires_off():
    tree = CrossSimParameters()
    tree.update(parameter_updates({"wire_resistance": 0.0}))
    assert not tree.xbar.array.parasitics.enable
    assert resistances(tree) == {}


def test_a_path_wins_over_the_short_name():
    path = "xbar.array.parasitics.Rp_col"
    assert parameter_updates({"wire_resistance": 2.0, path: 7.0})[path] == 7.0


def test_more_resistance_is_worse(wired):
    rows = [line.split(",") for line in (wired / "results.csv").read_text().splitlines()]
    header, *body = rows
    table = [dict(zip(header, row)) for row in body]
    for mapping in ("balanced", "offset", "bit-sliced"):
        own = [r for r in table if r["sweep"] == "wire_resistance" and r["mapping"] == mapping]
        ratios = [float(row["snr_db"]) for row in own]
        assert len(ratios) == 3
        assert ratios == sorted(ratios, reverse=True)


# -- the look inside ------------------------------------------------------------------------------


def test_the_base_setting_is_shown_where_it_has_wires(tmp_path):
    found = looks(study(tmp_path))
    assert [look.setting.mapping for look in found] == ["balanced", "offset", "bit-sliced"]
    assert {look.setting.sweep for look in found} == {"base"}
    assert [look.is_pair for look in found] == [True, False, True]
    assert [look.is_sliced for look in found] == [False, False, True]


def test_else_the_middle_of_those_with_wires(tmp_path):
    found = looks(study(tmp_path, "wire_resistance: 0"))
    assert [look.setting.point for look in found] == 3 * [{"wire_resistance": 20.0}]


def test_without_wires_nothing_is_loaded(tmp_path):
    config = load_config()
    settings = [s for s in expand(config) if s.sweep != "wire_resistance"]
    assert look_inside(config, settings, lambda: pytest.fail("loaded")) == []


@pytest.mark.parametrize("signed", [True, False])
def test_what_is_lost_is_lost_on_both_lines(tmp_path, signed):
    for look in looks(study(tmp_path, signed=signed)):
        for drops in (look.full, look.real):
            assert drops.lost.shape == (24, 10)
            assert (drops.lost <= drops.word_lines + drops.bit_lines + 1e-9).all()
            assert 0 < drops.error < 1
        assert look.full.drive == pytest.approx(1)
        # Every cell takes from the voltage, so both lines only lose towards their far ends.
        assert look.full.lost == pytest.approx(look.full.word_lines + look.full.bit_lines)
        assert (np.diff(look.full.word_lines, axis=1) > 0).all()
        assert (np.diff(look.full.bit_lines, axis=0) < 0).all()


def test_one_line_alone_loses(tmp_path):
    wires = "xbar.array.parasitics"
    base = f"{wires}.enable: true, {wires}.Rp_col: 5, cell_bits: 4"
    for look in looks(study(tmp_path, base)):
        assert look.resistances == {"Rp_col": 5.0}
        assert look.full.word_lines.max() < 1e-9
        assert look.full.worst[0] == 1  # farthest from ground


@pytest.mark.parametrize(
    "more",
    [
        "core.rows_max: 10, core.cols_max: 4",
        "xbar.dac.mvm.input_bitslicing: true, xbar.dac.mvm.slice_size: 3",
        "xbar.dac.mvm.input_bitslicing: true, xbar.array.parasitics.current_from_input: false",
        "xbar.device.nonlinear_IV.enable: true, xbar.device.nonlinear_IV.model: CubicDevice",
    ],
)
def test_other_hardware_can_be_looked_into(tmp_path, more):
    for look in looks(study(tmp_path, f"wire_resistance: 5, {more}")):
        assert not look.problem
        assert look.is_gated == ("current_from_input" in more)
        assert look.is_serial == ("input_bitslicing" in more)
        assert 0 < look.full.lost.max() < 1
        assert look.full.lost.shape == ((8, 3) if "rows_max" in more else (24, 10))


def test_wires_that_cannot_be_solved_do_not_cost_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("applications.mvm_study.wires._ITERATIONS", 1)
    monkeypatch.setattr("simulator.circuits.sources.PATIENCE", 1)
    path = study(tmp_path, "wire_resistance: 500")
    assert cli.main(["--config", str(path), "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    page = page_of(tmp_path / "out")
    assert "No map of balanced: " in page
    assert "voltage lost" not in page


# -- the page -------------------------------------------------------------------------------------


def test_the_page_shows_every_mapping(wired):
    page = page_of(wired)
    assert page.count("<figcaption>") == page.count("<img") == 1 + 3
    assert "Where does the voltage go?" in page
    names = {path.name for path in (wired / "figures").iterdir()}
    for mapping in ("balanced", "offset", "bit-sliced"):
        assert {f"wires-{mapping}.png", f"wires-{mapping}.svg"} <= names


def test_captions_say_what_the_numbers_are(wired):
    config = load_config(wired.parent / "wired.yaml")
    found = look_inside(config, expand(config), lambda: load_workload(config))
    captions = [
        c for c in re.findall("<figcaption>(.*?)</figcaption>", page_of(wired)) if "Rp" in c
    ]
    assert len(captions) == len(found) == 3
    for caption, look in zip(captions, found):
        words = caption.replace("\N{NO-BREAK SPACE}", " ")
        assert "24 word lines and 10 bit lines" in words
        assert "(Rp_row 5 Ω, Rp_col 5 Ω)" in words
        assert f"gets {100 - 100 * look.full.lost.max():.1f} to" in words
        assert "word line {}, bit line {}.".format(*look.full.worst) in words
        assert f"off by {100 * look.full.error:.1f} % (RMS)" in words
        assert f"more than {100 * look.real.lost.max():.1f} %" in words


def test_without_wires_the_page_has_no_such_section(tmp_path):
    path = study(tmp_path, "cell_bits: 4")
    text = path.read_text().replace("wire_resistance, values: [0, 5, 20]", "adc_bits, values: [4]")
    path.write_text(text)
    assert cli.main(["--config", str(path), "--workers", "1", "--out", str(tmp_path / "out")]) == 0
    assert "voltage" not in page_of(tmp_path / "out").split("<section id=")[-2]
    assert "wires-" not in " ".join(p.name for p in (tmp_path / "out/figures").iterdir())


def test_the_default_study_varies_wires():
    settings = [s for s in expand(load_config()) if s.sweep == "wire_resistance"]
    assert {s.chips for s in settings} == {1}
    assert all(parameters(s, 1).xbar.device.Rmin == 10_000 for s in settings)
