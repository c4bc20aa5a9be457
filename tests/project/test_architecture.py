"""The shape of the code: who may import whom, and what never stands in it."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys

import pytest
import source_rules as rules
from places import ROOT
from source_rules import Source

CODE = ("simulator", "adapters", "applications", "benchmarks")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".cfg", ".txt", ".yaml", ".yml", ".ipynb", ".svg", ".html"}


def sources(*folders):
    """Every Python file under the folders, parsed on use."""
    return [
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def violations(rule, *folders):
    return [line for source in sources(*folders) for line in rule(source)]


def report(found):
    assert not found, "\n" + "\n".join(found)


def test_the_project_is_found():
    paths = {source.path for source in sources(*CODE)}
    assert {f"{folder}/__init__.py" for folder in CODE} <= paths


def test_imports_point_one_way():
    report(violations(rules.layering, "simulator"))


def test_libraries_are_imported_only_in_their_own_files():
    report(violations(rules.ownership, "simulator", "adapters"))


def test_adapters_use_public_names_only():
    public = {}
    for name in ("simulator", "simulator.profile", "simulator.states", "simulator.update"):
        if (ROOT / name.replace(".", "/")).is_dir():
            public[name] = set(getattr(importlib.import_module(name), "__all__", ()))
    report([line for s in sources("adapters") for line in rules.public_use(s, public)])


def test_folders_of_torch_import_one_way():
    report(violations(rules.torch_order, "adapters/torch"))


def test_nothing_runs_text_as_code():
    report(violations(rules.unsafe_calls, *CODE, "tests"))


def test_the_engine_never_prints():
    report(violations(rules.prints, "simulator"))


def project_files():
    """Every text file of the project, and no other: what git ignores is left out by name."""
    skipped = {".git", ".venv", "build", "dist", "results", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if hidden or skipped & set(parts) or not path.is_file():
            continue
        if path.suffix in TEXT_SUFFIXES or path.parent == ROOT or ".ci" in parts:
            yield path


def test_text_names_no_host_no_machine_and_no_unfinished_work():
    found = []
    for path in project_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        found += rules.unwanted_text(path.relative_to(ROOT).as_posix(), text)
    report(found)


def engine_modules():
    import simulator

    yield simulator
    for info in pkgutil.walk_packages(simulator.__path__, "simulator."):
        optional = info.name.startswith(("simulator.kernels.cpu", "simulator.kernels.gpu"))
        if not optional and "cupy" not in info.name:
            yield importlib.import_module(info.name)


def undocumented(module):
    """Public functions, classes and methods that neither have nor inherit a docstring."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and not inspect.getdoc(thing):
            yield f"{module.__name__}.{name}"
        if inspect.isclass(thing):
            yield from (f"{module.__name__}.{name}.{m}" for m in undocumented_methods(thing))


def undocumented_methods(cls):
    for name, member in vars(cls).items():
        is_method = inspect.isfunction(member) or isinstance(
            member, property | classmethod | staticmethod
        )
        told = any(vars(base)[name].__doc__ for base in cls.__mro__ if name in vars(base))
        if is_method and not name.startswith("_") and not told:
            yield name


def test_public_things_of_the_engine_say_what_they_are():
    report([name for module in engine_modules() for name in undocumented(module)])


def test_every_folder_of_the_engine_says_what_each_file_is_for():
    untold = []
    for folder in [path.parent for path in (ROOT / "simulator").rglob("__init__.py")]:
        told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
        if folder.name in ("simulator", "presets"):
            continue
        names = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
        untold += [f"{folder.name}/{name}" for name in names if f"``{name}``" not in told]
    assert untold == []


IMPORT_PROBE = """
import json, sys, time
start = time.thread_time()
import simulator
seconds = time.thread_time() - start
heavy = {"torch", "numba", "cupy", "keras", "matplotlib", "pandas", "sklearn"} & set(sys.modules)
json.dump({"seconds": seconds, "heavy": sorted(heavy)}, sys.stdout)
"""


@pytest.fixture(scope="module")
def import_probes(tmp_path_factory):
    """Five fresh interpreters that import the engine: what it took, and what came with it.

    Seconds that the importing thread had the processor, which on an idle machine are those of the
    clock: waiting for other processes and starting BLAS threads are no part of the import.
    """

    # As for a user, compiled code is kept from one import to the next.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))

    def probe():
        command = [sys.executable, "-c", IMPORT_PROBE]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment
        )
        return json.loads(done.stdout)

    return [probe() for _ in range(5)]


def test_import_pulls_in_no_optional_library(import_probes):
    assert import_probes[0]["heavy"] == []


