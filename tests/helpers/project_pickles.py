"""Reading files that the project itself has written and that lie beside the tests.

Nothing is built but classes of the project, and the few of Python, NumPy and torch that they are
made of.
"""

import io
import pickle
from types import SimpleNamespace

OURS = ("adapters.", "simulator.")
TORCH = ("torch._utils", "torch.nn.modules.")
OTHERS = {
    "builtins": {"getattr", "set", "slice", "range", "complex", "int"},
    "__builtin__": {"getattr", "set", "slice", "long", "int"},
    "_codecs": {"encode"},
    "collections": {"OrderedDict", "defaultdict"},
    "functools": {"partial"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "torch": {"float32", "float64", "Size"},
    "torch.nn.functional": {"relu"},
}


class OwnFiles(pickle.Unpickler):
    """Refuses everything else."""

    def find_class(self, module, name):
        if module.startswith((*OURS, *TORCH)) or name in OTHERS.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is none of ours")


def loads(data):
    """The object of a pickle."""
    return OwnFiles(io.BytesIO(data)).load()


def load_model(data):
    """What ``torch.save`` wrote, a whole model with its classes, say."""
    import torch

    # As torch.load wants it: a module that reads pickles.
    reader = SimpleNamespace(
        __name__="own_files",
        Unpickler=OwnFiles,
        load=lambda file, **kw: OwnFiles(file, **kw).load(),
    )
    return torch.load(io.BytesIO(data), pickle_module=reader)
