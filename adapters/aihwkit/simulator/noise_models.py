"""Stands where older scripts find noise models of inference; importing one says what is offered."""

from __future__ import annotations

from adapters.aihwkit.engine.names import missing

__getattr__ = missing(globals(), "hardware-aware inference is not simulated here")
