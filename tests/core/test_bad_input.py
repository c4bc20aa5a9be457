"""What cannot be computed is one error that names the place, what was given and what is allowed."""

import numpy as np
import pytest
from strategies import core_of, set_style

from simulator import (
    AnalogCore,
    CrossSimParameters,
    InputError,
    ModelError,
    NotSupportedError,
    OhmCoreError,
    OhmCoreWarning,
    ParameterError,
    ShapeError,
)  # fmt: skip

MATRIX = np.random.default_rng(0).uniform(-1, 1, (4, 3))


def params_with(changes):
    """Changes one by one, in their order; a style is one of STYLES."""
    params = CrossSimParameters()
    for path, value in changes.items():
        if path == "style":
            set_style(params, value)
        else:
            params.update({path: value})
    return params


# -- at the call -----------------------------------------------------------------------------

CORE = core_of(MATRIX, CrossSimParameters())


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("call", "shape", "allowed"),
    [
        (lambda x: CORE @ x, (4,), r"\(3,\)"), (lambda x: CORE @ x, (4, 3), r"\(\.\.\., 3, k\)"),
        (lambda x: CORE @ x, (3, 4, 2), r"\(\.\.\., 3, k\)"),
        (lambda x: x @ CORE, (3,), r"\(4,\)"), (lambda x: x @ CORE, (4, 3), r"\(\.\.\., k, 4\)"),
        (CORE.matvec, (4,), r"\(3,\) or \(3, 1\)"), (CORE.matvec, (1, 3), r"\(3, 1\)"),
        (CORE.matvec, (3, 2), r"\(3, 1\)"), (CORE.vecmat, (3,), r"\(4,\) or \(1, 4\)"),
        (CORE.vecmat, (4, 1), r"\(1, 4\)"), (CORE.matmat, (3,), r"\(\.\.\., 3, k\)"),
        (CORE.rmatmat, (4,), r"\(\.\.\., k, 4\)"), (lambda x: CORE @ x, (), "3"),
        (lambda x: x @ CORE.T, (4,), r"\(3,\)"), (lambda x: CORE.T @ x, (3,), r"\(4,\)"),
        (lambda x: CORE[1:3] @ x, (2,), r"\(3,\)"), (lambda x: CORE[0] @ x, (4,), "3"),
    ],
)  # fmt: skip
def test_wrong_shapes(call, shape, allowed, warm):
    if warm:
        CORE @ np.ones(3)
    with pytest.raises(ShapeError, match=allowed) as caught:
        call(np.ones(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    "x", ["abc", [1, "a", 2], [None] * 3, [object()] * 3, [[1, 2], [3]], {"a": 1}, {1, 2, 3},
          np.zeros(3, "M8[s]"), np.zeros(3, [("a", float)])],
    ids=["text", "mixed", "none", "objects", "ragged", "dict", "set", "dates", "records"],
)  # fmt: skip
@pytest.mark.parametrize("call", [lambda x: CORE @ x, CORE.rmatmul, CORE.dot, CORE.matvec])
def test_inputs_that_are_no_numbers(call, x):
    with pytest.raises(InputError, match="input"):
        call(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, complex(0, np.nan), complex(np.inf, 0)])
@pytest.mark.parametrize("style", ["one_sided", "sliced_offset", "coarse"])
def test_inputs_that_are_not_finite(bad, style):
    params = CrossSimParameters()
    if style == "coarse":
        adc = params.xbar.adc.mvm
        adc.model, adc.bits, adc.adc_range_option = "QuantizerADC", 4, "MAX"
    else:
        set_style(params, style)
    core = core_of(MATRIX, params)
    x = np.zeros((3, 2), complex if isinstance(bad, complex) else float)
    x[1, 0] = bad
    for call in (lambda: core @ x, lambda: x.T @ core.T, lambda: core[1:3] @ x,
                 lambda: core.matvec(x[:, 0]), lambda: np.matmul(core, x)):  # fmt: skip
        with pytest.raises(InputError, match=r"finite") as caught:
            call()
        assert "index" in str(caught.value)
    with pytest.raises(InputError, match=r"\(1, 0\)"):
        core @ x


# -- the matrix ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "matrix",
    [np.ones(3), np.ones((2, 2, 2)), 5.0, np.ones((0, 3)), np.ones((3, 0)), [], [[]]],
    ids=lambda m: str(np.shape(m)),
)
def test_matrices_of_a_wrong_shape(matrix):
    with pytest.raises(ShapeError, match="two dimensions"):
        AnalogCore(matrix, CrossSimParameters())


