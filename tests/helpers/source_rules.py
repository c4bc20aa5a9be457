"""Rules about source text: each takes parsed source and returns its violations as sentences.

`tests/project/test_architecture.py` applies them to the project, and to bad snippets to see them
fail.
"""

import ast
import fnmatch
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

# Lowest first; a module imports only what stands lower. Names on one line may import one another,
# except the model packages: what one stage needs of another is passed in.
MODEL_PACKAGES = {"mapping", "devices", "converters", "circuits", "update"}
LAYERS = [
    {"errors", "quantities"},
    {"registry", "signatures", "lab", "verification"},
    {"schema", "catalogue"},
    {"kernels"},
    {"backend", "randomness"},
    MODEL_PACKAGES,
    {"parameters"},
    {"states"},
    {"hardware"},
    {"chip"},
    {"multiply"},
    {"core"},
    {"profile", "testing", "legacy"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

ENGINE_LIBRARIES = {"numpy", "scipy", "yaml", "threadpoolctl"}
# Optional libraries of the engine and the adapters, and the only files that may import them.
OWNERS = {
    "numba": ["simulator/kernels/cpu/*"],
    "cupy": ["simulator/kernels/gpu/*", "simulator/backend/*cupy*"],
    "cupyx": ["simulator/kernels/gpu/*", "simulator/backend/*cupy*"],
    "torch": ["adapters/torch/*", "adapters/aihwkit/*", "adapters/keras/*"],
    "keras": ["adapters/keras/*"],
    "matplotlib": [
        "simulator/*/curves.py",
        "applications/*",
        "adapters/torch/study/figure.py",
        "adapters/torch/study/report.py",
    ],
    "clevercsv": ["simulator/lab/separators.py"],
    "charset_normalizer": ["simulator/lab/encodings.py"],
    "openpyxl": ["simulator/lab/spreadsheets.py"],
    "pandas": [
        "applications/*",
        "adapters/torch/study/report.py",
    ],
}


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the repository root, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> list[str]:
        """The package that a relative import in this file starts from."""
        return self.path.split("/")[:-1]

    @property
    def layer(self) -> str | None:
        """What the file is called in LAYERS; None for `simulator/__init__.py`."""
        name = self.path.split("/")[1].removesuffix(".py")
        return None if name == "__init__" else name


@dataclass(frozen=True)
class Import:
    """One imported dotted name (`from a import b` is `a.b`), its line and enclosing function."""

    name: str
    line: int
    function: str | None

    @property
    def root(self) -> str:
        return self.name.split(".")[0]


def imports(source: Source) -> Iterator[Import]:
    """Everything the file imports, wherever in it, by statement or by `import_module("...")`."""
    for function, node in _walk(source.tree, None):
        for name in _imported_names(node, source):
            yield Import(name, node.lineno, function)


def _walk(node: ast.AST, function: str | None) -> Iterator[tuple[str | None, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        yield function, child
        inner = (
            child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        )
        yield from _walk(child, inner)


def _imported_names(node: ast.AST, source: Source) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = source.package[: len(source.package) - node.level + 1] if node.level else []
        base = ".".join([*package, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
        return [
            argument.value
            for argument in node.args[:1]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
    return []


def _called(call: ast.Call) -> str:
    """The last part of what is called: `load` for `pickle.load(...)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _dotted(node: ast.AST | None) -> str:
    """`a.b.c` for that attribute chain, empty for anything else."""
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return node.id if isinstance(node, ast.Name) else ""


# The table of old names, of which nothing of the engine knows.
TABLE = "simulator.legacy.table"


def layering(source: Source) -> list[str]:
    """A file of `simulator` imports only what lies below it."""
    if source.layer is None or source.path == "simulator/legacy/table.py":
        return []
    if source.layer not in LEVEL:
        return [f"{source.path}: has no place in LAYERS of tests/helpers/source_rules.py"]
    found = []
    for item in imports(source):
        if item.root != "simulator":
            continue
        target = (item.name.split(".") + [""])[1]
        if why := _forbidden(source.layer, target, item):
            found.append(f"{source.path}:{item.line}: imports {item.name}: {why}")
    return found


def _asks_table(item: Import) -> bool:
    """Whether a module looks up a name of before, as its ``__getattr__`` may."""
    return item.name.startswith(TABLE) and item.function == "__getattr__"


def _asks_for_a_report(layer: str, item: Import) -> bool:
    """Whether a core hands itself to the report on it, in the method of that name."""
    wanted = ("simulator.profile.report", "simulator.profile.CoreReport")
    return layer == "core" and item.name in wanted and item.function in ("report", None)


def _forbidden(layer: str, target: str, item: Import) -> str:
    if item.name.startswith(TABLE):
        # Old names on real packages are served by a module `__getattr__` that asks the table.
        return "" if _asks_table(item) else "the table is asked only in __getattr__"
    if target == layer or _asks_for_a_report(layer, item):
        return ""
    if target not in LEVEL:
        return "the engine imports its own modules, not its public face"
    if {layer, target} <= MODEL_PACKAGES:
        return "model packages never import one another"
    return "" if LEVEL[target] <= LEVEL[layer] else f"{target} lies above {layer}"


def ownership(source: Source) -> list[str]:
    """In `simulator` and `adapters`, a third-party library is imported only in its own files."""
    top = source.package[0]
    found = []
    for item in imports(source):
        if item.root in sys.stdlib_module_names or item.root == "simulator":
            continue
        if item.root in OWNERS:
            allowed = any(fnmatch.fnmatch(source.path, pattern) for pattern in OWNERS[item.root])
        elif item.root in {"adapters", "applications"}:
            allowed = top == item.root
        else:
            of_adapter = top == "adapters" and source.package[1:] not in ([], ["shared"])
            allowed = item.root in ENGINE_LIBRARIES or of_adapter
        if not allowed:
            found.append(
                f"{source.path}:{item.line}: imports {item.root}, which this file may not use"
            )
    return found


def public_use(source: Source, public: dict[str, set[str]]) -> list[str]:
    """An adapter takes from `simulator` what `public` lists for each of its open packages."""
    found = []
    for item in imports(source):
        if item.root != "simulator" or item.name in public or _asks_table(item):
            continue
        package, _, name = item.name.rpartition(".")
        if name not in public.get(package, set()):
            found.append(f"{source.path}:{item.line}: {item.name} is no public name of the engine")
    return found


# The folders of adapters/torch; what stands in one imports nothing of those behind it.
TORCH_FOLDERS = ["runtime", "layers", "conversion", "study"]


def torch_order(source: Source) -> list[str]:
    """A file of `adapters/torch` imports what stands in its own folder, or in one before."""
    *above, folder = source.package
    if above != ["adapters", "torch"]:
        return []
    behind = TORCH_FOLDERS[TORCH_FOLDERS.index(folder) + 1 :]
    return [
        f"{source.path}:{item.line}: imports {item.name}, which stands behind {folder}"
        for item in imports(source)
        if item.name.split(".")[:2] == above and item.name.split(".")[2] in behind
    ]


SAFE_LOADERS = {"yaml.SafeLoader", "yaml.CSafeLoader", "SafeLoader", "CSafeLoader"}
UNSAFE_CALLS = {
    "eval": "runs text as code",
    "exec": "runs text as code",
    "os.system": "runs text in a shell",
    "os.popen": "runs text in a shell",
    "pickle.load": "a pickle can run anything; use a restricted Unpickler",
    "pickle.loads": "a pickle can run anything; use a restricted Unpickler",
    "pickle.Unpickler": "a pickle can run anything; subclass it and restrict find_class",
    "yaml.unsafe_load": "builds any object; use yaml.safe_load",
    "yaml.full_load": "builds any object; use yaml.safe_load",
}


def unsafe_calls(source: Source) -> list[str]:
    """Calls through which a file or a string could run code."""
    safe_loaders = _safe_loaders(source)
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (why := _unsafe(node, safe_loaders)):
            found.append(f"{source.path}:{node.lineno}: {_dotted(node.func)}: {why}")
    found += [
        f"{source.path}:{item.line}: {item.name}: call it by its dotted name, so that it is seen"
        for item in imports(source)
        if item.name in UNSAFE_CALLS or item.name == "yaml.load"
    ]
    return found


def _safe_loaders(source: Source) -> set[str]:
    """Names by which the file can give `yaml.load` a Loader: safe classes, and their makers."""
    classes = {
        node.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and any(_dotted(b) in SAFE_LOADERS for b in node.bases)
    }
    returned: dict[str, set[str]] = {}
    for function, node in _walk(source.tree, None):
        if function and isinstance(node, ast.Return):
            returned.setdefault(function, set()).add(_dotted(node.value))
    makers = {f"{function}()" for function, names in returned.items() if names <= classes}
    return SAFE_LOADERS | classes | makers


def _unsafe(call: ast.Call, safe_loaders: set[str]) -> str:
    name = _dotted(call.func)
    argument = call.args[0] if call.args else None
    written_here = isinstance(argument, ast.Call) and _dotted(argument.func) == "pickle.dumps"
    if name == "pickle.loads" and written_here:
        return ""
    if name in UNSAFE_CALLS:
        return UNSAFE_CALLS[name]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in {"yaml.load", "yaml.load_all"}:
        loader = keywords.get("Loader", call.args[1] if len(call.args) > 1 else None)
        given = f"{_called(loader)}()" if isinstance(loader, ast.Call) else _dotted(loader)
        return "" if given in safe_loaders else "needs a safe Loader"
    wrong = [("shell", True)]
    if _called(call) == "load":
        wrong += [("allow_pickle", True), ("weights_only", False)]
    for keyword, bad in wrong:
        value = keywords.get(keyword)
        if isinstance(value, ast.Constant) and value.value is bad:
            return f"{keyword}={bad}"
    return ""


def prints(source: Source) -> list[str]:
    """Calls of `print`; a library logs, warns or returns."""
    return [
        f"{source.path}:{node.lineno}: print"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _dotted(node.func) == "print"
    ]


# Each pattern is written so that it does not match itself.
UNWANTED_TEXT = {
    r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b": "a mark of unfinished work",
    r"/wor[k]/|\.librar[y]\b|/op[t]/wheels|before-sto[p]\b": "the machine it was written on",
    r"py[p]i\.org|pythonhoste[d]|anacond[a]\.org|downloa[d]\.pytorch": "a package host",
}


def unwanted_text(path: str, text: str) -> list[str]:
    """Words that a reader of the project has no use for."""
    return [
        f"{path}:{number}: {match.group()!r}: {why}"
        for pattern, why in UNWANTED_TEXT.items()
        for number, line in enumerate(text.splitlines(), 1)
        for match in re.finditer(pattern, line)
    ]
