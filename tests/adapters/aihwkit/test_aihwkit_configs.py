"""Configurations of the aihwkit adapter: names, defaults, checks, printing, copies."""

import copy
import dataclasses
import importlib
import math
import pickle
from enum import Enum

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.aihwkit import exceptions
from adapters.aihwkit.engine.configuration.words import told
from adapters.aihwkit.exceptions import ConfigError, NotOfferedError
from adapters.aihwkit.simulator import configs as flat
from adapters.aihwkit.simulator import parameters
from adapters.aihwkit.simulator.configs import (
    AnalogMVType,
    BoundManagementType,
    ConstantStepDevice,
    FloatingPointDevice,
    FloatingPointRPUConfig,
    IdealDevice,
    IOParameters,
    LinearStepDevice,
    MappingParameter,
    NoiseManagementType,
    PiecewiseStepDevice,
    PulseType,
    RPUDataType,
    SingleRPUConfig,
    SoftBoundsReferenceDevice,
    UpdateParameters,
    WeightNoiseType,
    build_config,
)
from adapters.aihwkit.simulator.parameters import Parameters, fields_of
from simulator import OhmCoreError, ParameterError

SIMULATOR = "adapters.aihwkit.simulator"


def table(text, **nested):
    """The values in a text such as ``"dw_min=0.001 pulse_type=NONE"``, and the nested ones."""
    pairs = (item.split("=") for item in text.split())
    return {name: yaml.safe_load(value) for name, value in pairs} | nested


