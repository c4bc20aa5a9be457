"""What converters say of themselves: levels, spans and limits, of models and of built cores."""

import dataclasses

import numpy as np
import pytest

from simulator import AnalogCore, CrossSimParameters, ModelError
from simulator.backend import numpy_backend
from simulator.converters import (
    ADC,
    CyclicADC,
    IdealADC,
    IdealDAC,
    MidTreadADC,
    MidTreadDAC,
    PipelineADC,
    QuantizerADC,
    QuantizerDAC,
    RampADC,
    SarADC,
    SignMagnitudeADC,
    SignMagnitudeDAC,
    Span,
)
from simulator.converters.curves import transfer
from simulator.profile import converter_models

CALIBRATED = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 5,
              "xbar.adc.mvm.adc_range_option": "CALIBRATED",
              "xbar.adc.mvm.calibrated_range": [-0.5, 2.0]}  # fmt: skip
MAX = {**CALIBRATED, "xbar.adc.mvm.adc_range_option": "MAX"}
DRIVEN = {"xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 4,
          "core.mapping.inputs.mvm.min": -2.0, "core.mapping.inputs.mvm.max": 2.0}  # fmt: skip
SLICED = {"core.style": "BITSLICED", "core.bit_sliced.num_slices": 2, "core.weight_bits": 8}
TILED = {"core.rows_max": 3, "core.cols_max": 2}


def hardware(*changes):
    p = CrossSimParameters()
    p.update({name: value for change in changes for name, value in change.items()})
    return p


def core(*changes, shape=(5, 4)):
    return AnalogCore(np.random.default_rng(1).standard_normal(shape), hardware(*changes))


@pytest.mark.parametrize(
    "adc",
    [
        QuantizerADC(bits=3), QuantizerADC(bits=1), QuantizerADC(bits=3, signed=False),
        SignMagnitudeADC(bits=4), MidTreadADC(resolution=1 / 6), RampADC(bits=4), SarADC(bits=4),
        PipelineADC(bits=4), CyclicADC(bits=4),
    ],
    ids=lambda adc: f"{type(adc).__name__}-{adc.bits}",
)  # fmt: skip
def test_an_adc_has_as_many_levels_as_a_ramp_meets(adc):
    ramp = transfer(adc, -1.0 if adc.signed else 0.0, 1.0, samples=1 << 12)
    assert len(np.unique(ramp.results.astype(np.float32))) == adc.level_count


@pytest.mark.parametrize(
    "dac",
    [
        QuantizerDAC(bits=3), QuantizerDAC(bits=3, signed=False), SignMagnitudeDAC(bits=4),
        MidTreadDAC(resolution=1 / 6),
    ],
)  # fmt: skip
def test_a_dac_has_as_many_levels_as_a_ramp_meets(dac):
    low = -1.0 if dac.signed else 0.0
    volts = dac.convert(np.linspace(low, 1, 1 << 12), low, 1.0, numpy_backend().kernels)
    assert len(np.unique(volts.astype(np.float32))) == dac.level_count


@pytest.mark.parametrize(
    "model",
    [
        IdealADC(bits=8), IdealDAC(bits=8), QuantizerADC(), QuantizerDAC(), SignMagnitudeADC(),
        SignMagnitudeDAC(), MidTreadADC(bits=8), MidTreadDAC(bits=8), SarADC(),
    ],
)  # fmt: skip
def test_an_ideal_converter_has_one_level(model):
    assert model.level_count == 1


def test_a_model_says_what_ranges_it_can_have():
    class Own(QuantizerADC):
        def convert(self, amps, low, high, kernels, dither=None):
            return amps

    assert QuantizerADC(bits=4).span is Span.FREE
    assert Own(bits=4).span is RampADC(bits=4).span is SignMagnitudeADC().span is Span.SYMMETRIC
    assert SarADC(bits=4, signed=False).span is Span.POSITIVE
    assert QuantizerDAC().span is Span.SYMMETRIC
    assert QuantizerDAC(signed=False).span is Span.POSITIVE


def test_ideal_converters_of_a_core_have_no_limits():
    for transposed in (False, True):
        ranges = core().converter_ranges(transposed)
        for found in (ranges.dac, ranges.adc):
            assert (found.levels, found.low, found.high) == (1, None, None)


