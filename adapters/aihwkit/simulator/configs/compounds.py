"""Stands where aihwkit keeps compounds of devices; importing one says what is offered."""

from __future__ import annotations

from adapters.aihwkit.engine.names import missing

__getattr__ = missing(
    globals(), "compounds of several devices are not simulated here; see SingleRPUConfig"
)
