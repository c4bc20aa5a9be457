"""Drift of the conductances; here only its absence is simulated."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.aihwkit.engine.configuration.base import Parameters, unsimulated


@dataclass
class SimpleDriftParameter(Parameters):
    """Drift by the power law (t / t_0)^-nu."""

    nu: float = unsimulated(0.0, doc="Exponent.")
    t_0: float = unsimulated(1.0, low=0, low_open=True, doc="Time between write and first read.")
    reset_tol: float = unsimulated(
        1e-7, low=0, doc="Change of a weight that starts its drift anew."
    )


@dataclass
class DriftParameter(SimpleDriftParameter):
    """The same with an exponent that differs between devices and weights."""

    nu_dtod: float = unsimulated(0.0, low=0, doc="Relative spread of nu from device to device.")
    nu_std: float = unsimulated(0.0, low=0, doc="Relative spread of nu from time to time.")
    g_offset: float = unsimulated(0.0, doc="Conductance at weight w_offset.")
    w_offset: float = unsimulated(0.0, doc="Weight at conductance g_offset.")
    nu_k: float = unsimulated(0.0, doc="Change of nu with the logarithm of the conductance.")
    log_g0: float = unsimulated(0.0, doc="Logarithm of the conductance where nu is as given.")
    w_noise_std: float = unsimulated(0.0, low=0, doc="Noise of the weights after drift.")
    wg_ratio: float = unsimulated(1.0, doc="Weight over conductance.")
