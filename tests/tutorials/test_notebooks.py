"""The tutorials run from top to bottom, quickly, and are stored without their outputs."""

import json
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from places import ROOT

TUTORIALS = sorted((ROOT / "tutorials").glob("*.ipynb"))
KERNEL = "this-interpreter"
LIMIT = 60

pytestmark = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)


def code_cells(path):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """The name of a kernel that is the interpreter under test, whatever else is installed."""
    folder = tmp_path / "kernels" / KERNEL
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": KERNEL, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return KERNEL


def test_stored_without_outputs(path):
    for cell in code_cells(path):
        assert not cell.outputs
        assert cell.execution_count is None


def test_first_cell_installs_where_the_package_is_missing(path):
    first = code_cells(path)[0].source
    assert "%pip install" in first
    assert "ohmcore" in first


def test_runs_within_a_minute_and_draws(path, kernel):
    notebook = nbformat.read(path, as_version=4)
    start = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name=kernel,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    assert time.monotonic() - start < LIMIT
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    complaints = [o.text for o in outputs if o.get("name") == "stderr"]
    assert complaints == []
