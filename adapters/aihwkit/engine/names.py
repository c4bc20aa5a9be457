"""Names that aihwkit has and this adapter has not, and what an import of one is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from adapters.aihwkit.engine.exceptions import NotOfferedError

_CONFIGS = "SingleRPUConfig and FloatingPointRPUConfig"
_DEVICES = (
    "ConstantStepDevice, LinearStepDevice, SoftBoundsDevice, SoftBoundsReferenceDevice, "
    "ExpStepDevice, PowStepDevice, PiecewiseStepDevice, IdealDevice and FloatingPointDevice"
)

# Why a family of names is missing and what stands in its place, and the family.
_FAMILIES = {
    f"hardware-aware inference is not simulated here; configurations for training are {_CONFIGS}": (
        "InferenceRPUConfig",
        "TorchInferenceRPUConfig",
        "TorchInferenceRPUConfigIRDropT",
        "QuantizedTorchInferenceRPUConfig",
        "IOParametersIRDropT",
        "PeripheryQuantizationParameter",
        "WeightModifierParameter",
        "WeightModifierType",
        "WeightClipParameter",
        "WeightClipType",
        "WeightRemapParameter",
        "WeightRemapType",
        "BaseNoiseModel",
        "PCMLikeNoiseModel",
        "CustomDriftPCMLikeNoiseModel",
        "StateIndependentNoiseModel",
        "HermesNoiseModel",
        "ReRamWan2022NoiseModel",
        "ReRamCMONoiseModel",
        "GlobalDriftCompensation",
        "GlobalDriftCompensationWithExactReference",
        "PerColumnDriftCompensation",
    ),
    "compounds of several devices are not simulated here; one device per crosspoint is "
    f"SingleRPUConfig with one of {_DEVICES}": (
        "UnitCellRPUConfig",
        "DigitalRankUpdateRPUConfig",
        "UnitCell",
        "DigitalRankUpdateCell",
        "VectorUnitCell",
        "VectorUnitCellUpdatePolicy",
        "ReferenceUnitCell",
        "OneSidedUnitCell",
        "DifferenceUnitCell",
        "TransferCompound",
        "TransferCompoundDevice",
        "BufferedTransferCompound",
        "ChoppedTransferCompound",
        "DynamicTransferCompound",
        "MixedPrecisionCompound",
        "CountLRFeedbackPolicy",
    ),
    f"this device is not simulated here; those that are: {_DEVICES}": (
        "SoftBoundsPmaxDevice",
        "PowStepReferenceDevice",
    ),
}
_NOT_OFFERED = {name: why for why, names in _FAMILIES.items() for name in names}
_PRESETS = f"presets are not offered here; give their values to {_CONFIGS} and their devices"


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint such as ``" Did you mean 'dw_min'?"``, or nothing where no name is close."""
    by_lower_case = {candidate.lower(): candidate for candidate in names}
    matches = get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    return f" Did you mean {by_lower_case[matches[0]]!r}?" if matches else ""


def missing(namespace: dict[str, Any], why: str = "") -> Callable[[str], Any]:
    """The ``__getattr__`` of the module that has this namespace.

    A name of aihwkit that is not offered raises NotOfferedError, an ImportError, which says what
    is; with ``why``, every public name does. Any other name raises AttributeError with the nearest
    one.
    """

    def module_getattr(name: str) -> Any:
        reason = "" if name.startswith("_") else _reason(name) or why
        if reason:
            raise NotOfferedError(f"adapters.aihwkit has no {name}: {reason}", name=name)
        known = (other for other in namespace if not other.startswith("_"))
        raise AttributeError(
            f"module {namespace['__name__']!r} has no attribute {name!r}.{nearest(name, known)}",
            name=name,
        )

    return module_getattr


def _reason(name: str) -> str:
    is_preset = name.endswith(("Preset", "PresetDevice", "PresetUnitCell"))
    return _PRESETS if is_preset else _NOT_OFFERED.get(name, "")
