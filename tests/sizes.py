"""The largest files and the longest functions, for whoever judges them: `python tests/sizes.py`.

Nothing fails by its length. A file ends where its subject ends, and a function does one thing on
one level; this table shows where to look first.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("simulator", "adapters", "applications", "benchmarks")
SHOWN = 8


def files():
    """Lines and path of every Python file, longest first."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = [(path.read_text(encoding="utf-8").count("\n"), path) for path in paths]
    return sorted(found, reverse=True)


def functions(path):
    """Lines, without the docstring, and place of every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body:
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                yield lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def main():
    largest = files()
    longest = sorted((found for _, path in largest for found in functions(path)), reverse=True)
    print(f"{'lines':>6}  largest of {len(largest)} files")
    for lines, path in largest[:SHOWN]:
        print(f"{lines:6d}  {path.relative_to(ROOT)}")
    print(f"{'lines':>6}  longest of {len(longest)} functions")
    for lines, place in longest[:SHOWN]:
        print(f"{lines:6d}  {place}")


if __name__ == "__main__":
    main()