DRIFT = table("nu=0 t_0=1.0 reset_tol=1.0e-7")
FULL_DRIFT = DRIFT | table(
    "nu_dtod=0 nu_std=0 g_offset=0 w_offset=0 nu_k=0 log_g0=0 w_noise_std=0 wg_ratio=1.0"
)
PULSED = table(
    """
    construction_seed=0 corrupt_devices_prob=0 corrupt_devices_range=0.1 diffusion=0
    diffusion_dtod=0 dw_min=0.001 dw_min_dtod=0.3 dw_min_dtod_log_normal=false dw_min_std=0.3
    enforce_consistency=true lifetime=0 lifetime_dtod=0 perfect_bias=false reset=0 reset_dtod=0
    reset_std=0.01 up_down=0 up_down_dtod=0.01 w_max=0.6 w_max_dtod=0.3 w_min=-0.6 w_min_dtod=0.3
    count_pulses=false
    """,
    drift=FULL_DRIFT,
)
WRITE = PULSED | table("write_noise_std=0 apply_write_noise_on_set=true")
LINEAR = WRITE | table("mult_noise=true reverse_up=false reverse_down=false reverse_offset=0.01")
IO = table(
    """
    is_perfect=false mv_type=ONE_PASS inp_bound=1.0 inp_noise=0 inp_sto_round=false
    inp_asymmetry=0 out_bound=12.0 out_noise=0.06 out_noise_std=0 out_sto_round=false
    out_scale=1.0 out_asymmetry=0 bound_management=ITERATIVE noise_management=ABS_MAX w_noise=0
    w_noise_type=NONE ir_drop=0 out_nonlinearity=0 out_nonlinearity_std=0 slope_calibration=0
    v_offset_std=0 v_offset_w_min=-1.0 r_series=0 w_read_asymmetry_dtod=0 max_bm_factor=1000
    max_bm_res=0.25 bm_test_negative_bound=true nm_thres=0
    """,
    inp_res=1 / 126,
    out_res=1 / 510,
    ir_drop_g_ratio=pytest.approx(571428.5714, rel=1e-9),
)
UPDATE = table(
    """
    desired_bl=31 fixed_bl=true pulse_type=STOCHASTIC_COMPRESSED res=0 x_res_implicit=0
    d_res_implicit=0 d_sparsity=false sto_round=false update_bl_management=true
    update_management=true um_grad_scale=1.0
    """
)
MAPPING = table(
    """
    digital_bias=true weight_scaling_omega=0 weight_scaling_columnwise=false
    weight_scaling_lr_compensation=false learn_out_scaling=false out_scaling_columnwise=false
    max_input_size=512 max_output_size=512
    """
)
INPUT_RANGE = table(
    """
    enable=false learn_input_range=true init_value=3.0 init_from_data=100 init_std_alpha=3.0
    decay=0.001 input_min_percentage=0.95 manage_output_clipping=false
    output_min_percentage=0.95 gradient_scale=1.0 gradient_relative=true calibration_info=null
    """
)
RUNTIME = table(
    "data_type=FLOAT on_the_fly_bindings=false offload_input=false offload_gradient=false"
)
PRE_POST = {"input_range": INPUT_RANGE}
COMMON = {"runtime": RUNTIME, "pre_post": PRE_POST, "mapping": MAPPING}
FLOATING = table("diffusion=0 lifetime=0", drift=DRIFT)
DEFAULTS = {
    "SimpleDriftParameter": DRIFT,
    "DriftParameter": FULL_DRIFT,
    "IOParameters": IO,
    "UpdateParameters": UPDATE,
    "MappingParameter": MAPPING,
    "RuntimeParameter": RUNTIME,
    "InputRangeParameter": INPUT_RANGE,
    "PrePostProcessingParameter": PRE_POST,
    "PulsedDevice": PULSED,
    "ConstantStepDevice": PULSED,
    "LinearStepDevice": LINEAR
    | table(
        """
        gamma_up=0 gamma_down=0 gamma_up_dtod=0.05 gamma_down_dtod=0.05 allow_increasing=false
        mean_bound_reference=true
        """
    ),
    "SoftBoundsDevice": LINEAR,
    "SoftBoundsReferenceDevice": WRITE
    | table(
        """
        mult_noise=false slope_up_dtod=0 slope_down_dtod=0 reference_mean=0 reference_std=0
        subtract_symmetry_point=false
        """
    ),
    "ExpStepDevice": WRITE
    | table(
        """
        A_up=0.00081 A_down=0.36833 gamma_up=12.44625 gamma_down=12.78785 a=0.244 b=0.2425
        dw_min_std_add=0 dw_min_std_slope=0
        """
    ),
    "PowStepDevice": WRITE
    | table("pow_gamma=1 pow_gamma_dtod=0.1 pow_up_down=0 pow_up_down_dtod=0"),
    "PiecewiseStepDevice": WRITE | table("piecewise_up=[1] piecewise_down=[1]"),
    "IdealDevice": table("construction_seed=0 diffusion=0 lifetime=0 reset_std=0.01"),
    "FloatingPointDevice": FLOATING,
    "FloatingPointRPUConfig": {**COMMON, "device": FLOATING},
    "SingleRPUConfig": {
        **COMMON, "forward": IO, "backward": IO, "update": UPDATE, "device": PULSED
    },
}  # fmt: skip
CLASSES = {name: getattr(flat, name) for name in DEFAULTS}


