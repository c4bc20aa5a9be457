"""What functions with flat keywords share: reading keywords, and the nodes that they set.

:class:`Keywords` holds what one call was given and the tree it becomes; each ``set_...`` function
sets one part of that tree. They use the names of ``applications.mvm_params.DEFAULTS``; a function
that calls a keyword otherwise says so in `names`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from simulator.errors import ParameterError, nearest, warn_once
from simulator.parameters import ADCRangeLimits, CoreStyle, CrossSimParameters

Circuits = Mapping[str, tuple[str, Mapping[str, Any]]]
"""What a value of ``adc_type`` stands for: a model of converter, and its fields."""

_MEANT = {
    "dac_bits": "input_bits",
    "dac_range": "input_range",
    "gate_input": "current_from_input",
}
"""Keywords of older scripts, and those that stand nearest in meaning."""

RESISTANCES = ("Rp_row", "Rp_col", "Rp_row_terminal", "Rp_col_terminal")


class Keywords:
    """The keywords of one call of `function`, and the parameters that they become.

    `defaults` has every keyword; one that is not among them is ignored with a warning. `names`
    has the keywords whose name differs from that which the functions of this module use.
    """

    def __init__(
        self,
        function: str,
        defaults: Mapping[str, Any],
        given: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> None:
        meant = {**_MEANT, **(names or {})}
        for name in given.keys() - defaults.keys():
            hint = f" Did you mean {meant[name]!r}?" if name in meant else nearest(name, defaults)
            warn_once(
                (f"{function} keyword", name),
                f"{function}: ignored the unknown keyword {name!r}.{hint}",
                stacklevel=3,
            )
        self.function = function
        self.params = CrossSimParameters()
        self._names = names or {}
        self._given = {name: given.get(name, default) for name, default in defaults.items()}

    def name(self, keyword: str) -> str:
        """Return what the function calls `keyword`."""
        return self._names.get(keyword, keyword)

    def __getitem__(self, keyword: str) -> Any:
        return self._given[self.name(keyword)]

    @contextmanager
    def naming(self, keyword: str) -> Iterator[None]:
        """Turn a wrong value into an error that also names the keyword it came from."""
        try:
            yield
        except ParameterError as error:
            raise ParameterError(f"{self.said(keyword)} is not allowed: {error}") from None

    def said(self, keyword: str) -> str:
        """Return function, keyword and value, as errors begin."""
        return f"{self.function}: {self.name(keyword)} = {self[keyword]!r}"

    def assign(self, targets: Mapping[str, str]) -> None:
        """Set each dotted path of `targets` (path: keyword) to the value of its keyword."""
        for path, keyword in targets.items():
            with self.naming(keyword):
                self.params.update({path: self[keyword]})

    def assign_flags(self, targets: Mapping[str, str]) -> None:
        """As :meth:`assign`, for keywords of which only the truth counts."""
        for path, keyword in targets.items():
            self.params.update({path: self.truth(keyword)})

    def truth(self, keyword: str) -> bool:
        """Return the truth of a keyword; a text that says false counts as true, with a warning."""
        value = self[keyword]
        if isinstance(value, str) and value.lower() in ("false", "no", "0", "none"):
            warn_once(
                (f"{self.function} truth", keyword, value),
                f"{self.said(keyword)} is a string that is not empty, and counts as True",
            )
        return bool(value)

    def number(self, keyword: str) -> float:
        """Return a number. Raises ParameterError for anything else."""
        value = self[keyword]
        if isinstance(value, bool | str) or not hasattr(value, "__float__"):
            raise ParameterError(f"{self.said(keyword)} must be a number")
        return float(value)

    def range(self, keyword: str) -> tuple[float, float]:
        """Return the two ends of a range. Raises ParameterError unless they are min < max."""
        try:
            low, high = (float(end + 0) for end in self[keyword])
        except (TypeError, ValueError):
            low = high = math.nan
        if not low < high:
            raise ParameterError(f"{self.said(keyword)} must be (min, max) with min < max")
        return low, high


def set_core(keywords: Keywords) -> None:
    """Set how a matrix becomes cells."""
    core = keywords.params.core
    core.style = CoreStyle.BITSLICED
    sliced = keywords["Nslices"] != 1
    targets = {
        "core.bit_sliced.style" if sliced else "core.style": "wtmodel",
        "core.weight_bits": "weight_bits",
        "core.balanced.style": "balanced_style",
    }
    if sliced:
        targets["core.bit_sliced.num_slices"] = "Nslices"
    for path, keyword in (("core.rows_max", "NrowsMax"), ("core.cols_max", "NcolsMax")):
        if keywords[keyword] is not None:
            targets[path] = keyword
    keywords.assign(targets)
    keywords.assign_flags(
        {
            "core.balanced.interleaved_posneg": "interleaved_posneg",
            "core.balanced.subtract_current_in_xbar": "subtract_current_in_xbar",
        }
    )
    digital = keywords.truth("digital_offset")
    offset = "DIGITAL_OFFSET" if digital else "UNIT_COLUMN_SUBTRACTION"
    keywords.params.update({"core.offset.style": offset})
    with keywords.naming("weight_percentile"):
        core.mapping.weights.percentile = keywords.number("weight_percentile") / 100


def set_device(keywords: Keywords) -> None:
    """Set the resistances of a cell, its levels, its read voltage and its age."""
    device = "xbar.device."
    targets = {device + name: name for name in ("Rmin", "Rmax", "Vread")}
    keywords.assign({**targets, device + "time": "t_drift"})
    keywords.assign_flags({device + "infinite_on_off_ratio": "infinite_on_off_ratio"})
    with keywords.naming("weight_bits"):
        keywords.params.xbar.device.cell_bits = cell_bits(keywords.params)


def cell_bits(params: CrossSimParameters) -> int:
    """Return the bits of one cell that hold `weight_bits` in the chosen core style."""
    core = params.core
    bits, slices = core.weight_bits, core.bit_sliced.num_slices
    if core.style == CoreStyle.OFFSET:
        return bits
    if core.style == CoreStyle.BALANCED:
        return bits - 1
    if bits % slices == 0:
        return bits // slices
    sign = 1 if core.bit_sliced.style.name == "BALANCED" else 0
    return math.ceil((bits - sign) / slices)


def set_effect(keywords: Keywords, effect: str, suffix: str) -> None:
    """Set programming error or read noise from `<suffix>_model` and its companions."""
    model, node = keywords[f"{suffix}_model"], getattr(keywords.params.xbar.device, effect)
    if model == "generic":
        if keywords.number(f"alpha_{suffix}") > 0:
            proportional = keywords.truth(f"proportional_{suffix}")
            node.enable = True
            node.model = "NormalProportionalDevice" if proportional else "NormalIndependentDevice"
            keywords.assign({f"{node.path}.magnitude": f"alpha_{suffix}"})
    elif model is not None and model != "none":
        node.enable = True
        targets = {"model": f"{suffix}_model", "magnitude": f"alpha_{suffix}"}
        keywords.assign({f"{node.path}.{name}": key for name, key in targets.items()})


def set_array(keywords: Keywords, wires: bool) -> None:
    """Set what the lines of an array carry, and the resistances of `wires` if there are any."""
    keywords.assign({"xbar.array.Icol_max": "Icol_max"})
    if not wires:
        return
    parasitics = "xbar.array.parasitics."
    keywords.assign({parasitics + name: name for name in (*RESISTANCES, "selected_rows")})
    keywords.assign_flags({parasitics + "current_from_input": "current_from_input"})
    keywords.params.update(
        {
            parasitics + "enable": True,
            "simulation.Niters_max_parasitics": 100,
            "simulation.Verr_th_mvm": 2e-4,
            "simulation.relaxation_gamma": 0.9,
            "simulation.Verr_matmul_criterion": "max_mean",
        }
    )


def set_inputs(keywords: Keywords, low: float, high: float, signed: bool) -> None:
    """Set DAC and input range; `low` and `high` become symmetric where a sign is converted."""
    params = keywords.params
    dac, inputs = params.xbar.dac.mvm, params.core.mapping.inputs.mvm
    keywords.assign({"xbar.dac.mvm.bits": "input_bits"})
    dac.signed = signed
    dac.model = "SignMagnitudeDAC" if dac.signed else "QuantizerDAC"
    if dac.bits > 0:
        keywords.assign_flags({"xbar.dac.mvm.input_bitslicing": "input_bitslicing"})
        keywords.assign({"xbar.dac.mvm.slice_size": "input_slice_size"})
    if dac.bits > 0 and dac.signed:
        high = max(abs(low), abs(high))
        low = -high
    with keywords.naming("input_range"):
        inputs.min, inputs.max = low, high


def set_adc(keywords: Keywords, circuits: Circuits) -> None:
    """Set bits, range and model of the ADC."""
    adc = keywords.params.xbar.adc.mvm
    keywords.assign(
        {"xbar.adc.mvm.bits": "adc_bits", "xbar.adc.mvm.adc_range_option": "adc_range_option"}
    )
    keywords.assign_flags({"xbar.adc.mvm.adc_per_ibit": "ADC_per_ibit"})
    adc.signed = _signed_currents(keywords)
    if adc.bits > 0:
        range_setter = _range_setter(keywords.params)
        with keywords.naming("adc_range"):
            range_setter(keywords)
    _set_adc_circuit(keywords, circuits)


def _signed_currents(keywords: Keywords) -> bool:
    adc, core = keywords.params.xbar.adc.mvm, keywords.params.core
    if adc.adc_range_option == ADCRangeLimits.CALIBRATED and adc.bits > 0:
        return _smallest(keywords) < 0
    style = core.bit_sliced.style if core.style == CoreStyle.BITSLICED else core.style
    return style.name == "BALANCED" or keywords.params.xbar.dac.mvm.signed


def _smallest(keywords: Keywords) -> float:
    """Return the smallest number in the nested sequences of the ADC range."""
    try:
        return float(np.min(np.asarray(keywords["adc_range"], dtype=float)))
    except (TypeError, ValueError):
        raise ParameterError(
            f"{keywords.said('adc_range')} must be (min, max), or one such pair per slice"
        ) from None


def _range_setter(params: CrossSimParameters) -> Callable[[Keywords], None]:
    if params.xbar.adc.mvm.adc_range_option != ADCRangeLimits.CALIBRATED:
        return _choose_quantizer
    return _slice_ranges if params.core.style == CoreStyle.BITSLICED else _single_range


def _choose_quantizer(keywords: Keywords) -> None:
    adc = keywords.params.xbar.adc.mvm
    adc.model = "SignMagnitudeADC" if adc.signed else "QuantizerADC"


def _slice_ranges(keywords: Keywords) -> None:
    keywords.params.xbar.adc.mvm.calibrated_range = keywords["adc_range"]
    _choose_quantizer(keywords)


def _single_range(keywords: Keywords) -> None:
    """Use the range as given, or made symmetric if its centre is within one step of zero."""
    adc = keywords.params.xbar.adc.mvm
    low, high = keywords.range("adc_range")
    limits: Sequence[float] = (low, high)
    adc.model = "QuantizerADC"
    if abs((low + high) / 2 / (high - low)) < 2.0**-adc.bits:
        largest = max(abs(low), abs(high))
        limits = (-largest, largest)
        adc.model = "SignMagnitudeADC"
    adc.calibrated_range = limits


def _set_adc_circuit(keywords: Keywords, circuits: Circuits) -> None:
    kind, adc = keywords["adc_type"], keywords.params.xbar.adc.mvm
    if kind == "generic":
        return
    if kind not in circuits:
        kinds = ["generic", *circuits]
        raise ParameterError(
            f"{keywords.said('adc_type')} is not allowed;"
            f" allowed is one of {', '.join(map(repr, kinds))}.{nearest(str(kind), kinds)}"
        )
    adc.model, values = circuits[kind]
    adc.update(values)
