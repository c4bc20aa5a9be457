"""Pickles that lie beside the tests: nothing but classes of this project and of NumPy is built."""

import io
import pickle

PACKAGES = ("simulator", "adapters", "numpy", "collections", "builtins", "functools")
BUILTINS = {"getattr", "set", "frozenset", "slice", "range", "complex", "bytearray", "object"}


class ProjectUnpickler(pickle.Unpickler):
    """Refuses everything else."""

    def find_class(self, module, name):
        package = module.split(".")[0]
        if package not in PACKAGES or (package == "builtins" and name not in BUILTINS):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def loads(data):
    """The object of a pickle."""
    return ProjectUnpickler(io.BytesIO(data)).load()
