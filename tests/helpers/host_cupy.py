"""A stand-in for CuPy whose kernels are compiled for this machine: GPU code without a GPU."""

import ctypes
import re
import shutil
import subprocess
import types
from itertools import count
from pathlib import Path

import numpy as np

NAMES = {
    "float32": "float", "float64": "double", "int32": "int", "int64": "long long",
    "uint32": "unsigned int", "uint64": "unsigned long long", "bool": "bool",
}  # fmt: skip
COMPILER = shutil.which("g++") or shutil.which("c++")


def parsed(specification):
    """(is raw, type, name) of every argument of a kernel."""
    found = re.findall(r"(raw\s+)?(\w+)\s+(\w+)", specification)
    return [(bool(raw), kind, name) for raw, kind, name in found]


class HostKernel:
    """What ``cupy.ElementwiseKernel`` does, in a loop of C++, with types bound as there."""

    numbers = count()

    def __init__(self, folder, inputs, outputs, operation, name, preamble, options):
        self.folder, self.inputs, self.outputs = Path(folder), parsed(inputs), parsed(outputs)
        self.operation, self.name, self.preamble, self.built = operation, name, preamble, {}
        assert options == ("--fmad=false",)

    def __call__(self, *arguments, size=None):
        places = [*self.inputs, *self.outputs]
        bound, given = {}, list(arguments)
        for (_, kind, _), value in zip(places, given, strict=False):
            dtype = np.asarray(value).dtype
            if kind not in NAMES:
                assert bound.setdefault(kind, dtype) == dtype, f"{self.name}: {kind} is two types"
        whole = [v for (raw, *_), v in zip(self.inputs, given, strict=False) if not raw]
        shape = np.broadcast_shapes(*map(np.shape, whole)) if size is None else (size,)
        if len(given) < len(places):
            given.append(np.empty(shape, bound[self.outputs[0][1]]))
        types_ = [np.dtype(bound.get(kind, kind)) for _, kind, _ in places]
        passed = []
        for (raw, _, _), value, dtype in zip(places, given, types_, strict=True):
            if raw or value is given[-1]:
                assert value.dtype == dtype
                passed.append(value)
            else:
                spread = np.broadcast_to(np.asarray(value, dtype), shape)
                passed.append(np.ascontiguousarray(spread))
        pointers = (ctypes.c_void_p * len(passed))(*[a.ctypes.data for a in passed])
        self._function(tuple(types_))(ctypes.c_longlong(int(np.prod(shape))), pointers)
        return given[-1]

    def _function(self, kinds):
        if kinds not in self.built:
            path = self.folder / f"{self.name}{next(self.numbers)}"
            path.with_suffix(".cpp").write_text(self._program(kinds))
            command = [COMPILER, "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
            command += [str(path.with_suffix(".cpp")), "-o", str(path.with_suffix(".so"))]
            subprocess.run(command, check=True)
            self.built[kinds] = ctypes.CDLL(str(path.with_suffix(".so"))).run
        return self.built[kinds]

    def _program(self, kinds):
        places = [*self.inputs, *self.outputs]
        letters = {kind: NAMES[d.name] for (_, kind, _), d in zip(places, kinds, strict=True)}
        aliases = [f"typedef {c} {kind};" for kind, c in letters.items() if kind not in NAMES]
        before, after = [], []
        for k, ((raw, _, name), dtype) in enumerate(zip(places, kinds, strict=True)):
            c = NAMES[dtype.name]
            constant = "const " if k < len(self.inputs) else ""
            if raw:
                before.append(f"{constant}{c} *{name} = ({constant}{c} *)arrays[{k}];")
            elif k < len(self.inputs):
                before.append(f"const {c} {name} = ((const {c} *)arrays[{k}])[i];")
            else:
                before.append(f"{c} {name};")
                after.append(f"(({c} *)arrays[{k}])[i] = {name};")
        lines = [
            "#include <math.h>", "#define OHM_FUNCTION static inline", self.preamble, *aliases,
            'extern "C" void run(long long n, void **arrays) {',
            "for (long long i = 0; i < n; ++i) {", *before, f"{self.operation};", *after, "}}",
        ]  # fmt: skip
        return "\n".join(lines)


def module(folder):
    """A module to be imported as ``cupy``; compiled kernels are kept in ``folder``."""
    made = types.ModuleType("cupy")
    for name in ("ascontiguousarray", "empty", "ones", "zeros", "asarray", "broadcast",
                 "broadcast_to", "uint32", "uint64", "float64", "bool_"):  # fmt: skip
        setattr(made, name, getattr(np, name))

    def kernel(inputs, outputs, operation, name, *, preamble, options):
        return HostKernel(folder, inputs, outputs, operation, name, preamble, options)

    made.ElementwiseKernel = kernel
    return made
