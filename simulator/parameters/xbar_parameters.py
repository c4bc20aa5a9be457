"""The hardware: devices, the array that connects them, and the converters around it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from simulator.errors import ParameterError
from simulator.schema import child, parameter

from .base_parameters import BaseParameters
from .model_parameters import ModelParameters
from .paired_parameters import BasePairedParameters

# What cells and wires that were made have, with a wide margin: a conductance in siemens, or a
# resistance in kiloohm, lies outside.
CELL_OHMS = (10.0, 1e13)
WIRE_OHMS = (1e-6, 1e4)
TERMINAL_OHMS = (1e-6, 1e6)


class ADCRangeLimits(IntEnum):
    """Where the full-scale range of an ADC comes from.

    CALIBRATED: the given range. MAX: the largest possible current. EXACT: one step is the smallest
    difference of currents, and zero a code. GRANULAR: CrossSim's formula for such a step, which is
    wider than that difference and takes cells for fully off at zero.
    """

    CALIBRATED = 1
    MAX = 2
    GRANULAR = 3
    EXACT = 4


class WeightErrorParameters(ModelParameters):
    """One effect of the device (an error, noise, or nonlinearity): whether, and which model."""

    kind: ClassVar[str] = "device"

    enable: bool = parameter(False, type=bool, doc="simulate this effect")
    model: str = parameter("IdealDevice", type=str, doc="name of a device model")
    magnitude: float = parameter(
        0,
        low=0,
        usual=(0, 1),
        doc="size of the effect, as a fraction of Gmax or of G (0.05 is 5 %); generic models only",
    )


class DeviceParameters(BaseParameters):
    """The memory device."""

    cell_bits: int = parameter(
        0, type=int, high=24, unit="bits", doc="2**bits conductance levels; <= 0: continuous"
    )
    Rmin: float = parameter(
        1000, low=0, low_open=True, unit="ohm", usual=CELL_OHMS, doc="resistance of a fully on cell"
    )
    Rmax: float = parameter(
        10000,
        low=0,
        low_open=True,
        high=float("inf"),
        unit="ohm",
        usual=(CELL_OHMS[0], float("inf")),
        doc="resistance of a fully off cell",
    )
    Vread: float = parameter(
        0.1, low=0, low_open=True, unit="volt", usual=(1e-3, 10), doc="full-scale read voltage"
    )
    time: float = parameter(
        0, low=0, doc="time since programming, in the unit of the drift model (SONOS: days)"
    )
    infinite_on_off_ratio: bool = parameter(
        False, type=bool, doc="off cells conduct nothing; Rmax is not used"
    )
    clip_conductance: bool = parameter(
        False, type=bool, doc="clip errors to [Gmin, Gmax], not only to >= 0"
    )
    read_noise: WeightErrorParameters = child(WeightErrorParameters)
    programming_error: WeightErrorParameters = child(WeightErrorParameters)
    drift_error: WeightErrorParameters = child(WeightErrorParameters)
    nonlinear_IV: WeightErrorParameters = child(WeightErrorParameters)

    @property
    def Gmin_norm(self) -> float:
        """Gmin / Gmax: conductance of a fully off cell, in units of that of a fully on cell."""
        return 0.0 if self.infinite_on_off_ratio else self.Rmin / self.Rmax

    @property
    def Gmax_norm(self) -> float:
        """Conductance of a fully on cell in units of itself: 1."""
        return 1.0

    @property
    def Grange_norm(self) -> float:
        """``Gmax_norm - Gmin_norm``."""
        return self.Gmax_norm - self.Gmin_norm

    def _check_combinations(self) -> None:
        if not self.infinite_on_off_ratio and self.Rmin >= self.Rmax:
            raise ParameterError(
                f"{self._where('Rmin')} = {self.Rmin:g} ohm must be below"
                f" {self._where('Rmax')} = {self.Rmax:g} ohm"
            )


class ParasiticParameters(BaseParameters):
    """Resistance of the wires of an array."""

    enable: bool = parameter(False, type=bool, doc="simulate wire resistance")
    Rp_row: float = parameter(0, low=0, unit="ohm", usual=WIRE_OHMS, doc="row wire, per cell")
    Rp_col: float = parameter(0, low=0, unit="ohm", usual=WIRE_OHMS, doc="column wire, per cell")
    Rp_row_terminal: float = parameter(
        0, low=0, unit="ohm", usual=TERMINAL_OHMS, doc="between driver and row"
    )
    Rp_col_terminal: float = parameter(
        0, low=0, unit="ohm", usual=TERMINAL_OHMS, doc="between column and ground"
    )
    current_from_input: bool = parameter(
        True, type=bool, doc="the input line supplies the cells; False: a separate source line"
    )
    selected_rows: str = parameter(
        "top",
        type=str,
        choices=("top", "bottom"),
        doc="where a matrix smaller than the array lies, with separate source lines",
    )

    disable_slices: list[bool] = parameter(
        [], type=list[bool], doc="for every weight slice, whether its wires count as ideal"
    )

    @property
    def Rp_row_norm(self) -> float:
        """Rp_row relative to the device's Rmin. Raises ParameterError outside of a tree."""
        return self._relative("Rp_row")

    @property
    def Rp_col_norm(self) -> float:
        """Rp_col relative to the device's Rmin. Raises ParameterError outside of a tree."""
        return self._relative("Rp_col")

    @property
    def Rp_row_terminal_norm(self) -> float:
        """Rp_row_terminal relative to Rmin. Raises ParameterError outside of a tree."""
        return self._relative("Rp_row_terminal")

    @property
    def Rp_col_terminal_norm(self) -> float:
        """Rp_col_terminal relative to Rmin. Raises ParameterError outside of a tree."""
        return self._relative("Rp_col_terminal")

    def _relative(self, name: str) -> float:
        for node in self.parents:
            if isinstance(node, XbarParameters):
                return float(vars(self)[name] / node.device.Rmin)
        raise ParameterError(f"{self._where(name + '_norm')}: needs device.Rmin; not in a tree")