@pytest.mark.parametrize("name", DEFAULTS)
def test_fields_and_defaults_are_those_of_aihwkit(name):
    assert fields_of(CLASSES[name]()) == DEFAULTS[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_says_what_it_is(name):
    for cls in CLASSES[name].__mro__:
        if dataclasses.is_dataclass(cls):
            for field in dataclasses.fields(cls):
                doc = field.metadata["spec"].doc
                assert doc, field.name
                assert doc.endswith("."), field.name


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_simulated(name):
    CLASSES[name]().check_supported()


ENUMS = {
    "RPUDataType": "FLOAT DOUBLE HALF",
    "BoundManagementType": "NONE ITERATIVE ITERATIVE_WORST_CASE SHIFT",
    "NoiseManagementType": "NONE ABS_MAX ABS_MAX_NP_SUM MAX CONSTANT AVERAGE_ABS_MAX",
    "WeightNoiseType": "NONE ADDITIVE_CONSTANT PCM_READ",
    "PulseType": "NONE STOCHASTIC_COMPRESSED STOCHASTIC NONE_WITH_DEVICE MEAN_COUNT "
    "DETERMINISTIC_IMPLICIT",
    "AnalogMVType": "IDEAL ONE_PASS POS_NEG_SEPARATE POS_NEG_SEPARATE_DIGITAL_SUM SPLIT_MODE "
    "BIT_WISE",
}


@pytest.mark.parametrize("name", ENUMS)
def test_choices_are_those_of_aihwkit(name):
    assert {member.name for member in getattr(flat, name)} == set(ENUMS[name].split())


def test_data_types_are_those_of_torch():
    torch = pytest.importorskip("torch")
    assert RPUDataType.FLOAT.as_torch() is torch.float32
    assert RPUDataType.DOUBLE.as_torch() is torch.float64
    assert RPUDataType.HALF.as_torch() is torch.float16


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("configs.configs", "SingleRPUConfig FloatingPointRPUConfig"),
        ("configs.devices", [name for name in DEFAULTS if name.endswith("Device")]),
        ("configs.helpers", "build_config"),
        ("configs.utils", [*ENUMS, "MappingParameter", "OutputWeightNoiseType"]),
        ("parameters", [*ENUMS, *(name for name in DEFAULTS if name.endswith("Parameter"))]),
        ("parameters.enums", ENUMS),
        ("parameters.io", "IOParameters BackwardIOParameters"),
        ("parameters.training", "UpdateParameters"),
        ("parameters.mapping", "MappingParameter"),
        ("parameters.runtime", "RuntimeParameter"),
        ("parameters.pre_post", "InputRangeParameter PrePostProcessingParameter"),
        ("parameters.inference", "SimpleDriftParameter DriftParameter"),
    ],
)
def test_every_path_leads_to_the_same_thing(module, names):
    found = importlib.import_module(f"{SIMULATOR}.{module}")
    for name in names.split() if isinstance(names, str) else names:
        assert getattr(found, name) is getattr(flat, name)


def test_oldest_names_are_the_same_classes():
    old = importlib.import_module(f"{SIMULATOR}.devices")
    for name, cls in CLASSES.items():
        if name.endswith("Device"):
            assert getattr(old, name.replace("Device", "ResistiveDevice")) is cls
    assert flat.OutputWeightNoiseType is WeightNoiseType
    assert flat.BackwardIOParameters is IOParameters


def test_training_on_gpus_is_not_offered():
    from adapters.aihwkit.simulator.rpu_base import cuda

    assert cuda.is_compiled() is False
    assert cuda.is_available() is False


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        ("configs", "InferenceRPUConfig", "SingleRPUConfig"),
        ("configs", "UnitCellRPUConfig", "SingleRPUConfig"),
        ("configs.devices", "SoftBoundsPmaxDevice", "SoftBoundsDevice"),
        ("configs.compounds", "TransferCompound", "SingleRPUConfig"),
        ("configs.compounds", "NoSuchCompound", "SingleRPUConfig"),
        ("configs.utils", "WeightClipType", "SingleRPUConfig"),
        ("parameters", "WeightModifierParameter", "SingleRPUConfig"),
        ("presets", "GokmenVlasovPreset", "SingleRPUConfig"),
        ("noise_models", "PCMLikeNoiseModel", "SingleRPUConfig"),
    ],
)
def test_names_that_are_not_offered_say_so_when_imported(module, name, instead):
    imported = importlib.import_module(f"{SIMULATOR}.{module}")
    with pytest.raises(ImportError, match=rf"has no {name}: .*{instead}"):
        getattr(imported, name)


def test_an_import_statement_is_told_as_well():
    with pytest.raises(NotOfferedError, match="has no InferenceRPUConfig: .* not simulated here"):
        from adapters.aihwkit.simulator.configs import InferenceRPUConfig  # noqa: F401


