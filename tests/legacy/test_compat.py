"""Old import paths reach the same objects, and import nothing that is not asked for."""

import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import simulator
from simulator import AnalogCore, CrossSimParameters, NotSupportedError, ParameterError

PARAMETERS = "BaseParameters BasePairedParameters CoreParameters SimulationParameters"
CORE_PARAMETERS = """CoreStyle BalancedCoreStyle BitSlicedCoreStyle OffsetCoreStyle
    PartitionStrategy OutputDType CoreParameters BalancedCoreParameters BitSlicedCoreParameters
    OffsetCoreParameters MappingParameters WeightMappingParameters MatmulParameters
    CoreMappingParameters"""
XBAR_PARAMETERS = """XbarParameters DeviceParameters ArrayParameters ParasiticParameters
    WeightErrorParameters PairedADCParameters ADCParameters RampADCParameters SarADCParameters
    PipelineADCParameters CyclicADCParameters PairedDACParameters DACParameters ADCRangeLimits"""
GENERIC = """NormalError UniformError Independent Proportional Inverse GenericDevice
    NormalIndependentDevice NormalProportionalDevice NormalInverseProportionalDevice
    UniformIndependentDevice UniformProportionalDevice UniformInverseProportionalDevice"""
NETWORKS = """from_torch to_torch convertible_modules analog_modules inconvertible_modules
    synchronize reinitialize"""
PROFILES = "get_profiled_xbar_inputs get_profiled_adc_inputs get_conductance_matrices corestyle_str"
OLD_PATHS = {
    "simulator": "AnalogCore CrossSimParameters DNN algorithms cores",
    "simulator.cores": """AnalogCore TransposedCore MaskedCore BalancedCore OffsetCore BitslicedCore
        NumericCore WrapperCore ICore""",
    "simulator.cores.analog_core": "AnalogCore TransposedCore MaskedCore",
    "simulator.parameters": PARAMETERS + " CrossSimParameters",
    "simulator.parameters.base_parameters": "BaseParameters",
    "simulator.parameters.crosssim_parameters": "CrossSimParameters",
    "simulator.parameters.core_parameters": CORE_PARAMETERS,
    "simulator.parameters.simulation_parameters": """SimulationParameters ConvolutionParameters
        AnalyticsParameters""",
    "simulator.parameters.xbar_parameters": XBAR_PARAMETERS,
    "simulator.devices.idevice": "IDevice EmptyDevice IdealDevice",
    "simulator.devices.device": "Device",
    "simulator.devices.generic_device": GENERIC,
    "simulator.devices.custom.SONOS": "SONOS",
    "simulator.devices.custom.PCM_Joshi": "PCMJoshi",
    "simulator.devices.custom.RRAM_Milo": "RRAMMilo",
    "simulator.devices.custom.RRAM_Wan": "RRAMWan",
    "simulator.devices.custom.Analytical_Devices": "CubicDevice",
    "simulator.circuits": "ADC DAC IdealADC IdealDAC",
    "simulator.circuits.adc.iadc": "IADC get_digit",
    "simulator.circuits.adc.adc": "ADC IdealADC",
    "simulator.circuits.dac.dac": "DAC IdealDAC",
    "simulator.circuits.array": """NoninterleavedInputSourceArray NoninterleavedSeparateSourceArray
        InterleavedInputSourceArray InterleavedSeparateSourceArray UncoupledNonlinearArray""",
    "simulator.backend": "ComputeBackend",
    "simulator.algorithms": "DNN",
    "simulator.algorithms.dsp.dft": "DFT",
    "simulator.algorithms.dnn.torch": NETWORKS
    + """ AnalogLayer AnalogLinear AnalogConv1d AnalogConv2d AnalogConv3d AnalogRNNCell AnalogRNN
        AnalogLSTMCell AnalogLSTM AnalogGRUCell AnalogGRU""",
    "simulator.algorithms.dnn.torch.convert": NETWORKS,
    "simulator.algorithms.dnn.torch.profile": PROFILES,
    "simulator.algorithms.dnn.analog_layer": "AnalogLayer",
    "simulator.algorithms.dnn.analog_linear": "AnalogLinear",
    "simulator.algorithms.dnn.analog_convolution": """AnalogConvolution AnalogConvolution1D
        AnalogConvolution2D AnalogConvolution3D""",
    **{
        f"simulator.algorithms.dnn.analog_{name.lower()}{suffix.lower()}": f"Analog{name}{end}"
        for name in ("RNN", "LSTM", "GRU")
        for suffix, end in (("", ""), ("_cell", "Cell"))
    },
    "applications.mvm_params": "set_params",
    "applications.dnn.torch.cifar10_resnet.build_resnet_cifar10": "ResNet_cifar10",
}


