"""Settings without effect are named, and what is named has none."""

import itertools
import warnings

import numpy as np
import pytest

from simulator import (
    AnalogCore,
    CrossSimParameters,
    NoEffectWarning,
    OhmCoreWarning,
    ParameterError,
)
from simulator.mapping import SlicedWeight
from simulator.parameters import (
    BasePairedParameters,
    BaseParameters,
    of_course,
    settings_without_effect,
    unusual_values,
    without,
)

RNG = np.random.default_rng(0)
A, X = RNG.normal(size=(6, 9)), RNG.uniform(0, 1, (9, 4))
ERROR = "xbar.device.programming_error"
NORMAL = {f"{ERROR}.enable": True, f"{ERROR}.model": "NormalProportionalDevice"}
QUANTIZER = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 8}
MAX = {"xbar.adc.mvm.adc_range_option": "MAX"}
# Hardware of several kinds, in each of which every field of the tree is set.
BASES = {
    "ideal": {},
    "offset": {"core.style": "OFFSET", "xbar.device.cell_bits": 4},
    "sliced": {"core.style": "BITSLICED", "core.weight_bits": 8, **QUANTIZER, **MAX},
    "sliced offset": {
        "core.style": "BITSLICED", "core.weight_bits": 8, "core.bit_sliced.style": "OFFSET",
    },
    "noisy": {**NORMAL, f"{ERROR}.magnitude": 0.1},
    "wires": {"xbar.array.parasitics.enable": True, "xbar.array.parasitics.Rp_row": 3.0},
    "drift": {
        "xbar.device.drift_error.enable": True, "xbar.device.drift_error.model": "PCM",
        "xbar.device.time": 100.0, "xbar.device.Rmin": 4e4, "xbar.device.Rmax": 4e6,
    },
    "converters": {
        **QUANTIZER, **MAX, "xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 6,
    },
    "digits": {
        **QUANTIZER, **MAX, "xbar.dac.mvm.model": "SignMagnitudeDAC", "xbar.dac.mvm.bits": 6,
        "xbar.dac.mvm.input_bitslicing": True, "xbar.adc.mvm.adc_per_ibit": True,
    },
}  # fmt: skip
# Values of each type that are likely to be allowed, besides all members of choices.
NUMBERS = {int: (1, 2, 3, 8), float: (0.05, 0.5, 2.0, 2e4), bool: (True, False)}
MODELS = {"device": "NormalProportionalDevice", "adc": "QuantizerADC", "dac": "QuantizerDAC"}
# Where and how to compute: not hardware.
COMPUTING = ("simulation.useGPU", "simulation.gpu_id", "simulation.seed")


def tree(changes):
    p = CrossSimParameters()
    p.simulation.seed = 1
    p.update(changes)
    return p


def leaves(node, path=""):
    """Dotted path of every leaf, and its spec."""
    for name, spec in node._specs.items():
        if name != "_match":
            yield path + name, spec, getattr(node, "kind", "")
    for name in node._children:
        if not (isinstance(node, BasePairedParameters) and name == "vmm"):
            yield from leaves(getattr(node, name), f"{path}{name}.")


LEAVES = {p: (s, k) for p, s, k in leaves(CrossSimParameters()) if p not in COMPUTING}


def candidates(path):
    spec, kind = LEAVES[path]
    if path.endswith(".model"):
        return (MODELS[kind],)
    if spec.choices:
        return spec.choices
    if spec.type in NUMBERS:
        return NUMBERS[spec.type]
    if isinstance(spec.type, type) and issubclass(spec.type, int):
        return tuple(spec.type)
    return {"array": ([-2.0, 2.0],), list[int]: ([3],), list[bool]: ([True],)}[spec.type]


