"""Ctrl-C while a command starts, works and tidies up: it leaves at once, with one line."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are signalled as on POSIX")

STOPPED = 130
# What the study says of its chips when it comes to the page.
SAID = re.compile(r"simulated \d+ chips in \d+ s\n")
COMMANDS = [
    *(f"applications.{name}" for name in ("mvm_study", "dnn", "device_aware")),
    *(
        f"applications.dsp.{name}"
        for name in ("dft_1d", "dft_2d", "compressed_sensing", "linear_systems", "eigen")
    ),
]
# Of an idle machine; a busy one may take several times as long.
SECONDS_TO_LEAVE = 2


def interrupted(command, after):
    """Exit code, seconds to leave and stderr of a command and an interrupt to all its processes."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        time.sleep(after)
        started = time.perf_counter()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        return process.returncode, time.perf_counter() - started, said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study that takes a few seconds in two processes."""
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    np.save(folder / "matrix.npy", rng.normal(size=(100, 80)))
    np.save(folder / "inputs.npy", rng.normal(size=(80, 50)))
    files = ["--matrix", folder / "matrix.npy", "--inputs", folder / "inputs.npy"]
    return ["applications.mvm_study", *map(str, files), "--quick", "--workers", "2"]


def one_line(said):
    """Whether nothing but the one line was printed; it names what to do."""
    lines = SAID.sub("", said).splitlines()
    return len(lines) == 1 and re.fullmatch(r"stopped; \w.*", lines[0])


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_while_a_command_starts_ends_it_with_one_line(command):
    code, seconds, said = interrupted([command], after=0.3)
    assert code == STOPPED
    assert one_line(said), said
    assert seconds < 5 * SECONDS_TO_LEAVE


@pytest.mark.parametrize("after", [1.5, 3.0])
def test_an_interrupt_while_workers_start_or_work_ends_them_all(study, tmp_path, after):
    code, seconds, said = interrupted([*study, "--out", str(tmp_path / "out")], after)
    assert code == STOPPED
    assert one_line(said), said
    assert seconds < 5 * SECONDS_TO_LEAVE


@pytest.mark.slow
def test_interrupts_at_random_moments_never_hang_or_print_more(study, tmp_path):
    moments = random.Random(0)
    for trial in range(25):
        after = moments.uniform(0.1, 8)
        out = tmp_path / str(trial)
        code, seconds, said = interrupted([*study, "--out", str(out)], after)
        assert code in (0, STOPPED), f"after {after:.3f} s: {said}"
        assert code == 0 or one_line(said), f"after {after:.3f} s: {said}"
        assert seconds < 5 * SECONDS_TO_LEAVE or code == 0
        leave_no_process_behind(out)


def leave_no_process_behind(out: Path):
    """Raise where a process of the command that wrote to this folder is still there."""
    import psutil

    words = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in words if str(out) in line]