class ArrayParameters(BaseParameters):
    """The array that connects the cells."""

    Icol_max: float = parameter(
        0, doc="largest column current, in currents of a fully on cell at full input; <= 0: none"
    )
    parasitics: ParasiticParameters = child(ParasiticParameters)


class ADCParameters(ModelParameters):
    """An analog-to-digital converter. Currents in units of a fully on cell at full input."""

    kind: ClassVar[str] = "adc"

    model: str = parameter("IdealADC", type=str, doc="name of an ADC model")
    bits: int = parameter(0, type=int, low=0, high=24, unit="bits", doc="0: no conversion")
    signed: bool = parameter(True, type=bool, doc="the range includes negative currents")
    stochastic_rounding: bool = parameter(
        False, type=bool, doc="round up with the probability of the fraction"
    )
    input_noise: float = parameter(
        0,
        low=0,
        doc="standard deviation of the noise at the input, in the unit of the currents; each"
        " conversion has its own",
    )
    adc_per_ibit: bool = parameter(
        False, type=bool, doc="convert after every input slice, not once after the last"
    )
    calibrated_range: Any = parameter(
        [], type="array", doc="full-scale [min, max], or one such pair per weight slice"
    )
    adc_range_option: ADCRangeLimits = parameter(
        ADCRangeLimits.CALIBRATED, type=ADCRangeLimits, doc="where the range comes from"
    )


class PairedADCParameters(BasePairedParameters):
    """The ADCs of MVM and VMM."""

    mvm: ADCParameters = child(ADCParameters)
    vmm: ADCParameters = child(ADCParameters)


class DACParameters(ModelParameters):
    """A digital-to-analog converter."""

    kind: ClassVar[str] = "dac"

    model: str = parameter("IdealDAC", type=str, doc="name of a DAC model")
    bits: int = parameter(0, type=int, low=0, high=24, unit="bits", doc="0: no quantisation")
    input_bitslicing: bool = parameter(
        False, type=bool, doc="apply the bits of an input in several slices"
    )
    signed: bool = parameter(True, type=bool, doc="inputs can be negative")
    slice_size: int = parameter(1, type=int, low=1, high=24, unit="bits", doc="of an input slice")

    @property
    def sign_bit(self) -> bool:
        """True where one of the bits is the sign."""
        return bool(self.signed)


class PairedDACParameters(BasePairedParameters):
    """The DACs of MVM and VMM."""

    mvm: DACParameters = child(DACParameters)
    vmm: DACParameters = child(DACParameters)


class XbarParameters(BaseParameters):
    """The crossbar: device, array and converters."""

    device: DeviceParameters = child(DeviceParameters)
    array: ArrayParameters = child(ArrayParameters)
    adc: PairedADCParameters = child(PairedADCParameters)
    dac: PairedDACParameters = child(PairedDACParameters)
