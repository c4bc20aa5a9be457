"""The command line, and everything that is printed."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from applications.common.command import Parser, finished, now, require_torch, say, versions

from . import IF_STOPPED
from .images import Images, digits, mnist
from .report import write_report
from .results import AWARE, CLEAN, Comparison, Folder, Settings, Setup
from .summary import findings
from .tables import arrays, table

_LARGEST_ERROR = 10
_EPOCHS = {"digits": 120, "mnist": 20}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; return 0, 2 for what the user can put right, or 130 for ^C."""
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = shlex.join(["python", "-m", __package__, *given])
    return finished(lambda: _run(_parse(given), command, console), complaints, IF_STOPPED)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog=f"python -m {__package__}", allow_abbrev=False)
    parser.description = (
        "Train a small network digitally and run it digitally (clean) and on analog chips whose"
        " cells miss their targets (analog); then train it with such a device in the loop and run"
        " that on chips (device-aware). A table on the terminal; a page with figures and CSV in a"
        " folder."
    )
    parser.add_argument(
        "--mnist", type=Path, metavar="FOLDER", help="of idx files, instead of the digits"
    )
    parser.add_argument("--epochs", type=int, help="default: 120, on MNIST 20")
    parser.add_argument("--chips", type=int, default=10, help="per line (default: %(default)s)")
    parser.add_argument(
        "--error", type=float, default=0.3, metavar="ALPHA",
        help="standard deviation of a conductance over the conductance (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same numbers")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="default: results/device_aware, with --mnist results/device_aware_mnist",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=1, help="default: 1; more rarely pay for so small a network"
    )
    options = parser.parse_args(arguments)
    for name in ("epochs", "chips", "batch_size", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')}: got {value}; allowed is 1 or more")
    if not 0 <= options.error <= _LARGEST_ERROR:
        parser.error(f"--error: got {options.error}; allowed is 0 to {_LARGEST_ERROR}")
    if not 0 <= options.seed < 2**32:
        parser.error(f"--seed: got {options.seed}; allowed is 0 to {2**32 - 1}")
    return options


def _run(options: argparse.Namespace, command: str, console: Console) -> None:
    require_torch()
    data = "digits" if options.mnist is None else "mnist"
    images = digits(options.seed) if options.mnist is None else mnist(options.mnist)
    settings = Settings(
        data=data,
        fingerprint=images.fingerprint,
        epochs=options.epochs or _EPOCHS[data],
        chips=options.chips,
        error=options.error,
        batch_size=options.batch_size,
        seed=options.seed,
        threads=options.threads,
    )
    default = "device_aware" if options.mnist is None else "device_aware_mnist"
    folder = Folder(options.out or Path("results") / default, settings)
    known = folder.finished()
    comparison, setup = folder.read() if known else _computed(folder, images, command)
    if not (known and folder.page.exists()):
        write_report(folder, comparison, setup)
    _show(comparison, setup, settings, console)
    say(console, f"\npage with figures: {folder.page}")


def _computed(folder: Folder, images: Images, command: str) -> tuple[Comparison, Setup]:
    """Compute the comparison and store it."""
    # PyTorch takes a second to load, which a mistake on the command line need not wait for.
    from .comparison import compare, hardware

    started = now()
    folder.begin()
    comparison = compare(images, folder.settings)
    setup = Setup(
        command=command,
        started=started,
        versions=versions("numpy", "torch", "scikit-learn"),
        data=images.description,
        training_seconds={line: round(s, 1) for line, s in comparison.seconds.items()},
    )
    folder.write(comparison, setup, hardware(folder.settings))
    return comparison, setup


def _show(comparison: Comparison, setup: Setup, settings: Settings, console: Console) -> None:
    seconds = comparison.seconds
    lines = (
        setup.data,
        arrays(settings),
        f"epochs: {settings.epochs}; digital training {seconds[CLEAN]:.0f} s,"
        f" device-aware training {seconds[AWARE]:.0f} s",
    )
    say(console, *lines)
    console.print()
    console.print(table(comparison))
    intervals = (
        f"Intervals: clean, Wilson over {comparison.images} test images; analog, Student's t over"
        " chips."
    )
    say(console, *findings(comparison, settings), intervals)
