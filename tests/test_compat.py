"""Old import paths reach the same objects, and import nothing that is not asked for."""

import subprocess
import sys

import pytest


def test_old_modules_have_the_names_of_the_new():
    from simulator.cores import AnalogCore, MaskedCore, TransposedCore
    from simulator.cores.analog_core import AnalogCore as Again

    import simulator

    assert AnalogCore is Again is simulator.AnalogCore
    core = AnalogCore([[1.0, 2.0], [3.0, 4.0]], simulator.CrossSimParameters())
    assert isinstance(core.T, TransposedCore)
    assert isinstance(core[:1], MaskedCore)


def test_torch_conversion_under_its_old_path():
    pytest.importorskip("torch")
    from simulator.algorithms.dnn.torch import AnalogLinear
    from simulator.algorithms.dnn.torch.convert import from_torch, reinitialize, synchronize

    import adapters.torch

    assert AnalogLinear is adapters.torch.AnalogLinear
    assert (from_torch, reinitialize, synchronize) == (
        adapters.torch.from_torch, adapters.torch.reinitialize, adapters.torch.synchronize,
    )  # fmt: skip


def test_wrong_names_are_errors_with_the_nearest():
    import simulator.cores

    with pytest.raises(ImportError, match="AnalogCores"):
        from simulator.cores import AnalogCores  # noqa: F401
    with pytest.raises(AttributeError, match="Did you mean 'AnalogCore'"):
        _ = simulator.cores.AnalogCores
    with pytest.raises(ModuleNotFoundError):
        import simulator.cores.nothing
    with pytest.raises(ModuleNotFoundError):
        import simulator.algorithm


def test_an_old_package_imports_no_framework():
    code = (
        "import sys, simulator.algorithms.dnn.torch; "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
