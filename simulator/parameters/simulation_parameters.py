"""What is computed how: solvers, randomness, memory, recording. Nothing here is hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import ParameterError
from simulator.schema import child, parameter

from .base_parameters import BaseParameters
from .core_parameters import BitSlicedCoreStyle, CoreStyle

if TYPE_CHECKING:
    from .crosssim_parameters import CrossSimParameters


class ConvolutionParameters(BaseParameters):
    """Convolutions by sliding windows; set by convolution layers."""

    is_conv_core: bool = parameter(False, type=bool, doc="the core belongs to a convolution")
    x_par: int = parameter(1, type=int, low=1, doc="windows along x packed into one MVM")
    y_par: int = parameter(1, type=int, low=1, doc="windows along y packed into one MVM")
    Nwindows: int = parameter(1, type=int, low=1, doc="windows per image")


class AnalyticsParameters(BaseParameters):
    """Recording of what converters see."""

    profile_xbar_inputs: bool = parameter(False, type=bool, doc="record inputs of layers")
    profile_adc_inputs: bool = parameter(False, type=bool, doc="record inputs of ADCs")
    ntest: int = parameter(0, type=int, low=0, doc="number of examples to record")


class SimulationParameters(BaseParameters):
    """Solvers, randomness, memory and recording."""

    useGPU: bool = parameter(False, type=bool, doc="compute on a GPU with CuPy")
    gpu_id: int = parameter(0, type=int, low=0, doc="number of the GPU")
    Niters_max_parasitics: int = parameter(
        100, type=int, low=1, doc="most iterations of the iterative wire solver per attempt"
    )
    Verr_th_mvm: float = parameter(
        1e-3,
        low=0,
        low_open=True,
        doc="convergence threshold of the wire solver, relative to a full-scale input",
    )
    Verr_matmul_criterion: str = parameter(
        "max_max",
        type=str,
        choices=("max_max", "max_mean", "max_min"),
        doc="what of the largest errors of a batch must fall below the threshold",
    )
    relaxation_gamma: float = parameter(
        1, low=0, low_open=True, high=2, high_open=True, doc="relaxation of the wire solver"
    )
    disable_fast_balanced: bool = parameter(
        False, type=bool, doc="keep the arrays of differential pairs apart"
    )
    disable_fast_matmul: bool = parameter(False, type=bool, doc="multiply vector by vector")
    disable_fast_nonlinear_IV: bool = parameter(
        False, type=bool, doc="compute the current of every nonlinear cell"
    )
    hide_convergence_msg: bool = parameter(
        False, type=bool, doc="do not report when the wire solver reduces its step"
    )
    seed: int | None = parameter(
        None,
        type=int,
        low=0,
        high=2**64 - 1,
        optional=True,
        doc="seed of all random streams; None: taken from NumPy's global state when needed",
    )
    read_noise_sampling: str = parameter(
        "auto",
        type=str,
        choices=("auto", "per_output", "per_device"),
        doc="draw read noise per output, from its mean and variance (exact; behind wires to first "
        "order in the spread of the cells), or per device; auto: per output where that is enough",
    )
    parasitics_solver: str = parameter(
        "auto",
        type=str,
        choices=("auto", "effective", "iterative", "nodal"),
        doc="how wire resistance is solved; auto: vector by vector, to Verr_th_mvm or 1e-6, until "
        "the exact effective conductances would have cost as much, then with these",
    )
    drift_compensation: str = parameter(
        "none",
        type=str,
        choices=("none", "global", "per_tile"),
        doc="scale results by how much the weights, of the core or of a tile, have faded",
    )
    memory_limit: int = parameter(
        256 * 2**20, type=int, low=1, unit="bytes", doc="bound for intermediate arrays"
    )
    convolution: ConvolutionParameters = child(ConvolutionParameters)
    analytics: AnalyticsParameters = child(AnalyticsParameters)

    @property
    def fast_matmul(self) -> bool:
        """Whether a batch may be multiplied at once."""
        return not self.disable_fast_matmul

    @property
    def fast_balanced(self) -> bool:
        """Whether the two arrays of differential pairs may be merged before the multiply."""
        tree = self._tree("fast_balanced")
        core, xbar = tree.core, tree.xbar
        noise = xbar.device.read_noise
        pairs = core.style == CoreStyle.BALANCED or (
            core.style == CoreStyle.BITSLICED
            and core.bit_sliced.style == BitSlicedCoreStyle.BALANCED
        )
        return (
            pairs
            and not self.disable_fast_balanced
            and not (noise.enable and noise.model != "IdealDevice")
            and not xbar.array.parasitics.enable
            and not xbar.device.nonlinear_IV.enable
            and core.balanced.subtract_current_in_xbar
            and not core.balanced.interleaved_posneg
            and xbar.array.Icol_max <= 0
        )

    @property
    def fast_nonlinear_IV(self) -> bool:
        """Whether nonlinear cells are enabled and may be summed without single-cell currents."""
        xbar = self._tree("fast_nonlinear_IV").xbar
        return (
            xbar.device.nonlinear_IV.enable
            and not self.disable_fast_nonlinear_IV
            and not xbar.array.parasitics.enable
            and not xbar.device.read_noise.enable
        )

    def _tree(self, name: str) -> CrossSimParameters:
        from .crosssim_parameters import CrossSimParameters

        root = self.root
        if not isinstance(root, CrossSimParameters):
            raise ParameterError(f"{self._where(name)}: depends on core and xbar; not in a tree")
        return root