@pytest.mark.parametrize("matrix", [[["a"]], [[None]], "matrix", None, object(), [[1, 2], [3]]])
def test_matrices_that_are_no_numbers(matrix):
    with pytest.raises(InputError, match="matrix"):
        AnalogCore(matrix, CrossSimParameters())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_matrices_that_are_not_finite(bad):
    matrix = MATRIX.copy()
    matrix[2, 1] = bad
    with pytest.raises(InputError, match=r"\(2, 1\)"):
        AnalogCore(matrix, CrossSimParameters())


@pytest.mark.parametrize("params", [None, {}, "default", CrossSimParameters, 3, [None] * 4])
def test_parameters_of_a_wrong_type(params):
    with pytest.raises(ParameterError, match="CrossSimParameters"):
        AnalogCore(MATRIX, params)


@pytest.mark.parametrize("stream", ["a", 1.5, None])
def test_streams_that_are_no_numbers(stream):
    """Found when the core is built, not at its first draw."""
    with pytest.raises((OhmCoreError, TypeError), match="stream"):
        AnalogCore(MATRIX, CrossSimParameters(), stream=stream)


# -- models ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "nearest"),
    [
        ("xbar.adc.mvm", "QuantiserADC", "QuantizerADC"),
        ("xbar.adc.vmm", "SignMagADC", "SignMagnitudeADC"),
        ("xbar.dac.mvm", "QuantiserDAC", "QuantizerDAC"),
        ("xbar.device.programming_error", "NormalIndependant", "NormalIndependentDevice"),
        ("xbar.device.read_noise", "UniformProportional", "UniformProportionalDevice"),
    ],
)
def test_unknown_models_are_named_with_the_nearest(path, name, nearest):
    params = CrossSimParameters()
    params.xbar.adc.match = params.xbar.dac.match = False
    node = params
    for part in path.split("."):
        node = getattr(node, part)
    if hasattr(node, "enable"):
        node.enable = True
    node.model = name
    with pytest.raises(ModelError) as caught:
        AnalogCore(MATRIX, params)
    message = str(caught.value)
    assert path in message
    assert name in message
    assert f"{nearest!r}?" in message


def test_effects_that_are_switched_off_may_name_anything():
    params = CrossSimParameters()
    for effect in ("read_noise", "programming_error", "drift_error", "nonlinear_IV"):
        getattr(params.xbar.device, effect).model = "ComesLaterDevice"
    assert AnalogCore(MATRIX, params).shape == (4, 3)


@pytest.mark.parametrize("effect", ["drift_error", "nonlinear_IV"])
def test_effects_without_a_model_are_named(effect):
    params = CrossSimParameters()
    node = getattr(params.xbar.device, effect)
    node.enable, node.model = True, "SONOS"
    with pytest.raises((ModelError, NotSupportedError), match=effect):
        AnalogCore(MATRIX, params)


# -- combinations ----------------------------------------------------------------------------

