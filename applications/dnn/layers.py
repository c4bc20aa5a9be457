"""The table of layers that ``adapters.torch.report`` makes, read for page and sentences."""

from __future__ import annotations

import math
from typing import Any

COLUMNS = ["layer", "arrays", "SNR (dB)", "of the weights (dB)", "DAC clips (%)", "ADC clips (%)",
           "ADC codes in use"]  # fmt: skip


def ratios(table: Any) -> list[tuple[str, float]]:
    """Return the name of each layer and its signal-to-noise ratio in dB, in order."""
    return [(_name(name), float(ratio)) for name, ratio in zip(table["layer"], table["snr"])]


def weakest(table: Any) -> tuple[str, float] | None:
    """Return the layer with the lowest ratio; None where every layer is exact or unused."""
    found = [(name, ratio) for name, ratio in ratios(table) if math.isfinite(ratio)]
    return min(found, key=lambda pair: pair[1]) if found else None


def advice(table: Any) -> list[str]:
    """Return what to change about which layer, in a sentence each."""
    said = zip(table["layer"], table["advice"])
    return [f"{_name(name)}: {words}" for name, words in said if isinstance(words, str) and words]


def cells(table: Any) -> list[list[str]]:
    """Return the rows that the page shows, with the columns of :data:`COLUMNS`."""
    return [
        [
            _name(row["layer"]),
            str(row["arrays"]),
            _decibel(row["snr"]),
            _decibel(row["weights_snr"]),
            _share(row["dac_clipped"]),
            _share(row["adc_clipped"]),
            _codes(row["adc_codes"], row["adc_levels"]),
        ]
        for _, row in table.iterrows()
    ]


def _name(name: Any) -> str:
    """Return the name of a layer; a network that is one layer has none."""
    return str(name) if isinstance(name, str) and name else str(name or "the layer")


def _decibel(ratio: float) -> str:
    if ratio == math.inf:
        return "exact"
    return "" if math.isnan(ratio) else f"{ratio:.1f}"


def _share(share: float | None) -> str:
    return "exact" if share is None or math.isnan(share) else f"{100 * share:.3f}"


def _codes(used: float | None, of: float | None) -> str:
    return "" if used is None or of is None or math.isnan(used) else f"{used:.0f} of {of:.0f}"
