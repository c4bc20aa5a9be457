"""Calibrated ADC ranges among files: which file is for which hardware, and what is said if none."""

import subprocess
import sys

import numpy as np
import pytest
from places import ROOT

from applications.dnn.dnn_inference_params import dnn_inference_params
from applications.dnn.find_adc_range import find_adc_range
from simulator.errors import FileFormatError, ParameterError
from simulator.parameters.core_parameters import CoreStyle
from simulator.parameters.xbar_parameters import ADCRangeLimits

LAYERS = 3
FULL = {
    "core_style": "BALANCED",
    "Nslices": 1,
    "NrowsMax": 1152,
    "interleaved_posneg": False,
    "subtract_current_in_xbar": True,
    "input_bits": 8,
    "input_bitslicing": False,
    "input_slice_size": 1,
    "adc_bits": 8,
    "adc_range_option": "CALIBRATED",
    "adc_per_ibit": False,
}
SERIAL = {"input_bitslicing": True, "adc_per_ibit": True}
OFFSET = {"core_style": "OFFSET"}
APART = {"subtract_current_in_xbar": False}

# Names of files, and the keywords that each is for.
FILES = {
    "adc_limits_ResNet14_balanced.npy": {},
    "adc_limits_ResNet14_balanced_ibits.npy": SERIAL,
    "adc_limits_ResNet14_balanced_2ibits.npy": {**SERIAL, "input_slice_size": 2},
    "adc_limits_ResNet14_balanced_apart.npy": APART,
    "adc_limits_ResNet14_balanced_apart_ibits.npy": {**APART, **SERIAL},
    "adc_limits_ResNet14_offset.npy": {**OFFSET, **SERIAL},
    "adc_limits_ResNet14_offset_sums.npy": OFFSET,
    "adc_limits_ResNet14_offset_4ibits.npy": {**OFFSET, **SERIAL, "input_slice_size": 4},
    "adc_limits_ResNet14_balanced_144rows.npy": {"NrowsMax": 144},
    "adc_limits_ResNet14_1152rows_4slices_balanced.npy": {"Nslices": 4},
    "adc_limits_ResNet14_2slices_balanced.npy": {"Nslices": 2},
    "adc_limits_ResNet14_72rows_4slices_offset.npy": {
        **OFFSET, **SERIAL, "Nslices": 4, "NrowsMax": 72,
    },
    "adc_limits_ResNet20_balanced.npy": {},
}  # fmt: skip


def ranges(seed, slices=1, layers=LAYERS):
    """Ranges that tell one file from another."""
    high = np.random.default_rng(seed).uniform(1, 2, (layers, slices, 1))
    pairs = np.concatenate([-high / 2, high], axis=2)
    return pairs[:, 0] if slices == 1 else pairs - pairs[..., ::-1]


@pytest.fixture
def folder(tmp_path):
    for seed, (name, keywords) in enumerate(FILES.items()):
        np.save(tmp_path / name, ranges(seed, keywords.get("Nslices", 1)))
    return tmp_path


def wanted(name):
    return ranges(list(FILES).index(name), FILES[name].get("Nslices", 1))


@pytest.mark.parametrize("name", [name for name in FILES if "14" in name])
def test_every_file_is_found_for_its_hardware(folder, name):
    keywords = {**FULL, **FILES[name]}
    found = find_adc_range(keywords, LAYERS, 14, folder=folder)
    assert np.array_equal(found, wanted(name))
    assert np.array_equal(find_adc_range(keywords, LAYERS, model="ResNet14", folder=folder), found)
    for limits in found:
        dnn_inference_params(**{**keywords, "adc_range": limits, "weight_bits": 8})


def test_scripts_find_them_in_their_own_folder(folder, monkeypatch):
    (folder / "calibrated_config").mkdir()
    for path in folder.glob("*.npy"):
        path.rename(folder / "calibrated_config" / path.name)
    code = (
        "from find_adc_range import find_adc_range; "
        f"assert find_adc_range({FULL!r}, {LAYERS}, 20).shape == ({LAYERS}, 2)"
    )
    before = f"import sys; sys.path += [{str(ROOT / 'applications/dnn')!r}, {str(ROOT)!r}]; "
    done = subprocess.run(
        [sys.executable, "-c", before + code], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "keywords",
    [
        {"adc_bits": 0},
        {"adc_range_option": "MAX"},
        {"adc_range_option": "GRANULAR"},
        {"adc_range_option": ADCRangeLimits.MAX},
    ],
    ids=str,
)
def test_without_calibrated_ranges_no_file_is_needed(tmp_path, keywords):
    found = find_adc_range({**FULL, **keywords}, LAYERS, folder=tmp_path / "nowhere")
    assert found == [None] * LAYERS


def test_missing_keywords_are_those_of_an_unsplit_layer(folder):
    found = find_adc_range({}, LAYERS, 14, folder=folder)
    assert np.array_equal(found, wanted("adc_limits_ResNet14_balanced.npy"))
    enums = {"core_style": CoreStyle.OFFSET, "adc_range_option": ADCRangeLimits.CALIBRATED}
    found = find_adc_range({**SERIAL, **enums}, LAYERS, 14, folder=folder)
    assert np.array_equal(found, wanted("adc_limits_ResNet14_offset.npy"))


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"NrowsMax": 576}, "balanced"),
        ({"NrowsMax": None}, "balanced"),
        ({"NrowsMax": 144}, "balanced_144rows"),
        ({"NrowsMax": None, "Nslices": 2}, "2slices_balanced"),
        # Pairs that share their lines are subtracted there, whatever else is said.
        ({**APART, "interleaved_posneg": True}, "balanced"),
        # Without slices of the input there is nothing to convert by itself.
        ({"adc_per_ibit": True}, "balanced"),
        ({**SERIAL, "input_bits": 0}, "balanced"),
        ({**SERIAL, "input_slice_size": 8}, "balanced"),
    ],
    ids=str,
)
def test_what_makes_no_difference_to_the_adc(folder, keywords, name):
    found = find_adc_range({**FULL, **keywords}, LAYERS, 14, folder=folder)
    assert np.array_equal(found, wanted(f"adc_limits_ResNet14_{name}.npy"))


