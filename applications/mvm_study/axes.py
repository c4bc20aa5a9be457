"""What a study can vary: short names for common parameters, or any path of the parameter tree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from simulator.schema import Spec

_ERRORS = ("programming_error", "read_noise")


@dataclass(frozen=True)
class Axis:
    """How a parameter is named, checked and shown.

    `scale` turns a value into `unit`; `more_is_better` is None where neither direction is. `path`
    is the parameter that is set, and checks the value where there is no `spec`.
    """

    key: str
    label: str
    unit: str = ""
    scale: float = 1.0
    log: bool = False
    more_is_better: bool | None = None
    spec: Spec | None = None
    path: str = ""

    @property
    def has_label(self) -> bool:
        """Whether there are words for it; a path of the parameter tree stands for itself."""
        return self.label != self.key

    @property
    def title(self) -> str:
        """The label with its unit, for a figure or a table."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def show(self, value: Any) -> str:
        """Return `value` in words, without the unit."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value)
        return f"{value * self.scale:.6g}"

    def show_with_unit(self, value: Any) -> str:
        """Return `value` in words, with the unit."""
        return self.show(value) + (f" {self.unit}" if self.unit else "")


_SHARE = Spec(float, low=0, high=10)
_RATIO = Spec(float, low=1, low_open=True, high=math.inf)
_OHMS = Spec(float, low=0, unit="ohm")
_DEVICE = "xbar.device"
_WIRES = "xbar.array.parasitics"

_AXES = (
    Axis("adc_bits", "ADC resolution", "bits", path="xbar.adc.mvm.bits", more_is_better=True),
    Axis("input_bits", "DAC resolution", "bits", path="xbar.dac.mvm.bits", more_is_better=True),
    Axis("cell_bits", "cell resolution", "bits", path=f"{_DEVICE}.cell_bits", more_is_better=True),
    Axis("on_off_ratio", "on/off ratio", log=True, spec=_RATIO, more_is_better=True),
    *(
        Axis(
            key,
            key.replace("_", " "),
            "%",
            scale=100,
            path=f"{_DEVICE}.{key}.magnitude",
            spec=_SHARE,
            more_is_better=False,
        )
        for key in _ERRORS
    ),
    Axis(
        "wire_resistance",
        "wire resistance per cell",
        "Ω",
        log=True,
        spec=_OHMS,
        more_is_better=False,
    ),
)

SHORT_NAMES = {axis.key: axis for axis in _AXES}

_BY_PATH = {axis.path: axis.key for axis in SHORT_NAMES.values() if axis.path}


def canonical(key: str) -> str:
    """Return the short name of a path that has one, else `key`.

    So ``adc_bits`` in the base setting and ``xbar.adc.mvm.bits`` in a sweep are the same thing.
    """
    return _BY_PATH.get(key, key)


def axis(key: str) -> Axis:
    """Return how `key` is shown; a path of the parameter tree is shown as it is."""
    return SHORT_NAMES.get(key) or Axis(key, key)


def parameter_updates(values: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of the parameter tree that `values` set, short names resolved.

    A path that is given itself wins over what a short name implies.
    """
    updates: dict[str, Any] = {}
    for key, value in values.items():
        if key in _ERRORS:
            node = f"xbar.device.{key}"
            updates[f"{node}.enable"] = value > 0
            updates[f"{node}.model"] = "NormalProportionalDevice"
            updates[f"{node}.magnitude"] = value
        elif key == "wire_resistance":
            updates[f"{_WIRES}.enable"] = value > 0
            updates |= {f"{_WIRES}.{line}": value for line in ("Rp_row", "Rp_col")}
        elif key == "on_off_ratio":
            finite = math.isfinite(value)
            updates["xbar.device.infinite_on_off_ratio"] = not finite
            if finite:
                updates["xbar.device.Rmax"] = value * values.get("xbar.device.Rmin", 1000.0)
        elif key in SHORT_NAMES:
            updates[SHORT_NAMES[key].path] = value
    if values.get("core.style") in ("BITSLICED", 2) and "cell_bits" in values:
        slices = values.get("core.bit_sliced.num_slices", 2)
        updates["core.weight_bits"] = slices * values["cell_bits"]
    updates.update({key: value for key, value in values.items() if key not in SHORT_NAMES})
    return updates
