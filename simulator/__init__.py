"""OhmCore: a simulator of analog in-memory computing on resistive crossbars."""

from simulator import compat
from simulator.core import AnalogCore
from simulator.errors import (
    FileFormatError,
    InputError,
    ModelError,
    NotSupportedError,
    OhmCoreError,
    OhmCoreWarning,
    ParameterError,
    ShapeError,
)
from simulator.parameters import CrossSimParameters
from simulator.products import MatrixProduct, Product
from simulator.schema import parameter

__version__ = "0.1.0"

compat.install()

__all__ = [
    "AnalogCore",
    "CrossSimParameters",
    "FileFormatError",
    "InputError",
    "MatrixProduct",
    "ModelError",
    "NotSupportedError",
    "OhmCoreError",
    "OhmCoreWarning",
    "ParameterError",
    "Product",
    "ShapeError",
    "parameter",
]