@pytest.mark.parametrize("module", ["configs", "parameters", "presets", "configs.compounds"])
def test_private_names_are_ordinary_attribute_errors(module):
    imported = importlib.import_module(f"{SIMULATOR}.{module}")
    assert not hasattr(imported, "__no_such_name__")
    assert not hasattr(imported, "_private")
    assert getattr(imported, "__wrapped__", None) is None


def test_unknown_names_are_told_the_nearest():
    for module in (flat, parameters, flat.utils):
        with pytest.raises(AttributeError, match="no attribute 'IOParameter'.*'IOParameters'"):
            module.IOParameter  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'IOParameter'"):
        from adapters.aihwkit.simulator.configs import IOParameter  # noqa: F401


def test_exceptions_fit_both_worlds():
    assert issubclass(ConfigError, ParameterError)
    assert issubclass(ConfigError, ValueError)
    assert issubclass(exceptions.AnalogBiasConfigError, ConfigError)
    for name in ("ModuleError", "TileError", "NotOfferedError"):
        assert issubclass(getattr(exceptions, name), OhmCoreError)


@pytest.mark.parametrize("name", DEFAULTS)
def test_misspelt_attributes_name_the_nearest_field(name):
    config = CLASSES[name]()
    field = dataclasses.fields(config)[-1].name
    with pytest.raises(ConfigError, match=f"{name} has no field '{field}_'.*Did you mean '{field}"):
        setattr(config, f"{field}_", 1)
    with pytest.raises(TypeError):
        CLASSES[name](no_such_field=1)


@pytest.mark.parametrize(
    ("config", "field", "values"),
    [
        (ConstantStepDevice, "dw_min", [0, -0.1, math.nan, "0.1", None]),
        (ConstantStepDevice, "w_max", [-0.1, math.inf]),
        (ConstantStepDevice, "w_min", [0.1]),
        (ConstantStepDevice, "dw_min_std", [-0.1]),
        (ConstantStepDevice, "w_max_dtod", [-0.1]),
        (ConstantStepDevice, "corrupt_devices_prob", [-0.1, 1.1]),
        (ConstantStepDevice, "perfect_bias", ["False", 2]),
        (ConstantStepDevice, "drift", [None, 0, flat.SimpleDriftParameter()]),
        (PiecewiseStepDevice, "piecewise_up", [[], 1, "12", [1, "a"], [math.nan], {1: 2}]),
        (IOParameters, "inp_bound", [0, -1]),
        (IOParameters, "out_noise", [-0.1]),
        (IOParameters, "noise_management", [None, "abs_max", BoundManagementType.NONE, 1]),
        (UpdateParameters, "desired_bl", [0, -1, 1.5]),
        (UpdateParameters, "res", [16, 1.5]),
        (UpdateParameters, "um_grad_scale", [0]),
        (UpdateParameters, "pulse_type", [NoiseManagementType.NONE]),
        (MappingParameter, "max_input_size", [-1, 0.5]),
        (SingleRPUConfig, "forward", [None, UpdateParameters(), {}]),
        (SingleRPUConfig, "device", [FloatingPointDevice(), ConstantStepDevice]),
        (FloatingPointRPUConfig, "device", [ConstantStepDevice()]),
    ],
)
def test_values_that_mean_nothing_are_rejected_where_they_are_assigned(config, field, values):
    for value in values:
        instance = config()
        before = copy.deepcopy(instance)
        where = rf"^{config.__name__}\.{field}\S*: got .*; allowed is "
        with pytest.raises(ConfigError, match=where):
            setattr(instance, field, value)
        assert instance == before
        with pytest.raises(ConfigError, match=where):
            config(**{field: value})


def test_a_number_of_states_is_told_how_it_is_written():
    with pytest.raises(ConfigError, match=r"n states are written as 1 / n"):
        UpdateParameters().res = 16
    UpdateParameters(res=1 / 16, x_res_implicit=-1, d_res_implicit=1)
    assert IOParameters(inp_res=126).inp_res == 126.0