def test_inputs_beyond_the_limits_are_clipped_to_them():
    A = core(DRIVEN)
    dac = A.converter_ranges().dac
    assert (dac.levels, dac.span, dac.low, dac.high) == (16, Span.SYMMETRIC, -2.0, 2.0)
    for limit in (dac.low, dac.high):
        np.testing.assert_array_equal(A @ np.full(4, 10 * limit), A @ np.full(4, limit))


def test_a_range_that_follows_the_inputs_is_no_limit():
    limits = dict.fromkeys(("core.mapping.inputs.mvm.min", "core.mapping.inputs.mvm.max"))
    dac = core(DRIVEN, limits, {"core.mapping.inputs.mvm.percentile": 1.0}).converter_ranges().dac
    assert (dac.levels, dac.low, dac.high) == (16, None, None)


def test_adc_limits_are_those_that_were_given():
    adc = core(CALIBRATED, TILED).converter_ranges().adc
    assert (adc.levels, adc.span) == (32, Span.FREE)
    np.testing.assert_array_equal([adc.low, adc.high], [[-0.5], [2.0]])
    pairs = [[-1.0, 1.0], [-4.0, 4.0]]
    sliced = core(CALIBRATED, SLICED, {"xbar.adc.mvm.calibrated_range": pairs})
    adc = sliced.converter_ranges().adc
    np.testing.assert_array_equal(np.stack([adc.low, adc.high], axis=1), pairs)


def test_safe_adc_limits_are_those_of_the_largest_tile():
    # Five inputs in tiles of three and two.
    adc = core(MAX, TILED, shape=(3, 5)).converter_ranges().adc
    np.testing.assert_array_equal([adc.low, adc.high], [[-3.0], [3.0]])


def test_every_direction_has_converters_of_its_own():
    p = hardware({"xbar.adc.match": False})
    p.update({name.replace(".mvm.", ".vmm."): value for name, value in MAX.items()})
    p.xbar.adc.vmm.bits = 7
    A = AnalogCore(np.ones((6, 3)), p)
    assert A.converter_ranges().adc.levels == 1
    adc = A.converter_ranges(transposed=True).adc
    assert (adc.levels, adc.high.tolist()) == (128, [6.0])


def test_of_different_arrays_the_first_with_a_converter_counts():
    trees = [hardware(TILED), hardware(TILED, CALIBRATED), hardware(TILED, CALIBRATED)]
    trees[2].xbar.adc.mvm.bits, trees[2].xbar.adc.mvm.calibrated_range = 7, [-3.0, 1.0]
    A = AnalogCore(np.ones((2, 9)), trees)
    adc = A.converter_ranges().adc
    assert adc.levels == 32
    np.testing.assert_array_equal([adc.low, adc.high], [[-3.0], [2.0]])


def test_ranges_are_frozen():
    ranges = core(CALIBRATED).converter_ranges()
    with pytest.raises(ValueError, match="read-only"):
        ranges.adc.low[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        ranges.adc.levels = 3


@pytest.mark.parametrize("style", [{}, {"core.style": "OFFSET"}, SLICED, TILED])
def test_cells_are_counted(style):
    A = core(style)
    assert A.cell_count == sum(cells.size for cells in A.get_state()["cells"])


def test_slices_count_as_their_place_says():
    weights = core(SLICED).slice_weights
    # Seven bits of magnitude in two slices of four bits, with one to spare.
    assert weights.shape == (2,)
    assert weights[1] / weights[0] == 2**4


def test_the_models_of_a_tree():
    dac, adc = converter_models(hardware(DRIVEN, CALIBRATED))
    assert (dac, adc) == (QuantizerDAC(bits=4), QuantizerADC(bits=5))
    assert all(model.is_ideal for model in converter_models(hardware(MAX), transposed=True)[:1])
    with pytest.raises(ModelError, match="no adc model"):
        converter_models(hardware({"xbar.adc.mvm.model": "NoSuchADC"}))


def test_a_model_of_ones_own_is_asked():
    @dataclasses.dataclass(frozen=True)
    class ThreeLevels(ADC):
        @property
        def is_ideal(self):
            return False

        @property
        def level_count(self):
            return 3

        def convert(self, amps, low, high, kernels, dither=None):
            return np.rint(np.clip(amps, -1, 1))

    A = core(MAX, {"xbar.adc.mvm.model": "ThreeLevels"})
    assert A.converter_ranges().adc.levels == 3