def test_large_arrays_are_those_that_the_ranges_were_made_for(folder):
    keywords = {**FULL, "NrowsMax": 576}
    with pytest.raises(ParameterError, match="1152 rows or more"):
        find_adc_range(keywords, LAYERS, model="ResNet14", folder=folder)
    with pytest.raises(ParameterError, match="576 rows or more"):
        find_adc_range({**FULL, "NrowsMax": 575}, LAYERS, 14, folder=folder)
    found = find_adc_range(keywords, LAYERS, model="ResNet14", folder=folder, whole_rows=64)
    assert np.array_equal(found, wanted("adc_limits_ResNet14_balanced.npy"))


@pytest.mark.parametrize(
    ("keywords", "missing"),
    [
        ({"Nslices": 3}, "ResNet14_1152rows_3slices_balanced"),
        ({"Nslices": 4, "NrowsMax": 100}, "ResNet14_100rows_4slices_balanced"),
        ({**SERIAL, "input_slice_size": 4}, "ResNet14_balanced_4ibits"),
        ({**OFFSET, "NrowsMax": 100}, "ResNet14_100rows_offset_sums"),
    ],
    ids=str,
)
def test_hardware_without_a_file_is_an_error_that_says_what_is_there(folder, keywords, missing):
    with pytest.raises(ValueError, match=f"adc_limits_{missing}.npy") as caught:
        find_adc_range({**FULL, **keywords}, LAYERS, 14, folder=folder)
    assert "adapters.torch.calibrate" in str(caught.value)
    assert all(name in str(caught.value) for name in FILES)


def test_a_model_is_needed_where_there_are_several(folder):
    with pytest.raises(ParameterError, match="'ResNet14', 'ResNet20'"):
        find_adc_range(FULL, LAYERS, folder=folder)
    for path in folder.glob("*ResNet14*"):
        path.unlink()
    found = find_adc_range(FULL, LAYERS, folder=folder)
    assert np.array_equal(found, wanted("adc_limits_ResNet20_balanced.npy"))
    with pytest.raises(ParameterError, match="of none"):
        find_adc_range(FULL, LAYERS, folder=folder / "nowhere")
    with pytest.raises(ParameterError, match="Files there: none"):
        find_adc_range(FULL, LAYERS, 14, folder=folder / "nowhere")


def test_names_of_models_and_files_that_say_nothing(tmp_path):
    np.save(tmp_path / "adc_limits_my_own_net_balanced.npy", ranges(1))
    np.save(tmp_path / "adc_limits_other.npy", ranges(2))
    np.save(tmp_path / "adc_limits_my_own_net_balanced_old.npy", ranges(3))
    np.save(tmp_path / "adc_limits_my_own_net_144rows.npy", ranges(4))
    assert np.array_equal(find_adc_range(FULL, LAYERS, folder=tmp_path), ranges(1))
    with pytest.raises(ParameterError, match="adc_limits_other.npy"):
        find_adc_range(FULL, LAYERS, model="other", folder=tmp_path)
    np.save(tmp_path / "adc_limits_my_own_net_1slices_balanced.npy", ranges(5))
    with pytest.raises(ParameterError, match="same hardware"):
        find_adc_range(FULL, LAYERS, folder=tmp_path)


def test_wrong_styles_name_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'BALANCED'"):
        find_adc_range({"core_style": "BALANCD"}, LAYERS, 14)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ranges(0, layers=2), r"shape \(2, 2\).*allowed .* shape \(3, 2\)"),
        (ranges(0, slices=2), r"shape \(3, 2, 2\)"),
        (np.full((LAYERS, 2), "a"), "<U1"),
        (ranges(0)[:, ::-1], "layer 0 has no range"),
        (np.array([[0, 1], [0, np.nan], [0, 1]]), "layer 1 has no range"),
    ],
    ids=["layers", "slices", "text", "reversed", "nan"],
)
def test_files_must_hold_one_range_per_layer(tmp_path, content, said):
    np.save(tmp_path / "adc_limits_net_balanced.npy", content)
    with pytest.raises(FileFormatError, match=said):
        find_adc_range(FULL, LAYERS, folder=tmp_path)


def test_files_that_are_no_arrays_are_named(tmp_path):
    path = tmp_path / "adc_limits_net_balanced.npy"
    for content in (b"", b"nothing of the kind"):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=path.name):
            find_adc_range(FULL, LAYERS, folder=tmp_path)
    with path.open("wb") as file:
        np.savez(file, x=ranges(0))
    with pytest.raises(FileFormatError, match="NpzFile"):
        find_adc_range(FULL, LAYERS, folder=tmp_path)
    # A pickle can run anything, so it is not opened.
    np.save(path, np.array([None, {}], dtype=object))
    with pytest.raises(FileFormatError, match=path.name):
        find_adc_range(FULL, LAYERS, folder=tmp_path)