def results(p):
    """Products in both directions and the matrix, or what is wrong with the parameters."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            core = AnalogCore(A, p)
            return [core @ X, A[:, :1].T @ core, core.get_matrix()]
    except (ParameterError, ValueError) as error:
        return type(error)


def same(one, other):
    return all(map(np.array_equal, one, other))


@pytest.mark.parametrize("base", BASES)
def test_what_is_named_changes_nothing(base):
    named = 0
    for path in LEAVES:
        for value in candidates(path):
            p = tree(BASES[base])
            try:
                p.update({path: value})
                p.validate()
            except (ParameterError, TypeError):
                continue
            if path in {idle.path for idle in settings_without_effect(p)}:
                named += 1
                found = results(p)
                if isinstance(found, list):  # or the core refuses it
                    assert same(found, results(tree(BASES[base]))), f"{path} = {value}"
    assert named > 3


@pytest.mark.parametrize("base", BASES)
def test_the_hardware_of_these_tests_has_none(base):
    assert settings_without_effect(tree(BASES[base])) == []


SILENT = [
    ({**NORMAL, f"{ERROR}.magnitude": 0.05, f"{ERROR}.enable": False}, f"{ERROR}.enable = True"),
    ({f"{ERROR}.enable": True}, f"set {ERROR}.model"),
    ({**NORMAL, f"{ERROR}.magnitude": 0}, "give it a magnitude"),
    ({"xbar.adc.mvm.bits": 4}, "'QuantizerADC'"),
    ({"xbar.dac.mvm.bits": 4}, "'QuantizerDAC'"),
    ({"xbar.array.parasitics.Rp_row": 2}, "set xbar.array.parasitics.enable = True"),
    ({"core.weight_bits": 8}, "core.style = 'BITSLICED'"),
    ({"core.bit_sliced.num_slices": 4}, "set core.style = 'BITSLICED'"),
    ({"core.offset.style": "UNIT_COLUMN_SUBTRACTION"}, "set core.style = 'OFFSET'"),
    ({"simulation.drift_compensation": "global"}, "drift_error.enable = True"),
    ({"xbar.device.time": 100}, "drift_error.model and set its enable = True"),
    ({"xbar.device.read_noise.magnitude": 0.1}, "set xbar.device.read_noise.enable = True and"),
    ({"core.mapping.weights.min": -1, "core.mapping.weights.max": 1}, "percentile = None"),
    ({**QUANTIZER, **MAX, "xbar.adc.mvm.gain_db": 60}, "it belongs to CyclicADC"),
    ({**QUANTIZER, **MAX, "xbar.adc.mvm.calibrated_range": [-1, 1]}, "= 'CALIBRATED'"),
    ({"core.mapping.inputs.mvm.percentile_scope": "vector"}, "percentile"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "remedy"), SILENT)
def test_hardware_that_is_simulated_as_ideal_says_so_when_it_is_built(changes, remedy):
    with pytest.warns(NoEffectWarning) as caught:
        AnalogCore(A, tree(changes))
    (warning,) = caught
    text = str(warning.message)
    assert remedy in text
    assert warning.filename == __file__
    last = list(changes)[-1]
    assert last in text or "enable" in text or "model" in text


def test_all_settings_are_told_in_one_warning():
    changes = {k: v for given, _ in SILENT[-6:-3] for k, v in given.items()}
    changes |= {"xbar.array.parasitics.Rp_row": 2, "xbar.adc.mvm.bits": 4}
    with pytest.warns(NoEffectWarning) as caught:
        AnalogCore(A, tree(changes))
    (warning,) = caught
    assert [path for path in changes if path not in str(warning.message)] == []


@pytest.mark.parametrize("name", CrossSimParameters.presets())
def test_published_designs_set_nothing_without_effect(name):
    assert settings_without_effect(CrossSimParameters.from_yaml(name)) == []


def test_what_is_there_of_course_is_not_told_but_what_is_added_is():
    p = of_course(tree({"core.weight_bits": 8}))
    assert settings_without_effect(p) == []
    p.xbar.array.parasitics.Rp_row = 2
    assert [idle.path for idle in settings_without_effect(p.copy())] == [
        "xbar.array.parasitics.Rp_row"
    ]
    p.core.weight_bits = 7
    assert len(settings_without_effect(p)) == 2


def test_switching_effects_off_leaves_no_setting_to_be_told():
    p = tree({**BASES["digits"], **BASES["noisy"], **BASES["drift"]})
    assert settings_without_effect(without(p, "programming error", "drift", "output ADC")) == []


def test_a_time_that_changes_no_cell_says_so():
    core = AnalogCore(A, CrossSimParameters())
    with pytest.warns(NoEffectWarning, match="no cell drifts"):
        core.time = 10
    drifting = AnalogCore(A, tree(BASES["drift"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drifting.time = 1000


UNUSUAL = [
    ({**NORMAL, f"{ERROR}.magnitude": 5}, f"{ERROR}.magnitude = 5 "),
    ({"xbar.device.Rmin": 10e-6}, "xbar.device.Rmin = 1e-05 ohm"),
    ({"xbar.device.Vread": 200.0}, "xbar.device.Vread = 200 volt"),
    ({"xbar.array.parasitics.enable": True, "xbar.array.parasitics.Rp_row": 1e6}, "Rp_row = 1e"),
    ({**QUANTIZER, **MAX, "xbar.adc.mvm.model": "RampADC", "xbar.adc.mvm.sigma_capacitor": 3.0},
     "xbar.adc.mvm.sigma_capacitor = 3 "),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), UNUSUAL)
def test_values_that_no_hardware_has_are_told_with_their_unit(changes, words):
    (sentence,) = unusual_values(tree(changes))
    assert words in sentence
    assert "usual are" in sentence
    with pytest.warns(OhmCoreWarning, match="values that hardware does not have"):
        AnalogCore(A, tree(changes))


def test_usual_values_hold_all_defaults_and_published_designs():
    trees = [CrossSimParameters(), *map(CrossSimParameters.from_yaml, CrossSimParameters.presets())]
    assert [unusual_values(p) for p in trees] == [[]] * len(trees)


@pytest.mark.parametrize("path", LEAVES)
def test_parameters_of_a_core_cannot_be_written(path):
    core = AnalogCore(A, CrossSimParameters())
    *above, name = path.split(".")
    node = core.params
    for step in above:
        node = getattr(node, step)
    before = getattr(node, name)
    for value in (before, *candidates(path)):
        with pytest.raises(ParameterError, match=rf"{path}: .*params\.copy\(\)"):
            setattr(node, name, value)
    assert np.array_equal(getattr(node, name), before)
    copied = core.params.copy()
    copied.update({path: before})
    assert copied == core.params


LISTS = [path for path, (spec, _) in LEAVES.items() if spec.mutable]
CHANGES = {
    "append": lambda values: values.append(1),
    "item": lambda values: values.__setitem__(0, 1),
    "add": lambda values: values.__iadd__([1]),
    "clear": lambda values: values.clear(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", LISTS)
def test_lists_of_a_core_cannot_be_changed_in_place(path, change):
    import pickle

    p = tree({})
    p.update({path: candidates(path)[0]})
    params = of_course(p).copy()
    core = AnalogCore(A, params)
    *above, name = path.split(".")
    node = core.params
    for step in above:
        node = getattr(node, step)
    with pytest.raises(ParameterError, match=rf"{path}: .*params\.copy\(\)"):
        CHANGES[change](getattr(node, name))
    assert getattr(node, name) == candidates(path)[0]
    assert core.params == params
    for other in (core.params.copy(), pickle.loads(pickle.dumps(core.params))):
        for step in above:
            other = getattr(other, step)
        assert type(getattr(other, name)) is list
        getattr(other, name).append(1)


def test_lists_within_lists_of_a_core_cannot_be_changed_either():
    p = tree({**QUANTIZER, "xbar.adc.mvm.calibrated_range": [[-2.0, 2.0]]})
    core = AnalogCore(A, p)
    with pytest.raises(ParameterError, match="calibrated_range"):
        core.params.xbar.adc.mvm.calibrated_range[0].append(1)


def test_neither_pairing_nor_the_whole_tree_of_a_core_can_be_replaced():
    core = AnalogCore(A, CrossSimParameters())
    with pytest.raises(ParameterError, match=r"xbar\.adc\.match: "):
        core.params.xbar.adc.match = False
    assert core.params.xbar.adc.match
    with pytest.raises(ParameterError, match="build a new core"):
        core.params = CrossSimParameters()


def test_nodes_of_a_core_cannot_be_replaced_and_travel():
    import pickle

    core = AnalogCore(A, CrossSimParameters())
    with pytest.raises(ParameterError, match="xbar: "):
        core.params.xbar = {}
    again = pickle.loads(pickle.dumps(core.params))
    again.xbar.device.Rmin = 500
    assert isinstance(again, BaseParameters)


FITS = list(
    itertools.product((4, 6, 8, 9), (1, 2, 3, 4), (0, 1, 2, 3, 4, 6), ("BALANCED", "OFFSET"))
)


@pytest.mark.parametrize(("bits", "slices", "cell_bits", "style"), FITS)
def test_digits_that_do_not_fit_the_cells_are_told(bits, slices, cell_bits, style):
    p = tree({
        "core.style": "BITSLICED", "core.weight_bits": bits, "core.bit_sliced.num_slices": slices,
        "core.bit_sliced.style": style, "xbar.device.cell_bits": cell_bits,
    })  # fmt: skip
    weights = np.random.default_rng(1).uniform(-1, 1, (40, 200))
    weights[0, 0] = 1
    q = p.copy()
    q.xbar.device.cell_bits = 0
    best = np.linalg.norm(AnalogCore(weights, q).get_matrix() - weights)
    if 0 < cell_bits < SlicedWeight(style == "BALANCED", bits, slices).slice_bits:
        with pytest.raises(ParameterError, match="has fewer levels than digits"):
            AnalogCore(weights, p)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        core = AnalogCore(weights, p)
    error = np.linalg.norm(core.get_matrix() - weights)
    said = [str(w.message) for w in caught]
    # Cells add nothing to the rounding of digits exactly where nothing is said.
    assert bool(said) == (not np.isclose(error, best, rtol=1e-9))
    for text in said:
        assert f"xbar.device.cell_bits = {cell_bits} has levels" in text
