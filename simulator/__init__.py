"""OhmCore: a simulator of analog in-memory computing on resistive crossbars."""

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
from simulator.legacy import table
from simulator.multiply.products import MatrixProduct, Product
from simulator.parameters import CrossSimParameters
from simulator.schema import parameter

__version__ = "0.1.0"

table.install()

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