@pytest.mark.parametrize("path", OLD_PATHS)
def test_every_old_path_has_its_names(path):
    if "torch" in path:
        pytest.importorskip("torch")
    module = importlib.import_module(path)
    for name in OLD_PATHS[path].split():
        thing = getattr(module, name)
        assert isinstance(thing, type) or callable(thing) or name in ("algorithms", "cores")


def test_old_modules_have_the_names_of_the_new():
    from simulator.cores import AnalogCore as Through
    from simulator.cores import MaskedCore, TransposedCore
    from simulator.cores.analog_core import AnalogCore as Again

    assert AnalogCore is Through is Again is simulator.AnalogCore
    core = AnalogCore([[1.0, 2.0], [3.0, 4.0]], simulator.CrossSimParameters())
    assert isinstance(core.T, TransposedCore)
    assert isinstance(core[:1], MaskedCore)


def test_torch_conversion_under_its_old_path():
    pytest.importorskip("torch")
    import adapters.torch
    from simulator.algorithms.dnn.torch import AnalogLinear
    from simulator.algorithms.dnn.torch.convert import from_torch, reinitialize, synchronize

    assert AnalogLinear is adapters.torch.AnalogLinear
    assert (from_torch, reinitialize, synchronize) == (
        adapters.torch.from_torch, adapters.torch.reinitialize, adapters.torch.synchronize,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::simulator.NoEffectWarning")
@pytest.mark.parametrize(
    ("style", "kind", "arrays"),
    [
        ("BALANCED", "BalancedCore", 2),
        ("OFFSET", "OffsetCore", 1),
        ("BITSLICED", "BitslicedCore", 4),
    ],
)
def test_parts_of_a_core_are_told_by_their_old_classes(style, kind, arrays):
    cores = importlib.import_module("simulator.cores")
    p = CrossSimParameters()
    p.core.style, p.core.weight_bits = style, 8
    part = AnalogCore(np.eye(3), p).cores[0][0]
    kinds = ("BalancedCore", "OffsetCore", "BitslicedCore")
    assert [k for k in kinds if isinstance(part, getattr(cores, k))] == [kind]
    assert isinstance(part, cores.WrapperCore)
    assert not isinstance(part, cores.NumericCore)
    names = ("core_pos", "core_neg", "core")
    found = [getattr(part, n) for n in names if hasattr(part, n)]
    found = found or [a for digit in part.core_slices for a in digit]
    assert len(found) == arrays
    assert all(isinstance(a, cores.NumericCore) and isinstance(a, cores.ICore) for a in found)
    with pytest.raises(TypeError, match="part of an AnalogCore"):
        cores.BalancedCore(p)


def test_the_array_module_of_the_process():
    from simulator.backend import ComputeBackend

    xp = ComputeBackend()
    assert xp is ComputeBackend() is pickle.loads(pickle.dumps(xp))
    assert xp.abs is np.abs
    assert xp.pi == np.pi
    assert xp.random is np.random
    assert ComputeBackend(use_gpu=False) is xp
    assert xp.use_gpu is False
    with pytest.raises(AttributeError):
        _ = xp.no_such_function


def test_the_array_module_of_the_process_becomes_numpy_again(monkeypatch):
    from simulator.backend import ComputeBackend
    from simulator.testing import fake_backend

    xp = ComputeBackend()
    monkeypatch.setattr(xp, "_backend", fake_backend())
    assert xp.asarray is not np.asarray
    xp._reset()
    assert xp.asarray is np.asarray
    assert ComputeBackend() is xp


def test_parameters_of_single_converter_circuits():
    from simulator.parameters.xbar_parameters import ADCParameters, RampADCParameters

    node = RampADCParameters(bits=6, gain_db=60)
    assert isinstance(node, ADCParameters)
    assert isinstance(node, RampADCParameters)
    assert (node.model, node.bits, node.gain_db) == ("RampADC", 6, 60)
    p = CrossSimParameters()
    p.xbar.adc.mvm = node
    assert p.xbar.adc.vmm.gain_db == 60
    p.xbar.adc.mvm.model = "SarADC"
    assert not isinstance(p.xbar.adc.mvm, RampADCParameters)
    with pytest.raises(ParameterError, match="gain_bd"):
        RampADCParameters(gain_bd=3)


def test_a_device_of_a_parameter_node():
    from simulator.devices.device import Device

    p = CrossSimParameters()
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "NormalIndependentDevice"
    p.xbar.device.programming_error.magnitude = 0.01
    np.random.seed(3)
    device = Device.create_device(p.xbar.device)
    g = np.full((40, 50), 0.5)
    programmed = device.programming_error(g)
    assert np.array_equal(device.read_noise(g), g)
    assert np.array_equal(device.drift_error(g, 5.0), g)
    assert np.array_equal(device.nonlinear_current(g, 0.5), 0.25 + 0 * g)
    assert (g == 0.5).all()
    # The spread of 2000 normals, to five standard errors.
    assert abs(programmed.std() / 0.01 - 1) < 5 / np.sqrt(2 * g.size)
    assert not np.array_equal(device.programming_error(g), programmed)
    np.random.seed(3)
    assert np.array_equal(Device.create_device(p.xbar.device).programming_error(g), programmed)


@pytest.mark.parametrize("error", ["NormalError", "UniformError"])
@pytest.mark.parametrize("scale", ["Independent", "Proportional", "Inverse"])
def test_halves_of_generic_devices_make_the_whole(error, scale):
    generic = importlib.import_module("simulator.devices.generic_device")
    name = f"{error}_{scale}_of_a_test"
    type(name, (generic.GenericDevice, getattr(generic, error), getattr(generic, scale)), {})
    g = np.full((50, 60), 0.5)
    spreads = []
    known = f"{error.removesuffix('Error')}{scale}Device".replace("Inverse", "InverseProportional")
    for model in (name, known):
        p = CrossSimParameters()
        p.simulation.seed = 1
        p.xbar.device.programming_error.enable = True
        p.xbar.device.programming_error.model = model
        p.xbar.device.programming_error.magnitude = 0.02
        p.core.style = "OFFSET"
        core = AnalogCore(np.concatenate([g, -g]), p)
        spreads.append((core.get_matrix() - np.concatenate([g, -g]))[:50].std())
    # Two spreads of 3000 cells each, to five standard errors of their ratio.
    assert abs(spreads[0] / spreads[1] - 1) < 5 / np.sqrt(g.size)


def test_names_that_are_no_models():
    from simulator import registry

    known = registry.names("device")
    assert not {"GenericDevice", "EmptyDevice", "_IdealDevice", "_GenericDevice"} & set(known)
    assert (
        registry.resolve("device", "IdealDevice")
        is importlib.import_module("simulator.devices").IdealDevice
    )


def test_a_model_of_a_notebook_derived_from_the_ideal_one():
    from simulator.devices import idevice

    class halving_of_a_test(idevice.IdealDevice):
        def programming_error(self, input_):
            return input_ / 2

    p = CrossSimParameters()
    p.xbar.device.infinite_on_off_ratio = True
    p.xbar.device.programming_error.enable = True
    p.xbar.device.programming_error.model = "halving_of_a_test"
    p.xbar.device.read_noise.enable = True
    p.xbar.device.read_noise.model = "halving_of_a_test"
    core = AnalogCore(np.eye(4), p)
    np.testing.assert_allclose(core @ np.ones(4), 0.5, rtol=1e-12)


def test_the_deprecated_network_says_what_to_use():
    from simulator.algorithms import DNN

    assert DNN is simulator.DNN
    with pytest.raises(NotSupportedError, match="from_torch"):
        DNN("config")


def test_wrong_names_are_errors_with_the_nearest():
    import simulator.backend
    import simulator.cores

    with pytest.raises(ImportError, match="AnalogCores"):
        from simulator.cores import AnalogCores  # noqa: F401
    with pytest.raises(AttributeError, match="Did you mean 'AnalogCore'"):
        _ = simulator.cores.AnalogCores
    with pytest.raises(AttributeError, match="Did you mean 'Backend'"):
        _ = simulator.backend.Backends
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = simulator.algorithms.nothing
    with pytest.raises(ModuleNotFoundError):
        import simulator.cores.nothing
    with pytest.raises(ModuleNotFoundError):
        import simulator.algorithm


def test_an_old_package_imports_no_framework():
    code = (
        "import sys, simulator.algorithms.dnn.torch; "
        "assert 'torch' not in sys.modules, 'torch was imported'; "
        "assert 'adapters' not in sys.modules, 'the adapters were imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_that_gave_way_to_another_are_still_found():
    from simulator import circuits, devices
    from simulator.devices import measurements

    assert circuits.CellLaw is circuits.CurrentLaw
    assert circuits.CellLaw is not devices.CellLaw
    assert measurements.Line is measurements.Trend