def unsimulated():
    """Dotted paths in a SingleRPUConfig, and values that have no effect."""
    io = table(
        """
        inp_noise=0.1 inp_sto_round=true inp_asymmetry=0.1 out_noise_std=0.1 out_sto_round=true
        out_asymmetry=0.1 ir_drop=1.0 ir_drop_g_ratio=1.0 out_nonlinearity=0.1
        out_nonlinearity_std=0.1 slope_calibration=0.5 v_offset_std=0.1 v_offset_w_min=0.0
        r_series=0.1 w_read_asymmetry_dtod=0.1 bm_test_negative_bound=false
        noise_management=AVERAGE_ABS_MAX bound_management=SHIFT w_noise_type=PCM_READ
        mv_type=POS_NEG_SEPARATE
        """
    )
    for side in ("forward", "backward"):
        yield from ((f"{side}.{name}", value) for name, value in io.items())
    yield from ((f"device.drift.{name}", value + 0.5) for name, value in FULL_DRIFT.items())
    yield "device.count_pulses", True
    yield "device.write_noise_std", 0.1
    yield "mapping.weight_scaling_lr_compensation", True
    yield "mapping.learn_out_scaling", True
    yield "mapping.out_scaling_columnwise", True
    yield "pre_post.input_range.enable", True
    yield "runtime.data_type", RPUDataType.HALF
    for name in ("on_the_fly_bindings", "offload_input", "offload_gradient"):
        yield f"runtime.{name}", True


def assigned(config, path, value):
    *nodes, last = path.split(".")
    target = config
    for name in nodes:
        target = getattr(target, name)
    setattr(target, last, value)
    return config


@pytest.mark.parametrize(("path", "value"), list(unsimulated()))
def test_what_is_not_simulated_is_an_error_that_names_it(path, value):
    config = assigned(SingleRPUConfig(device=LinearStepDevice()), path, value)
    with pytest.raises(ConfigError, match=rf"^SingleRPUConfig\.{path}: got .*; allowed is "):
        config.check_supported()
    with pytest.raises(ConfigError, match=rf"^layer1\.{path}: "):
        config.check_supported("layer1")


