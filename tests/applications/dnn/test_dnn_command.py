"""The evaluation of networks from the command line: folder, page, mistakes, numbers."""

import re
import shutil

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the evaluation needs the extra 'study'")
pytest.importorskip("torch", reason="the evaluation needs the extra 'torch'")

import torch
import yaml
from commands import (
    check_self_contained,
    complaint,
    downloads,
    in_words,
    loads_torch,
    rows,
    without_torch,
)
from scipy import stats

from applications.device_aware.images import digits
from applications.dnn import cli, training
from applications.dnn.evaluation import evaluate
from applications.dnn.hardware import from_file, from_options
from applications.dnn.models import build
from applications.dnn.options import parse, settings_of
from applications.dnn.results import Chip, Outcome
from applications.dnn.summary import findings
from simulator import ParameterError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Options of a network that knows the digits well enough, and of digits to test it with."""
    folder = tmp_path_factory.mktemp("trained")
    images = digits(1)
    network = build("digits-mlp", 1)
    x, y = torch.from_numpy(images.train), torch.from_numpy(images.train_labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    torch.save(network.state_dict(), folder / "net.pth")
    np.savez(folder / "set.npz", x=images.test, y=images.test_labels)
    return ["--model", "digits-mlp", "--checkpoint", str(folder / "net.pth"),
            "--data", str(folder / "set.npz")]  # fmt: skip


def run(folder, *arguments):
    return cli.main([*arguments, "--out", str(folder)])


@pytest.fixture(scope="module")
def finished(trained, tmp_path_factory):
    """The folder of a finished evaluation of three chips with large errors; for reading only."""
    folder = tmp_path_factory.mktemp("dnn") / "out"
    assert run(folder, *trained, "--seeds", "3", "--error", "0.3") == 0
    return folder


def test_the_folder_holds_what_it_should(finished):
    names = ["dnn.png", "index.html", "layers.csv", "layers.yaml", "results.csv", "setup.yaml",
             "study.yaml"]  # fmt: skip
    assert sorted(path.name for path in finished.iterdir()) == names
    assert [(row["chip"], row["seed"]) for row in rows(finished)] == [
        ("digital", ""), ("1", "1"), ("2", "2"), ("3", "3")
    ]  # fmt: skip
    for row in rows(finished):
        assert float(row["accuracy"]) == int(row["correct"]) / int(row["images"])
    assert len({row["correct"] for row in rows(finished)[1:]}) > 1
    assert (finished / "dnn.png").read_bytes().startswith(b"\x89PNG")


def test_the_layers_have_calibrated_converters(finished):
    layers = from_file(str(finished / "layers.yaml"))
    assert list(layers) == ["1", "3"]
    for tree in layers.values():
        assert tree.xbar.device.cell_bits == 7
        assert tree.xbar.adc.mvm.bits == tree.xbar.dac.mvm.bits == 8
        # Pixels and what ReLU leaves are never negative.
        assert tree.xbar.dac.mvm.model == "QuantizerDAC"
        assert tree.core.mapping.inputs.mvm.min == 0
        low, high = tree.xbar.adc.mvm.calibrated_range
        assert low == -high < 0
    # The brightest pixel is 1; what a trained layer makes of them goes beyond.
    reach = [tree.core.mapping.inputs.mvm.max for tree in layers.values()]
    assert reach[0] == 1 < reach[1]


@pytest.mark.parametrize("same", [["--error", "0.3"], ["layers"]])
def test_the_same_arrays_give_the_same_numbers(finished, trained, tmp_path, same):
    if same == ["layers"]:
        same = ["--params", str(finished / "layers.yaml"), "--calibrate", "none"]
    assert run(tmp_path, *trained, "--seeds", "3", *same) == 0
    for name in ("results.csv", "layers.yaml", "layers.csv"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_a_chip_depends_on_its_seed_alone(finished, trained, tmp_path):
    ranges = ["--params", str(finished / "layers.yaml"), "--calibrate", "none"]
    # Which images are tested is the seed's choice as well, unless all of another file are.
    own = [*trained, "--calibration", trained[-1], *ranges]
    assert run(tmp_path / "a", *own, "--seeds", "3") == 0
    assert run(tmp_path / "b", *own, "--seeds", "1", "--seed", "3") == 0
    third, only = rows(tmp_path / "a")[3], rows(tmp_path / "b")[1]
    assert {**only, "chip": "3"} == third


def test_exact_arrays_are_the_digital_network(trained, tmp_path):
    exact = ["--error", "0", "--weight-bits", "0", "--input-bits", "0", "--adc-bits", "0"]
    assert run(tmp_path, *trained, *exact, "--calibrate", "none") == 0
    digital, *chips = rows(tmp_path)
    # Nothing is random, so there is one chip.
    assert len(chips) == 1
    assert chips[0]["correct"] == digital["correct"]
    assert chips[0]["agree"] == digital["images"]


def test_a_finished_evaluation_is_shown_without_computing(finished, trained, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_computed", None)
    monkeypatch.setattr(cli, "write_report", None)
    assert run(finished, *trained, "--seeds", "3", "--error", "0.3") == 0
    shown = capsys.readouterr().out
    for words in ("digital", "analog", "3 chips", "programming error 30 %", "Wilson"):
        assert words in shown


def test_a_page_that_was_deleted_comes_back_the_same(finished, trained, monkeypatch):
    monkeypatch.setattr(cli, "_computed", None)
    before = (finished / "index.html").read_bytes()
    (finished / "index.html").unlink()
    assert run(finished, *trained, "--seeds", "3", "--error", "0.3") == 0
    assert (finished / "index.html").read_bytes() == before


@pytest.mark.parametrize("name", ["layers.csv", "results.csv"])
@pytest.mark.parametrize("lost", [1, 2, -1])
def test_a_table_that_lost_lines_is_not_shown(finished, trained, tmp_path, capsys, name, lost):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    lines = (finished / name).read_text().splitlines(keepends=True)
    del lines[lost]
    (folder / name).write_text("".join(lines))
    assert run(folder, *trained, "--seeds", "3", "--error", "0.3") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{name} has {len(lines)} lines, {len(lines) + 1} were written" in said
    assert "--out" in said


def test_folders_that_say_no_number_of_lines_are_shown(finished, trained, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    setup = yaml.safe_load((folder / "setup.yaml").read_text())
    del setup["lines"]
    (folder / "setup.yaml").write_text(yaml.safe_dump(setup))
    assert run(folder, *trained, "--seeds", "3", "--error", "0.3") == 0


def test_without_options_a_network_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "EPOCHS", 1)
    assert cli.main(["--seeds", "2", "--limit", "30", "--calibration-images", "16"]) == 0
    folder = tmp_path / "results" / "dnn_digits-cnn"
    assert {row["images"] for row in rows(folder)} == {"30"}
    assert "trained for 1 epochs" in capsys.readouterr().out


# -- the page ------------------------------------------------------------------------------------


@pytest.fixture
def page(finished):
    return (finished / "index.html").read_text(encoding="utf-8")


def test_the_page_shows_every_number(finished, page):
    digital, *chips = rows(finished)
    text = in_words(page)
    for row in (digital, *chips):
        assert f"{100 * float(row['accuracy']):.2f}" in text
    shares = [float(row["accuracy"]) for row in chips]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(shares), scale=stats.sem(shares))
    assert f"95 % interval {100 * low:.2f} to {100 * min(high, 1):.2f} % over chips" in text
    assert f"{digital['correct']} of {digital['images']} images" in text
    assert "--error 0.3" in text


def test_the_page_needs_nothing_but_itself(page):
    check_self_contained(page, figures=2)


def test_what_can_be_downloaded_are_the_files(finished, page):
    names = ["results.csv", "layers.csv", "layers.yaml"]
    assert downloads(page) == [(name, (finished / name).read_bytes()) for name in names]


# -- what the numbers mean -----------------------------------------------------------------------


def outcome(*correct, digital=90):
    chips = tuple(Chip(seed, count, 95) for seed, count in enumerate(correct, start=1))
    return Outcome(digital, 100, chips)


def test_intervals_are_students_over_chips_and_wilsons_over_images():
    found = outcome(80, 82, 84)
    # 4.303 is Student's t for two degrees of freedom, 0.02 the standard deviation.
    assert found.accuracy().half_width == pytest.approx(4.302652729911275 * 0.02 / np.sqrt(3))
    assert found.loss().mean == pytest.approx(0.08)
    assert found.loss().half_width == pytest.approx(found.accuracy().half_width)
    wilson = stats.binomtest(82, 100).proportion_ci(0.95, "wilson")
    estimate = found.over_images()
    assert (estimate.low, estimate.high) == pytest.approx((wilson.low, wilson.high))


@pytest.mark.parametrize(
    ("correct", "words"),
    [
        ((80, 81, 82), "it loses 9.00 percentage points."),
        ((80, 95, 90), "a difference of 1.67 percentage points, too small to be sure of."),
        ((97, 98, 99), "it loses nothing and gains 8.00 percentage points."),
        ((90, 90), "it loses nothing."),
        ((89, 91), "it loses nothing on average."),
        ((85,), "it loses 5.00 percentage points."),
    ],
)
def test_the_first_sentence_says_what_the_arrays_cost(correct, words):
    import pandas as pd

    table = pd.DataFrame({"layer": ["a", "b"], "snr": [np.inf, 21.26], "advice": ["", ""]})
    sentences = findings(outcome(*correct), table)
    assert sentences[0].endswith(words)
    assert sentences[-1].startswith("Layer b is the least exact")
    assert "21.3 dB" in sentences[-1]


# -- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--seeds", "0"], "--seeds: got 0"),
        (["--limit", "-1"], "--limit: got -1"),
        (["--batch-size", "0"], "--batch-size"),
        (["--seed", "-1"], "--seed: got -1"),
        (["--error", "nan"], "--error: got nan"),
        (["--std", "1,0"], "--std: got 0.0"),
        (["--mean", "a"], "--mean: got 'a'"),
        (["--shape", "3,4"], "--shape: got '3,4'; allowed are 3 whole numbers"),
        (["--resize", "0,4"], "--resize"),
        (["--keys", "x"], "--keys"),
        (["--bias-rows", "-1"], "--bias-rows"),
        (["--calibrate", "best"], "--calibrate"),
        (["--calibrate", "none"], "--params, which has the ranges"),
        (["--model", "resnet20"], "--model resnet20 goes with --data"),
        (["--data", "x.npz"], "--data goes with --checkpoint"),
        (["--checkpoint", "x.pth"], "--checkpoint goes with --model"),
        (["--params", "x.yaml", "--adc-bits", "7"], "--params and --adc-bits"),
        (["--params", "nowhere.yaml"], "nowhere.yaml"),
        (["--model", "digits-cn"], "Did you mean 'digits-cnn'?"),
        (["--error-model", "RRAMMilos"], "RRAMMilos"),
        (["--weight-bits", "-3"], "weight_bits"),
        (["--data", "nowhere.npz", "--checkpoint", "x", "--model", "digits-mlp"], "nowhere.npz"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, capsys, arguments, problem):
    folder = tmp_path / "out"
    assert problem in complaint(capsys, run(folder, *arguments))
    assert not folder.exists()


def test_what_does_not_fit_the_network_is_named(trained, tmp_path, capsys):
    np.savez(tmp_path / "wide.npz", x=np.zeros((4, 9, 9)), y=np.zeros(4))
    np.savez(tmp_path / "many.npz", x=np.zeros((4, 8, 8)), y=np.arange(9, 13))
    for name, problem in (("wide", "1 x 9 x 9 do not fit"), ("many", "allowed is 0 to 9")):
        arguments = [*trained[:-1], str(tmp_path / f"{name}.npz")]
        said = complaint(capsys, run(tmp_path / "out", *arguments))
        assert problem in said
        assert f"{name}.npz" in said


BAD_LAYERS = {
    "no layers": ("layers:\n", "layers: empty"),
    "pattern": ("layers: {conv7: {}}\n", "conv7"),
    "path": ("layers:\n  '1':\n    xbar.adc.mvm.bats: 8\n", "Did you mean 'bits'?"),
    "value": ("layers:\n  '1':\n    xbar.adc.mvm.bits: many\n", "xbar.adc.mvm.bits"),
    "list": ("layers:\n  '1': 8\n", "got 8; allowed are parameters"),
}


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_parameters_that_cannot_be_meant_are_named(trained, tmp_path, capsys, name):
    text, problem = BAD_LAYERS[name]
    path = tmp_path / "layers.yaml"
    path.write_text(text)
    said = complaint(capsys, run(tmp_path / "out", *trained, "--params", str(path)))
    assert problem in said


def test_another_evaluation_is_not_overwritten(finished, trained, capsys):
    before = {path: path.read_bytes() for path in finished.iterdir()}
    said = complaint(capsys, run(finished, *trained, "--seeds", "3", "--error", "0.2"))
    assert "hardware error is 0.3 there and 0.2 here" in said
    assert "--out" in said
    assert {path: path.read_bytes() for path in finished.iterdir()} == before


def test_data_that_have_changed_are_noticed(finished, trained, tmp_path, capsys):
    """The same options with another file in the same place."""
    study = tmp_path / "study.yaml"
    text = (finished / "study.yaml").read_text()
    study.write_text(re.sub(r"data: [0-9a-f]{64}", f"data: {'0' * 64}", text))
    (tmp_path / "results.csv").write_bytes((finished / "results.csv").read_bytes())
    said = complaint(capsys, run(tmp_path, *trained, "--seeds", "3", "--error", "0.3"))
    assert "the content of data has changed" in said


def test_without_torch_one_line_says_what_is_missing(tmp_path, capsys, monkeypatch):
    without_torch(monkeypatch)
    assert "ohmcore[torch]" in complaint(capsys, run(tmp_path))


def test_importing_the_command_line_does_not_load_torch():
    assert not loads_torch("applications.dnn.cli")


# -- hardware ------------------------------------------------------------------------------------


def test_options_of_arrays_reach_the_parameters():
    words = ("--style offset --slices 2 --weight-bits 6 --input-bits 5 --bit-serial --adc-bits 7"
             " --rows-max 33 --cols-max 22 --rmin 2e4 --on-off 50 --error 0.1 --read-noise 0.2"
             " --wires 0.5")  # fmt: skip
    tree = from_options(settings_of(parse(words.split()), {}).hardware, 0)
    assert tree.core.bit_sliced.style.name == "OFFSET"
    assert (tree.core.bit_sliced.num_slices, tree.core.weight_bits) == (2, 6)
    assert (tree.core.rows_max, tree.core.cols_max) == (33, 22)
    assert (tree.xbar.dac.mvm.bits, tree.xbar.adc.mvm.bits) == (5, 7)
    assert tree.xbar.dac.mvm.input_bitslicing
    device = tree.xbar.device
    assert (device.Rmin, device.Rmax, device.infinite_on_off_ratio) == (2e4, 1e6, False)
    assert (device.programming_error.magnitude, device.read_noise.magnitude) == (0.1, 0.2)
    assert tree.xbar.array.parasitics.enable
    assert tree.xbar.array.parasitics.Rp_row == 0.5
    with pytest.raises(ParameterError, match="seeds"):
        parse(["--seeds", "-5"])


# -- what it is for ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_residual_network_keeps_its_accuracy_on_eight_bits(test_data, tmp_path):
    folder = test_data / "data" / "cifar10"
    arguments = [
        "--model", "resnet14",
        "--checkpoint", str(test_data / "models" / "resnet14_cifar10.pth"),
        "--data", str(folder / "cifar10_test1000_lossless.npz"),
        "--calibration", str(folder / "cifar10_train5728_lossless.npz"),
        "--error", "0",
    ]  # fmt: skip
    assert run(tmp_path / "eight", *arguments) == 0
    digital, chip = rows(tmp_path / "eight")
    # With eight bits everywhere, 97 images of 100 and more keep their class (the reference's
    # "balanced" setting), and accuracy stays within 1.5 points.
    assert int(chip["agree"]) >= 950
    assert abs(int(chip["correct"]) - int(digital["correct"])) <= 15
    # With four bits behind every array, hardly any image does worse than before by chance alone.
    assert run(tmp_path / "four", *arguments, "--adc-bits", "4") == 0
    assert int(rows(tmp_path / "four")[1]["correct"]) < int(chip["correct"]) - 50


@pytest.mark.slow
def test_a_preset_evaluates_a_network(trained, tmp_path):
    assert run(tmp_path, *trained, "--params", "ISAAC", "--calibrate", "none", "--limit", "50") == 0
    digital, chip = rows(tmp_path)
    assert int(chip["agree"]) >= 45


def test_evaluate_is_the_command_without_files(trained, finished):
    options = parse([*trained, "--seeds", "3", "--error", "0.3"])
    settings = settings_of(options, {})
    from applications.dnn.data import load

    data = load(settings.data, settings.seed)
    model, _ = training.ready(settings, data)
    found = evaluate(model, from_options(settings.hardware, 0), data, settings)
    assert [str(chip.correct) for chip in found.outcome.chips] == [
        row["correct"] for row in rows(finished)[1:]
    ]