def test_import_is_quick(import_probes):
    # The fastest of five: a busy machine slows some of them, never speeds one up.
    assert min(probe["seconds"] for probe in import_probes) < 0.25


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("simulator/errors.py", "from simulator.registry import Registry"),
        ("simulator/schema.py", "from . import core"),
        ("simulator/mapping/cells.py", "from ..devices import generic"),
        ("simulator/devices/generic.py", "import simulator.converters.adc"),
        ("simulator/circuits/ideal.py", "def f():\n    from simulator.multiply import path"),
        (
            "simulator/multiply/path.py",
            "import importlib\nimportlib.import_module('simulator.core')",
        ),
        ("simulator/core/core.py", "from simulator import AnalogCore"),
        ("simulator/core/core.py", "from simulator.legacy.table import lookup"),
        ("simulator/legacy/cores.py", "from simulator.legacy import table"),
        ("simulator/helpers.py", ""),
    ],
)
def test_layering_fails_on(path, text):
    assert len(rules.layering(Source(path, text))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("simulator/core/core.py", "from .views import select\nfrom ..errors import OhmError"),
        ("simulator/mapping/cells.py", "from . import digits\nfrom ..backend import Backend"),
        ("simulator/core/arraylike.py", "from . import views"),
        (
            "simulator/devices/__init__.py",
            "def __getattr__(n):\n    from simulator.legacy import table",
        ),
        ("simulator/legacy/table.py", "from simulator.core import AnalogCore"),
        ("simulator/__init__.py", "from .core import AnalogCore"),
    ],
)
def test_layering_passes(path, text):
    assert rules.layering(Source(path, text)) == []


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("simulator/core/core.py", "import numba", 1),
        ("simulator/kernels/reference/kernels.py", "import cupy as cp", 1),
        ("simulator/kernels/cpu/kernels.py", "import cupy", 1),
        ("simulator/core/core.py", "def plot():\n    import matplotlib.pyplot as plt", 1),
        ("simulator/core/core.py", "from adapters import torch", 1),
        ("adapters/shared/lowering.py", "import torch", 1),
        ("adapters/shared/lowering.py", "import pandas, jax", 2),
        ("adapters/neutral/layer.py", "import torch", 1),
        ("adapters/torch/layers.py", "from applications import mvm_params", 1),
        ("simulator/kernels/cpu/kernels.py", "import numba, numpy", 0),
        ("simulator/kernels/gpu/kernels.py", "from cupyx import jit", 0),
        ("simulator/core/core.py", "import numpy as np\nimport scipy.sparse\nimport json", 0),
        ("adapters/torch/layers.py", "import torch\nfrom adapters.shared import lowering", 0),
    ],
)
def test_ownership_counts(path, text, count):
    assert len(rules.ownership(Source(path, text))) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("from simulator import AnalogCore", 0),
        ("import simulator", 0),
        ("from simulator.update import PulseTrain", 0),
        ("from simulator import multiply", 1),
        ("from simulator.core import AnalogCore", 1),
        ("import simulator.hardware.plan", 1),
        ("from simulator.update import _draw", 1),
        ("from simulator.legacy.table import lookup", 1),
        ("def __getattr__(n):\n    from simulator.legacy.table import lookup", 0),
    ],
)
def test_public_use_counts(text, count):
    public = {"simulator": {"AnalogCore"}, "simulator.update": {"PulseTrain"}}
    assert len(rules.public_use(Source("adapters/torch/layers.py", text), public)) == count


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("adapters/torch/layers/conv.py", "from adapters.torch.study.report import report", 1),
        ("adapters/torch/runtime/state.py", "from adapters.torch.layers import conv", 1),
        ("adapters/torch/study/report.py", "from adapters.torch.layers import conv", 0),
        ("adapters/torch/layers/conv.py", "from adapters.torch.runtime import state", 0),
        ("adapters/torch/__init__.py", "from adapters.torch.study.report import report", 0),
    ],
)
def test_torch_order_counts(path, text, count):
    assert len(rules.torch_order(Source(path, text))) == count


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')",
        "exec('x = 1')",
        "import pickle\npickle.load(f)",
        "import pickle\npickle.loads(b)",
        "import pickle\npickle.Unpickler(f).load()",
        "from pickle import loads",
        "import yaml\nyaml.load(f)",
        "import yaml\nyaml.load(f, Loader=yaml.Loader)",
        "import yaml\nclass L(yaml.Loader): pass\nyaml.load(f, L)",
        "import yaml\ndef make():\n    return yaml.Loader\nyaml.load(f, make())",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import subprocess\nsubprocess.run(c, shell=True)",
        "import torch\ntorch.load(f, weights_only=False)",
        "import os\nos.system(c)",
    ],
)
def test_unsafe_calls_fail_on(text):
    assert len(rules.unsafe_calls(Source("a.py", text))) == 1


def test_safe_calls_pass():
    text = """
import pickle, yaml
class Loader(yaml.SafeLoader): pass
class Restricted(pickle.Unpickler): pass
def make():
    class Strict(yaml.SafeLoader): pass
    return Strict
yaml.load(f, Loader=make())
yaml.load(f, Loader=Loader); yaml.safe_load(f); Restricted(f).load(); model.eval()
pickle.loads(pickle.dumps(x))
"""
    assert rules.unsafe_calls(Source("a.py", text)) == []


def test_prints_fail():
    assert len(rules.prints(Source("a.py", "print(1)\nlogger.info(2)"))) == 1


@pytest.mark.parametrize("words", ["TO-DO: later", "/wor-k/main", "py-pi.org", "FIX-ME"])
def test_unwanted_text_fails_on(words):
    # Joined here, so that this file does not contain them.
    assert len(rules.unwanted_text("a.md", words.replace("-", ""))) == 1
    assert rules.unwanted_text("a.md", words) == []


def test_undocumented_methods_are_found_and_inherited_docstrings_count():
    class Base:
        def told(self):
            """Told."""

    class Derived(Base):
        def told(self):
            pass

        def untold(self):
            pass

    assert list(undocumented_methods(Derived)) == ["untold"]