def another(value):
    """Another value of the same type that nothing speaks against."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(member for member in type(value) if member is not value)
    if isinstance(value, int):
        return value // 2 or 1
    return value / 2 or 0.25


@pytest.mark.parametrize(
    "device", [name for name in DEFAULTS if "StepDev" in name or "Soft" in name]
)
def test_every_other_field_is_simulated(device):
    """Fields that no case of `unsimulated` names take another value without complaint."""
    named = {path for path, _ in unsimulated()} | {"forward.inp_bound", "device.drift"}
    named |= {"device.piecewise_up", "device.piecewise_down"}
    checked = 0
    for part in ("forward", "backward", "update", "mapping", "device"):
        for field in dataclasses.fields(getattr(SingleRPUConfig(device=CLASSES[device]()), part)):
            path, config = f"{part}.{field.name}", SingleRPUConfig(device=CLASSES[device]())
            if path.replace("backward", "forward") not in named:
                value = another(getattr(getattr(config, part), field.name))
                assigned(config, path, value).check_supported()
                checked += 1
    assert checked > 50


def test_what_is_switched_off_is_not_checked():
    IOParameters(is_perfect=True, inp_noise=0.1).check_supported()
    IOParameters(mv_type=AnalogMVType.IDEAL, ir_drop=1.0).check_supported()
    SingleRPUConfig(device=IdealDevice()).check_supported()


@pytest.mark.parametrize("kind", PulseType)
def test_all_pulse_types_are_simulated(kind):
    UpdateParameters(pulse_type=kind).check_supported()


def test_contradictions_are_errors():
    with pytest.raises(ConfigError, match=r"IOParameters\.inp_bound: got 2\.0; allowed is 1\.0"):
        IOParameters(inp_bound=2).check_supported()
    IOParameters(inp_bound=2, noise_management=NoiseManagementType.NONE).check_supported()
    with pytest.raises(ConfigError, match=r"piecewise_down: got \[1\.0\]; .* list of 2"):
        PiecewiseStepDevice(piecewise_up=[1, 2]).check_supported()
    with pytest.raises(ConfigError, match=r"mult_noise: got False; allowed is True"):
        LinearStepDevice(mult_noise=False, reverse_up=True).check_supported()


def test_values_changed_behind_our_back_are_checked_too():
    device = PiecewiseStepDevice()
    device.piecewise_up.append("a")
    with pytest.raises(ConfigError, match=r"piecewise_up\[1\]"):
        device.check_supported()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (IOParameters(), "IOParameters()"),
        (IOParameters(out_res=-1), "IOParameters(out_res=-1.0)"),
        (IOParameters(is_perfect=True, out_res=-1), "IOParameters(is_perfect=True)"),
        (
            IOParameters(noise_management="NONE"),
            "IOParameters(noise_management=NoiseManagementType.NONE)",
        ),
        (flat.InputRangeParameter(), "InputRangeParameter(enable=False)"),
        (ConstantStepDevice(w_max=0.3), "ConstantStepDevice(w_max=0.3)"),
        (
            ConstantStepDevice(drift=flat.DriftParameter(nu=0.1)),
            "ConstantStepDevice(drift=DriftParameter(nu=0.1))",
        ),
        (
            ConstantStepDevice(dw_min=0.01, w_max=1, w_min=-1),
            "ConstantStepDevice(dw_min=0.01, w_max=1.0, w_min=-1.0)",
        ),
        (
            ConstantStepDevice(dw_min=0.01, w_max=1, w_min=-1, reset=0.5),
            "ConstantStepDevice(\n    dw_min=0.01,\n    reset=0.5,\n    w_max=1.0,\n"
            "    w_min=-1.0\n)",
        ),
        (
            PiecewiseStepDevice(piecewise_up=[1, 2]),
            "PiecewiseStepDevice(\n    piecewise_up=[\n        1.0,\n        2.0\n    ]\n)",
        ),
        (
            SingleRPUConfig(update=UpdateParameters(pulse_type=PulseType.NONE)),
            "SingleRPUConfig(\n    runtime=RuntimeParameter(),\n"
            "    pre_post=PrePostProcessingParameter("
            "input_range=InputRangeParameter(enable=False)),\n"
            "    mapping=MappingParameter(),\n    forward=IOParameters(),\n"
            "    backward=IOParameters(),\n"
            "    update=UpdateParameters(pulse_type=PulseType.NONE),\n"
            "    device=ConstantStepDevice()\n)",
        ),
    ],
)
def test_printing_shows_what_differs(config, text):
    assert str(config) == text


@pytest.mark.parametrize("name", DEFAULTS)
def test_repr_shows_everything(name):
    text = repr(CLASSES[name]())
    assert text.startswith(f"{name}(")
    for field in DEFAULTS[name]:
        assert f"{field}=" in text


def test_a_subclass_with_other_defaults_is_checked_and_printed_like_its_base():
    @dataclasses.dataclass
    class Coarse(ConstantStepDevice):
        dw_min: float = 0.1
        count_pulses: bool = True

    assert str(Coarse()) == "Coarse()"
    assert str(Coarse(dw_min=0.001)) == "Coarse(dw_min=0.001)"
    with pytest.raises(ConfigError, match=r"Coarse\.dw_min: got -1"):
        Coarse(dw_min=-1)
    with pytest.raises(ConfigError, match=r"Coarse\.count_pulses: got True"):
        Coarse().check_supported()


def test_parts_are_shared_where_the_script_shares_them_and_never_changed():
    io, device = IOParameters(out_res=-1), SoftBoundsReferenceDevice(dw_min=0.05)
    before = copy.deepcopy((io, device))
    first = SingleRPUConfig(device=device, forward=io)
    second = SingleRPUConfig(device=device, forward=io, backward=io)
    assert first.device is second.device is device
    assert first.forward is second.backward is io
    for config in (first, second):
        config.check_supported()
        fields_of(config)
        str(config)
    assert (io, device) == before
    io.out_res = 0.1
    assert second.backward.out_res == 0.1
    assert SingleRPUConfig().forward is not SingleRPUConfig().forward


def test_lists_belong_to_the_device():
    nodes = [1, 2]
    device = PiecewiseStepDevice(piecewise_up=nodes)
    nodes.append(3)
    assert device.piecewise_up == [1.0, 2.0]
    fields_of(device)["piecewise_up"].append(4)
    assert device.piecewise_up == [1.0, 2.0]
    assert PiecewiseStepDevice().piecewise_up is not PiecewiseStepDevice().piecewise_up


def test_build_config_of_sgd():
    io, update = IOParameters(out_res=-1), UpdateParameters(desired_bl=5)
    device = SoftBoundsReferenceDevice(dw_min=0.05)
    config = build_config("SGD", device, io, update, construction_seed=7)
    assert config.forward == config.backward == io
    assert config.forward is not config.backward
    assert config.update == update
    assert config.device == dataclasses.replace(device, construction_seed=7)
    assert device.construction_seed == 0
    assert build_config("sgd", device=ConstantStepDevice()) == SingleRPUConfig()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"algorithm": "agad"}, "'agad' is not offered here; allowed is one of 'sgd'"),
        ({"algorithm": "TTv2"}, "'TTv2' is not offered here"),
        ({"algorithm": "sgdd"}, "got 'sgdd'.*Did you mean 'sgd'"),
        ({"n_devices": 2}, "n_devices: got 2"),
        ({"fast_lr": 0.1}, "no argument fast_lr"),
        ({"device": None}, "device: got None"),
    ],
)
def test_build_config_says_what_it_does_not_offer(arguments, text):
    with pytest.raises(ConfigError, match=text):
        build_config(**{"algorithm": "sgd", "device": ConstantStepDevice(), **arguments})


def values_of(spec):
    """Values that a field with this declaration takes."""
    if isinstance(spec, parameters.base.Member):
        return st.sampled_from(list(spec.type))
    if isinstance(spec, parameters.base.Numbers):
        return st.lists(st.floats(-2, 2), min_size=1, max_size=4)
    if isinstance(spec, parameters.base.Instance):
        nodes = [kind for kind in spec.types if kind is not object]
        return st.one_of([filled(kind) for kind in nodes]) if nodes else st.none()
    if spec.type is bool:
        return st.booleans()
    if spec.type is int:
        return st.integers(int(spec.low), 1000)
    low = -10.0 if spec.low is None else spec.low
    high = 10.0 if spec.high in (None, math.inf) else spec.high
    return st.floats(low, high, exclude_min=spec.low_open)


def filled(kind):
    """Instances of a configuration with some of its fields set."""
    specs = {field.name: told(kind, field.name) for field in dataclasses.fields(kind)}
    optional = {name: values_of(told["spec"]) for name, told in specs.items()}
    return st.fixed_dictionaries({}, optional=optional).map(lambda given: kind(**given))


@given(st.sampled_from(sorted(CLASSES)).flatmap(lambda name: filled(CLASSES[name])))
def test_copies_and_pickles_are_equal_and_independent(config):
    for twin in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert type(twin) is type(config)
        assert twin == config
        assert fields_of(twin) == fields_of(config)
        assert (str(twin), repr(twin)) == (str(config), repr(config))
    twin = copy.deepcopy(config)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        assert not isinstance(value, (Parameters, list)) or getattr(twin, field.name) is not value


@given(st.sampled_from(sorted(CLASSES)).flatmap(lambda name: filled(CLASSES[name])))
def test_a_configuration_prints_like_its_default_if_and_only_if_it_equals_it(config):
    default = type(config)()
    assert (str(config) == str(default)) == (config == default)
