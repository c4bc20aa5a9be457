"""OhmCore: a simulator of analog in-memory computing on resistive crossbars."""

from simulator.catalogue import models
from simulator.core import AnalogCore
from simulator.errors import (
    ClippingWarning,
    FileFormatError,
    InputError,
    ModelError,
    NoEffectWarning,
    NotSupportedError,
    OhmCoreError,
    OhmCoreWarning,
    ParameterError,
    ShapeError,
    each_said_once,
    warn_user,
)
from simulator.legacy import table
from simulator.multiply.products import MatrixProduct, Product
from simulator.parameters import CrossSimParameters
from simulator.schema import parameter

__version__ = "0.1.0"

table.install()

__all__ = [
    "AnalogCore",
    "ClippingWarning",
    "CrossSimParameters",
    "FileFormatError",
    "InputError",
    "MatrixProduct",
    "ModelError",
    "NoEffectWarning",
    "NotSupportedError",
    "OhmCoreError",
    "OhmCoreWarning",
    "ParameterError",
    "Product",
    "ShapeError",
    "models",
    "each_said_once",
    "parameter",
    "warn_user",
]