IMPOSSIBLE = {
    "no level for a sign": ({"style": "offset", "xbar.device.cell_bits": 1}, "cell_bits"),
    "no weight bits": ({"core.style": "BITSLICED"}, "weight_bits"),
    "slices without bits": (
        {"core.style": "BITSLICED", "core.weight_bits": 3, "core.bit_sliced.num_slices": 4},
        "num_slices",
    ),
    "interleaved pairs subtracted digitally": (
        {"core.balanced.interleaved_posneg": True, "core.balanced.subtract_current_in_xbar": False},
        "interleaved_posneg.*subtract_current_in_xbar|"
        "subtract_current_in_xbar.*interleaved_posneg",
    ),
    "one range for two slices": (
        {"style": "sliced_balanced", "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 4,
         "xbar.adc.mvm.calibrated_range": [-1, 1]}, "calibrated_range",
    ),
    "an empty range": (
        {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 4,
         "xbar.adc.mvm.calibrated_range": [1, 1]}, "calibrated_range",
    ),
    "a skew range with a sign bit": (
        {"xbar.adc.mvm.model": "SignMagnitudeADC", "xbar.adc.mvm.bits": 4,
         "xbar.adc.mvm.calibrated_range": [-1, 2]}, "symmetric",
    ),
    "a sign bit alone": (
        {"xbar.adc.mvm.model": "SignMagnitudeADC", "xbar.adc.mvm.bits": 1,
         "xbar.adc.mvm.adc_range_option": "MAX"}, "bits",
    ),
    "a sign bit unsigned": (
        {"xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 4,
         "xbar.dac.mvm.signed": False}, "signed",
    ),
    "unsigned inputs below zero": (
        {"xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 4,
         "xbar.dac.mvm.signed": False}, "min",
    ),
    "digits of signed levels": (
        {"xbar.dac.mvm.model": "QuantizerDAC", "xbar.dac.mvm.bits": 4,
         "xbar.dac.mvm.input_bitslicing": True}, "input_bitslicing",
    ),
    "digits of nothing": ({"xbar.dac.mvm.input_bitslicing": True}, "bits"),
    "conversions of digits that are not there": (
        {"xbar.adc.mvm.adc_per_ibit": True}, "adc_per_ibit"
    ),
    "granular without digits": (
        {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 4,
         "xbar.adc.mvm.adc_range_option": "GRANULAR"}, "adc_per_ibit",
    ),
    "no weight range": ({"core.mapping.weights.percentile": None}, "weights"),
    "a weight range upside down": (
        {"core.mapping.weights.percentile": None, "core.mapping.weights.min": 1.0,
         "core.mapping.weights.max": -1.0}, "core.mapping.weights.min",
    ),
    "an input range of nothing": (
        {"core.mapping.inputs.mvm.min": 1.0, "core.mapping.inputs.mvm.max": 1.0},
        "core.mapping.inputs.mvm.min",
    ),
    "an inverted on/off ratio": (
        {"xbar.device.Rmin": 1e4, "xbar.device.Rmax": 1e3}, "Rmin.*Rmax"
    ),
    "wires of too few slices": (
        {"core.style": "BITSLICED", "core.weight_bits": 8,
         "xbar.array.parasitics.disable_slices": [True]},
        "disable_slices",
    ),
    "a cubic cell beyond its range": (
        {"xbar.device.nonlinear_IV.enable": True, "xbar.device.Vread": 2.5,
         "xbar.device.nonlinear_IV.model": "CubicDevice"}, "Vread",
    ),
    "noise per output of nonlinear cells": (
        {"xbar.device.nonlinear_IV.enable": True, "xbar.device.nonlinear_IV.model": "CubicDevice",
         "xbar.device.read_noise.enable": True, "xbar.device.read_noise.magnitude": 0.1,
         "xbar.device.read_noise.model": "NormalProportionalDevice",
         "simulation.read_noise_sampling": "per_output"}, "read_noise_sampling",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_combinations(name):
    changes, place = IMPOSSIBLE[name]
    with pytest.raises(ParameterError, match=place):
        AnalogCore(MATRIX, params_with(changes))


DOUBTFUL = {
    "no level for zero": {"style": "two_sided", "xbar.device.cell_bits": 3},
    "a unit column that is not zero": {
        "style": "sliced_unit", "core.weight_bits": 7, "core.bit_sliced.num_slices": 2,
    },
    "ranges that shifts cannot merge": {
        "style": "sliced_balanced", "xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 4,
        "xbar.adc.mvm.calibrated_range": [[-1, 1], [-3, 3]],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTFUL)
def test_doubtful_combinations_work_with_a_warning(name):
    with pytest.warns(OhmCoreWarning) as caught:
        core = AnalogCore(MATRIX, params_with(DOUBTFUL[name]))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.isfinite(core @ np.ones(3)).all()


ACCEPTED = {
    "negative cell bits": {"xbar.device.cell_bits": -1},
    "wide inputs": {"core.mapping.inputs.mvm.min": -1e12, "core.mapping.inputs.mvm.max": 1e12},
    "bits of an ideal converter": {"xbar.adc.mvm.bits": 8, "xbar.dac.mvm.bits": 8},
    "a range that nothing uses": {"xbar.adc.mvm.calibrated_range": [3, -3]},
    "a negative column limit": {"xbar.array.Icol_max": -1.0},
    "wires without resistance": {"xbar.array.parasitics.enable": True},
    "an infinite off resistance": {"xbar.device.Rmax": float("inf")},
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_has_a_meaning_is_accepted(name):
    core = AnalogCore(MATRIX, params_with(ACCEPTED[name]))
    assert np.allclose(core @ np.ones(3), MATRIX @ np.ones(3), rtol=0, atol=1e-13)


def test_a_failed_core_takes_nothing_from_numpys_random_state():
    params = CrossSimParameters()
    error = params.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalIndependentDevice", 0.1
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    with pytest.raises(InputError):
        AnalogCore(np.full((2, 2), np.nan), params)
    assert np.array_equal(np.random.get_state()[1], before)
