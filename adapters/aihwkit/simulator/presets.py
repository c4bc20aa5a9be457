"""Stands where aihwkit keeps its presets; importing one says what is offered in its place."""

from __future__ import annotations

from adapters.aihwkit.engine.names import missing

__getattr__ = missing(globals(), "presets are not offered here; set the values of a configuration")
