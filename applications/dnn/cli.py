"""The command line, and everything that is printed."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from applications.common.command import finished, now, require_torch, say, versions
from applications.mvm_study.files import fingerprint

from . import IF_STOPPED, hardware
from .data import Data, load
from .layers import advice
from .options import parse, settings_of
from .report import write_report
from .results import Folder, Outcome, Setup
from .settings import Settings
from .summary import findings
from .tables import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation; return 0, 2 for what the user can put right, or 130 for ^C."""
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = shlex.join(["python", "-m", __package__, *given])
    return finished(lambda: _run(parse(given), command, console), complaints, IF_STOPPED)


def _run(options: argparse.Namespace, command: str, console: Console) -> None:
    require_torch()
    settings = settings_of(options, {})
    data = load(settings.data, settings.seed)
    settings = settings_of(options, _digests(settings, data))
    name = settings.model.replace(":", ".").rsplit(".", 1)[-1]
    folder = Folder(options.out or Path("results") / f"dnn_{name}", settings)
    known = folder.finished()
    found = folder.read() if known else _computed(folder, data, command, options.threads)
    outcome, setup, layers = found
    if not (known and folder.page.exists()):
        write_report(folder, outcome, setup, layers)
    _show(outcome, setup, layers, settings, console)
    say(
        console,
        f"\nparameters of every layer: {folder.path / 'layers.yaml'}",
        f"page with figures: {folder.page}",
    )


def _digests(settings: Settings, data: Data) -> dict[str, str]:
    """Return what identifies the content of data and files."""
    found = {"data": data.digest}
    for name, path in (
        ("checkpoint", settings.checkpoint),
        ("params", settings.hardware.get("params")),
    ):
        if path is not None and Path(path).is_file():
            found[name] = fingerprint(Path(path))
    return found


def _computed(
    folder: Folder, data: Data, command: str, threads: int | None
) -> tuple[Outcome, Setup, Any]:
    """Compute the evaluation and store it."""
    settings = folder.settings
    params = (
        hardware.from_file(settings.hardware["params"])
        if "params" in settings.hardware
        else hardware.from_options(settings.hardware, settings.bias_rows)
    )
    # PyTorch takes a second to load, which a mistake on the command line need not wait for.
    from .evaluation import evaluate
    from .training import ready

    started = now()
    begun = time.perf_counter()
    model, origin = ready(settings, data, threads)
    trained = time.perf_counter()
    evaluation = evaluate(model, params, data, settings, threads)
    done = time.perf_counter()
    setup = Setup(
        command=command,
        started=started,
        versions=versions("numpy", "torch"),
        data=data.description,
        model=origin,
        seconds={"model": round(trained - begun, 1), "evaluation": round(done - trained, 1)},
    )
    folder.begin()
    folder.write(evaluation.outcome, setup, hardware.to_file(evaluation.layers), evaluation.table)
    return evaluation.outcome, setup, evaluation.table


def _show(
    outcome: Outcome, setup: Setup, layers: Any, settings: Settings, console: Console
) -> None:
    seconds = setup.seconds
    lines = (
        setup.model,
        setup.data,
        f"arrays: {hardware.in_words(settings.hardware)}",
        f"{seconds['model']:.0f} s for the network, {seconds['evaluation']:.0f} s on"
        f" {len(outcome.chips)} chip{'s' if len(outcome.chips) > 1 else ''}",
    )
    say(console, *lines)
    console.print()
    console.print(table(outcome))
    intervals = "Intervals: over chips, Student's t, for these images; over images, Wilson."
    say(console, *findings(outcome, layers), *advice(layers), intervals)
