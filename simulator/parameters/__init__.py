"""The parameter tree: every knob of the hardware and of its simulation.

`CrossSimParameters` is the root. Its ``core`` says how a matrix becomes cells, ``xbar`` what the
devices, arrays and converters are, ``simulation`` how it is all computed.

- ``crosssim_parameters``, ``core_parameters``, ``mapping_parameters``, ``xbar_parameters``,
  ``simulation_parameters``: the nodes.
- ``base_parameters``, ``model_parameters``, ``paired_parameters``: what nodes are made of.
- ``effects``: what of the hardware is not ideal, by name, and trees without it.
- ``hints``: where in the tree a name is that was looked for elsewhere.
- ``idle``: settings without effect; ``plausible``: values that no hardware has.
- ``combinations``: what cannot be asked for together.
- ``frozen_lists``: lists in the parameters of arrays that are built.
- ``files``, ``yaml_text``, ``pickles``: reading and writing.
"""

from .base_parameters import BaseParameters
from .core_parameters import (
    BalancedCoreParameters,
    BalancedCoreStyle,
    BitSlicedCoreParameters,
    BitSlicedCoreStyle,
    CoreMappingParameters,
    CoreParameters,
    CoreStyle,
    MappingParameters,
    MatmulParameters,
    OffsetCoreParameters,
    OffsetCoreStyle,
    OutputDType,
    PartitionStrategy,
    WeightMappingParameters,
)
from .crosssim_parameters import CrossSimParameters
from .effects import EFFECTS, Effect, active_effects, only, without
from .idle import IdleSetting, of_course, settings_without_effect
from .model_parameters import ModelParameters
from .paired_parameters import BasePairedParameters
from .plausible import unusual_values
from .simulation_parameters import (
    AnalyticsParameters,
    ConvolutionParameters,
    SimulationParameters,
)
from .xbar_parameters import (
    ADCParameters,
    ADCRangeLimits,
    ArrayParameters,
    DACParameters,
    DeviceParameters,
    PairedADCParameters,
    PairedDACParameters,
    ParasiticParameters,
    WeightErrorParameters,
    XbarParameters,
)

__all__ = [
    "EFFECTS",
    "ADCParameters",
    "ADCRangeLimits",
    "AnalyticsParameters",
    "ArrayParameters",
    "BalancedCoreParameters",
    "BalancedCoreStyle",
    "BaseParameters",
    "BasePairedParameters",
    "BitSlicedCoreParameters",
    "BitSlicedCoreStyle",
    "ConvolutionParameters",
    "CoreMappingParameters",
    "CoreParameters",
    "CoreStyle",
    "CrossSimParameters",
    "DACParameters",
    "DeviceParameters",
    "Effect",
    "IdleSetting",
    "MappingParameters",
    "MatmulParameters",
    "ModelParameters",
    "OffsetCoreParameters",
    "OffsetCoreStyle",
    "OutputDType",
    "PairedADCParameters",
    "PairedDACParameters",
    "ParasiticParameters",
    "PartitionStrategy",
    "SimulationParameters",
    "WeightErrorParameters",
    "WeightMappingParameters",
    "XbarParameters",
    "active_effects",
    "of_course",
    "only",
    "settings_without_effect",
    "unusual_values",
    "without",
]
