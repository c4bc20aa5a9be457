"""The command line, and everything that is printed."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tqdm import tqdm

import simulator
from applications.common.command import Parser, finished, now, say, versions

from . import IF_STOPPED
from .config import StudyConfig, load_config, plain_name, quick
from .errors import StudyError
from .files import fingerprint
from .report import digital_accuracy, write_report
from .runner import Job, simulate
from .settings import expand
from .store import Setup, Store
from .summary import Point, summarise
from .tables import tables
from .wires import look_inside
from .workload import Workload, load_workload


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and return the exit code: 0, 2 for what the user can put right, 130 for ^C."""
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = shlex.join(["python", "-m", __package__, *given])
    return finished(
        lambda: _run(_parse(given), command, console, complaints),
        complaints,
        IF_STOPPED,
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=f"python -m {__package__}", description=__doc__, allow_abbrev=False)
    parser.description = (
        "Show how analog hardware changes a matrix product and a classifier, as tables on the"
        " terminal and as a page with figures. Without --config, the study of"
        " applications/mvm_study/default.yaml runs; copy it to make your own."
    )
    parser.add_argument("--config", type=Path, metavar="STUDY.yaml", help="settings and grid")
    parser.add_argument(
        "--matrix", type=Path, help="own matrix (outputs x inputs) instead of the classifier"
    )
    parser.add_argument(
        "--inputs", type=Path, help="own vectors (inputs x vectors); .npy, .npz, text or .xlsx"
    )
    parser.add_argument("--seed", type=int, help="the same seed gives the same numbers")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: results/<name>")
    parser.add_argument("--workers", type=int, help="processes (default: one per CPU)")
    parser.add_argument("--quick", action="store_true", help="few values and chips, in seconds")
    options = parser.parse_args(arguments)
    if (options.matrix is None) != (options.inputs is None):
        parser.error("--matrix and --inputs go together")
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers: got {options.workers}; allowed is 1 or more")
    if options.seed is not None and not 0 <= options.seed < 2**32:
        parser.error(f"--seed: got {options.seed}; allowed is 0 to {2**32 - 1}")
    return options


def _configured(options: argparse.Namespace) -> StudyConfig:
    """Return the study that the options ask for."""
    config = load_config(options.config)
    if options.matrix is not None:
        named = options.config is not None
        config = dataclasses.replace(
            config,
            matrix=options.matrix,
            inputs=options.inputs,
            name=config.name if named else plain_name(options.matrix),
        )
    if config.matrix and config.inputs:
        config = dataclasses.replace(
            config, matrix=config.matrix.resolve(), inputs=config.inputs.resolve()
        )
    if options.seed is not None:
        config = dataclasses.replace(config, seed=options.seed)
    return quick(config) if options.quick else config


def _run(options: argparse.Namespace, command: str, console: Console, complaints: Console) -> None:
    config = _configured(options)
    settings = expand(config)
    store = Store(options.out or Path("results") / config.name, config, settings)
    files = [path for path in (config.matrix, config.inputs) if path is not None]
    digest = fingerprint(*files) if files else ""
    workload: Workload | None = None
    if store.begun():
        setup = store.resume(digest)
    else:
        workload = load_workload(config)
        setup = _new_setup(command, workload, digest)
        store.begin(setup)
    _check_versions(store, setup, complaints)
    if store.missing:
        workload = workload or load_workload(config)
        _compute(store, workload, options.workers or os.cpu_count() or 1, complaints)
    points = summarise(settings, store.rows)
    page = store.folder / "index.html"
    if not page.exists():
        looks = look_inside(config, settings, lambda: workload or load_workload(config))
        write_report(store, points, setup, looks)
    _show(store, points, setup, console)
    say(console, f"\npage with figures: {page}")


def _compute(store: Store, workload: Workload, workers: int, complaints: Console) -> None:
    """Simulate the missing chips, store each as it finishes, then put the table in order."""
    tasks, total = store.missing, len(store.missing) + len(store.rows)
    job = Job(
        tuple(store.settings),
        workload,
        store.config.seed,
        store.config.calibration_percentile,
        store.folder / "parameters",
    )
    heard: dict[str, None] = {}
    started = time.perf_counter()
    with tqdm(total=total, initial=len(store.rows), unit="chip", disable=None) as progress:
        for outcome in simulate(job, tasks, workers):
            store.append(outcome.setting, outcome.chip, outcome.metrics)
            heard.update(dict.fromkeys(outcome.warnings))
            progress.update()
    store.finish()
    say(complaints, *(f"warning: {warning}" for warning in heard))
    seconds = time.perf_counter() - started
    complaints.print(f"simulated {len(tasks)} chips in {seconds:.0f} s")


def _new_setup(command: str, workload: Workload, digest: str) -> Setup:
    return Setup(
        command=command,
        started=now(),
        versions=versions("numpy", "scipy", "scikit-learn"),
        workload=workload.description,
        fingerprint=digest,
        digital_correct=workload.digital_correct(),
        test_count=workload.inputs.shape[1],
    )


def _check_versions(store: Store, setup: Setup, complaints: Console) -> None:
    """Say so where finished numbers are of another version; never mix two versions."""
    theirs, ours = setup.versions.get("OhmCore"), simulator.__version__
    if theirs == ours:
        return
    if store.missing:
        raise StudyError(
            f"{store.folder} was begun with OhmCore {theirs}, and this is {ours}; choose another"
            " folder with --out"
        )
    complaints.print(
        f"note: computed with OhmCore {theirs}; for {ours}, choose another folder with --out"
    )


def _show(store: Store, points: Sequence[Point], setup: Setup, console: Console) -> None:
    console.print(f"{setup.workload}", markup=False)
    digital = digital_accuracy(setup)
    if digital is not None and digital.low is not None and digital.high is not None:
        console.print(
            f"digital accuracy {100 * digital.mean:.2f} %, 95 % interval {100 * digital.low:.2f} to"
            f" {100 * digital.high:.2f} % (Wilson, over {digital.count} images);"
            " ± below: 95 % over chips (Student's t)"
        )
    for table in tables(store.config, points):
        console.print()
        console.print(table)
