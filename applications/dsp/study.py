"""What the commands of this folder share: options, progress, the results folder, printing."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from applications.common.command import Parser, finished, now, say, versions
from applications.common.plain_files import write_whole
from applications.mvm_study.errors import StudyError
from simulator import CrossSimParameters

from . import IF_STOPPED
from .hardware import add_options, from_options, in_words
from .report import Report, csv_text, page, terminal

Item = TypeVar("Item")


@dataclass(frozen=True)
class Study:
    """One command: its name, what it says of itself, and what it does.

    `compute` gets the options and the hardware that they ask for, whose ADC ranges are still to
    be fitted, and returns what it found. `settings` are defaults of the hardware beside those of
    all studies.
    """

    name: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    settings: Mapping[str, Any]
    compute: Callable[[argparse.Namespace, CrossSimParameters], Report]


def run(study: Study, arguments: Sequence[str] | None = None) -> int:
    """Run a study; return 0, 2 for what the user can put right, or 130 for ^C."""
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    return finished(lambda: _run(study, given, console), complaints, IF_STOPPED)


def progress(items: Iterable[Item], total: int, unit: str) -> Iterable[Item]:
    """Show how many of `total` items are done, where there is a terminal to show it on."""
    return tqdm(items, total=total, unit=unit, disable=None, leave=False)


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of integers from `low` to `high` for ``add_argument(type=...)``."""

    def read(text: str) -> int:
        allowed = f"an integer from {low} " + ("on" if high is None else f"to {high}")
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"got {text}; allowed is {allowed}")
        return value

    return read


def add_whole(parser: argparse.ArgumentParser, *options: tuple[str, int, int, int, str]) -> None:
    """Add options for integers: of each its name, lowest, highest and default value, a meaning."""
    for name, low, high, default, meaning in options:
        shown = f"{meaning} (default: %(default)s)"
        parser.add_argument(f"--{name}", type=whole(low, high), default=default, help=shown)


def several(low: float, high: float, kind: type = float) -> Callable[[str], list[Any]]:
    """Return a reader of numbers with commas between them, each from `low` to `high`."""

    def read(text: str) -> list[Any]:
        try:
            values = [kind(part) for part in text.split(",")]
        except ValueError:
            values = []
        if not values or not all(low <= value <= high for value in values):
            what = "integers" if kind is int else "numbers"
            raise argparse.ArgumentTypeError(
                f"got {text!r}; allowed are {what} from {low:g} to {high:g}, commas between them"
            )
        return values

    return read


def _run(study: Study, given: Sequence[str], console: Console) -> None:
    options = _parser(study).parse_args(given)
    params = from_options(options, study.settings)
    folder = options.out or Path("results") / study.name
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"--out: {folder} is a file; allowed is a folder, existing or new")
    started = now()
    # Solvers alternate between many small products; several threads would wait for one another.
    with threadpool_limits(1):
        report = study.compute(options, params)
    setup: dict[str, Any] = {
        "command": shlex.join(["python", "-m", f"{__package__}.{study.name}", *given]),
        "started": started,
        "versions": versions("numpy", "scipy", "scikit-learn", "matplotlib"),
        "hardware": in_words(report.params),
    }
    _write(folder, report, setup)
    _show(report, setup["hardware"], folder, console)


def _parser(study: Study) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"python -m {__package__}.{study.name}",
        description=study.description,
        allow_abbrev=False,
    )
    study.add_options(parser)
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=1,
        help="the same seed gives the same numbers (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=f"default: results/{study.name}")
    add_options(parser, study.settings)
    return parser


def _write(folder: Path, report: Report, setup: Mapping[str, Any]) -> None:
    """Write the results; the page comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    report.params.to_yaml(folder / "parameters.yaml")
    write_whole(folder / "results.csv", csv_text(report.records))
    for picture in report.pictures:
        write_whole(folder / f"{picture.name}.png", picture.png)
    configuration = (folder / "parameters.yaml").read_text(encoding="utf-8")
    write_whole(folder / "index.html", page(report, setup, configuration))


def _show(report: Report, hardware: str, folder: Path, console: Console) -> None:
    say(console, report.data, hardware)
    for table in report.tables:
        console.print()
        console.print(terminal(table))
    names = ", ".join(f"{picture.name}.png" for picture in report.pictures)
    say(console, *report.findings, f"\npage: {folder / 'index.html'}; figures: {names}")
