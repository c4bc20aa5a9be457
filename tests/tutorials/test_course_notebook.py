"""The course notebook on device-aware training runs here with its own cells.

The notebook is no part of the project: its text is read from the folder of reference data. Three
things differ from the course: `batch_size`, which the notebook leaves to another one, is 64; MNIST
comes from local files through a stand-in for torchvision; and there are fewer epochs and images.
"""

import ast
import json
import os
import re
import subprocess
import sys

import pytest
from places import ROOT

pytest.importorskip("torch", reason="the course notebook needs the extra 'torch'")
pytest.importorskip("tqdm", reason="the course notebook needs the extra 'study'")
pytest.importorskip("PIL", reason="the course notebook needs the extra 'study'")

EPOCHS = 8
TRAIN_IMAGES, TEST_IMAGES = 30000, 10000

TORCHVISION = """
import os
from pathlib import Path
from types import SimpleNamespace

import torch

from applications.device_aware.idx import find_idx, read_idx


class MNIST(torch.utils.data.Dataset):
    def __init__(self, root, train, download, transform, target_transform):
        name, count = ("train", {train}) if train else ("t10k", {test})
        folder = Path(os.environ["MNIST"])
        self.images = read_idx(find_idx(folder, name + "-images-idx3-ubyte"), 3)[:count].copy()
        self.labels = read_idx(find_idx(folder, name + "-labels-idx1-ubyte"), 1)[:count].tolist()
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.transform(self.images[i]), self.target_transform(self.labels[i])


class ToTensor:
    def __call__(self, image):
        return torch.from_numpy(image)[None].float() / 255


class Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, value):
        for step in self.steps:
            value = step(value)
        return value


datasets = SimpleNamespace(MNIST=MNIST)
transforms = SimpleNamespace(ToTensor=ToTensor, Compose=Compose)
"""
BEFORE = """
import torch
torch.manual_seed(1)
torch.set_num_threads(1)
batch_size = 64
"""
AFTER = """
import json
from pathlib import Path
shown = {
    "clean": accuracy_digitalTrain_digitalTest,
    "analog": accuracy_digitalTrain_analogTest,
    "aware": accuracy_analogTrain_analogTest,
}
Path("shown.json").write_text(json.dumps({k: float(v) for k, v in shown.items()}))
"""


def code_cells(text):
    """The code of every cell of a notebook printed as text, without the cell for Colab.

    A cell begins after a line such as ``In [3]:``. What follows it, output or prose, is told from
    code by being no Python.
    """
    cells = re.split(r"^In \[(?:\d+|None| )\]:\n", text, flags=re.MULTILINE)[1:]
    return [code(cell) for cell in cells if "# Only for Colab" not in cell]


def code(cell):
    """The longest beginning of a cell that is Python, without lines for IPython or a shell."""
    lines = [line for line in cell.splitlines() if not re.match(r"\s*[%!]", line)]
    lengths = [n for n in range(len(lines) + 1) if is_python("\n".join(lines[:n]))]
    return "\n".join(lines[: max(lengths)])


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def test_code_is_told_from_what_surrounds_it():
    text = """In [None]:
# Only for Colab
!git clone somewhere

In [2]:
%matplotlib inline
for i in range(2):

    print(i)
0
Some prose, with a comma: and a colon.

In [3]:
x = 1
===========
"""
    assert [cell.strip() for cell in code_cells(text)] == [
        "for i in range(2):\n\n    print(i)\n0",
        "x = 1",
    ]


@pytest.fixture(scope="module")
def cells(test_data):
    (path,) = sorted((test_data / "seeds").glob("004_*.txt"))
    found = code_cells(path.read_text(encoding="utf-8"))
    assert len(found) == 10
    return found


@pytest.fixture(scope="module")
def outcome(cells, test_data, tmp_path_factory):
    """What the cells print and warn about, and the three accuracies they compute."""
    folder = tmp_path_factory.mktemp("course")
    whole = "\n\n".join(cells)
    fewer = whole.replace("N_epochs = 20", f"N_epochs = {EPOCHS}")
    assert fewer != whole
    (folder / "course.py").write_text(BEFORE + fewer + AFTER, encoding="utf-8")
    stand_in = TORCHVISION.format(train=TRAIN_IMAGES, test=TEST_IMAGES)
    (folder / "torchvision.py").write_text(stand_in, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "MNIST": str(test_data / "data" / "mnist"),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "course.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    shown = json.loads((folder / "shown.json").read_text())
    return done, shown


@pytest.mark.slow
def test_the_cells_run_and_print_their_summary(outcome):
    done, shown = outcome
    summary = done.stdout[done.stdout.index("Accuracy on MNIST test set") :]
    printed = [float(number) for number in re.findall(r": ([\d.]+)%", summary)]
    assert printed == pytest.approx(
        [100 * shown[k] for k in ("clean", "analog", "aware")], abs=0.01
    )


@pytest.mark.slow
def test_the_string_false_counts_as_true_and_is_warned_about(outcome):
    done, _ = outcome
    assert done.stderr.count("proportional_error = 'False' is a string that is not empty") == 1


@pytest.mark.slow
def test_training_with_the_device_wins_back_what_the_errors_cost(outcome):
    # The notebook compares twice as many entries as there are images, the first half all zeros on
    # both sides: what it prints is (1 + accuracy) / 2.
    _, shown = outcome
    clean, analog, aware = (2 * shown[name] - 1 for name in ("clean", "analog", "aware"))
    # The whole course, 20 epochs of 48,000 images, ends at 98.3, 86.7 and 96.5 %. With less of both
    # the networks are one to three points short of that, and mind errors less.
    assert clean > 0.95
    assert 0.82 < analog < 0.96
    assert aware > 0.92
    assert analog + 0.01 < aware < clean
