"""The options of the command, checked, as the settings of an evaluation."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from applications.common.command import Parser

from .hardware import DEFAULTS
from .settings import (
    CALIBRATIONS,
    COLOUR_MEAN,
    COLOUR_STD,
    DIGITS,
    DIGITS_MODELS,
    RESNETS,
    DataOptions,
    Settings,
)

_LARGEST_SEED = 2**32


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Raises ParameterError in one line."""
    parser = Parser(prog=f"python -m {__package__}", allow_abbrev=False)
    parser.description = (
        "Put a trained network onto simulated analog arrays, set the ranges of its converters from"
        " sample images, and see on several chips how many images it still gets right. Without"
        " options, a small network is trained on scikit-learn's digits first. A table on the"
        " terminal; a page with figures, CSV and the parameters of every layer in a folder."
    )
    _network(parser)
    _data(parser)
    _hardware(parser)
    _run(parser)
    options = parser.parse_args(arguments)
    _check(options, parser)
    return options


def _network(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network")
    group.add_argument(
        "--model", metavar="NAME",
        help=f"one of {', '.join((*DIGITS_MODELS, *RESNETS))}, or package.module:function of a"
        f" function that returns a torch.nn.Module (default: {DIGITS_MODELS[0]})",
    )  # fmt: skip
    group.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="state dictionary that torch.save wrote"
    )
    group.add_argument(
        "--fuse-batchnorm", action=argparse.BooleanOptionalAction, default=True,
        help="fold batch norms into the layer before them (default: yes)",
    )  # fmt: skip


def _data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    group.add_argument(
        "--data", type=Path, metavar="PATH",
        help="folder with a sub-folder of images per class, folder of MNIST's idx files or one of"
        " them, .npz or .csv (default: the digits)",
    )  # fmt: skip
    group.add_argument(
        "--calibration", type=Path, metavar="PATH",
        help="images to set converter ranges with (default: the training part of MNIST's files, or"
        " images held back from --data)",
    )  # fmt: skip
    group.add_argument(
        "--calibration-images", type=int, default=256, metavar="N", help="default: %(default)s"
    )
    group.add_argument("--limit", type=int, metavar="N", help="test N images, drawn by the seed")
    group.add_argument(
        "--keys", type=_names, metavar="X,Y", help=".npz: arrays of images and classes"
    )
    group.add_argument("--label", metavar="COLUMN", help=".csv: the class (default: last column)")
    group.add_argument(
        "--shape", type=_integers(3), metavar="C,H,W", help=".npz, .csv: shape of an image"
    )
    group.add_argument(
        "--resize", type=_integers(2), metavar="H,W", help="image folders: size of an image"
    )
    group.add_argument("--channels", type=int, choices=(1, 3), help="image folders: grey or colour")
    group.add_argument(
        "--scale",
        type=float,
        metavar="S",
        help="what pixels are divided by (default: 255 for bytes, else 1)",
    )
    group.add_argument(
        "--mean", type=_numbers, metavar="M[,M,M]",
        help="subtracted after that (default: 0; resnet: 0.485,0.456,0.406)",
    )  # fmt: skip
    group.add_argument(
        "--std", type=_numbers, metavar="S[,S,S]",
        help="divided by after that (default: 1; resnet: 0.229,0.224,0.225)",
    )  # fmt: skip


def _hardware(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("arrays")
    group.add_argument(
        "--params", metavar="FILE",
        help="YAML or JSON of a parameter tree, a layers.yaml of this command, or a preset;"
        " instead of the other options of arrays",
    )  # fmt: skip

    def add(name: str, text: str, **how: Any) -> None:
        standard = DEFAULTS[name]
        shown = "" if standard is None or standard is False else f" (default: {standard})"
        group.add_argument(f"--{name.replace('_', '-')}", help=f"{text}{shown}", **how)

    bits: dict[str, Any] = {"type": int, "metavar": "BITS"}
    whole: dict[str, Any] = {"type": int, "metavar": "N"}
    share: dict[str, Any] = {"type": float, "metavar": "SHARE"}
    ohm: dict[str, Any] = {"type": float, "metavar": "OHM"}
    add("style", "how a signed weight becomes cells", choices=("balanced", "offset"))
    add("slices", "digits of a weight, each on cells of its own", **whole)
    add("weight_bits", "0: continuous", **bits)
    add("input_bits", "of the DACs, 0: exact", **bits)
    add("bit_serial", "one bit of the input at a time, converted each", action="store_const",
        const=True)  # fmt: skip
    add("adc_bits", "of the ADCs, 0: exact", **bits)
    add("rows_max", "largest number of input lines of an array", **whole)
    add("cols_max", "largest number of output lines of an array", **whole)
    add("rmin", "resistance of a cell that is fully on", **ohm)
    add("on_off", "largest over smallest conductance (default: cells switch off altogether)",
        type=float, metavar="RATIO")  # fmt: skip
    add("error", "standard deviation of a conductance over the conductance", **share)
    add("error_model", "or a device model with programming error, as RRAMMilo", metavar="MODEL")
    add("read_noise", "the same for every read", **share)
    add("noise_model", "or a device model with read noise", metavar="MODEL")
    add("drift_model", "a device model with drift, as PCM", metavar="MODEL")
    add("time", "since programming, for drift, in the unit of the model", type=float, metavar="T")
    add("wires", "resistance of a wire from cell to cell", **ohm)
    group.add_argument(
        "--bias-rows", type=int, default=0, metavar="N",
        help="input lines that hold the bias (default: 0, added digitally)",
    )  # fmt: skip


def _run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("evaluation")
    group.add_argument(
        "--calibrate", choices=CALIBRATIONS, default="percentile",
        help="how converter ranges are chosen; none: as --params says (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--percentile",
        type=float,
        default=99.95,
        metavar="P",
        help="of --calibrate (default: %(default)s)",
    )
    group.add_argument(
        "--norm-ord", type=float, default=2.0, metavar="P",
        help="power of the error that --calibrate lp makes small (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--seeds", type=int, default=10, metavar="N",
        help="chips, one per seed from --seed on (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the same seed gives the same numbers"
    )
    group.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="default: %(default)s"
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of PyTorch (default: what the layers are worth)",
    )
    group.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: results/dnn_<name of the model>"
    )


def _check(options: argparse.Namespace, parser: Parser) -> None:
    """Complain about values out of range and options that do not go together."""
    for name in ("seeds", "batch_size", "calibration_images", "limit", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')}: got {value}; allowed is 1 or more")
    if not 0 <= options.seed <= _LARGEST_SEED - options.seeds:
        parser.error(f"--seed: got {options.seed}; allowed is 0 to {_LARGEST_SEED - options.seeds}")
    if options.scale is not None and not (options.scale > 0 and math.isfinite(options.scale)):
        parser.error(f"--scale: got {options.scale}; allowed is a number above 0")
    if options.std is not None and min(options.std) <= 0:
        parser.error(f"--std: got {min(options.std)}; allowed are numbers above 0")
    for name, lowest in (("error", 0), ("read_noise", 0), ("wires", 0), ("time", 0), ("rmin", 1),
                         ("on_off", 1)):  # fmt: skip
        value = getattr(options, name)
        if value is not None and not (value >= lowest and math.isfinite(value)):
            parser.error(
                f"--{name.replace('_', '-')}: got {value}; allowed is a number of {lowest} or more"
            )
    if options.bias_rows < 0:
        parser.error(f"--bias-rows: got {options.bias_rows}; allowed is 0 or more")
    _check_together(options, parser)


def _check_together(options: argparse.Namespace, parser: Parser) -> None:
    own = options.model is not None and ":" in options.model
    if options.model in RESNETS and options.data is None:
        parser.error(f"--model {options.model} goes with --data; it does not fit the digits")
    if options.data is not None and options.checkpoint is None and not own:
        parser.error("--data goes with --checkpoint, or with --model package.module:function")
    if options.checkpoint is not None and options.model is None:
        parser.error("--checkpoint goes with --model: a checkpoint does not say what network it is")
    given = sorted(hardware(options).keys() - {"params"})
    if options.params is not None and given:
        parser.error(f"--params and --{given[0].replace('_', '-')}: give one of them")
    converts = any(getattr(options, bits) != 0 for bits in ("input_bits", "adc_bits"))
    if options.calibrate == "none" and options.params is None and converts:
        parser.error(
            "--calibrate none goes with --params, which has the ranges, or with --input-bits 0"
            " --adc-bits 0"
        )


def hardware(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options for arrays that were given."""
    names = ("params", *DEFAULTS)
    return {n: getattr(options, n) for n in names if getattr(options, n) is not None}


def settings_of(options: argparse.Namespace, digests: dict[str, str]) -> Settings:
    """Return what decides the numbers; `digests` identifies what files held."""
    model = options.model or DIGITS_MODELS[0]
    in_colour = model in RESNETS
    data = DataOptions(
        path=DIGITS if options.data is None else str(options.data),
        calibration=None if options.calibration is None else str(options.calibration),
        mean=options.mean or (COLOUR_MEAN if in_colour else (0.0,)),
        std=options.std or (COLOUR_STD if in_colour else (1.0,)),
        **{
            name: getattr(options, name)
            for name in ("limit", "calibration_images", "keys", "label", "shape", "resize",
                         "channels", "scale")
        },
    )  # fmt: skip
    return Settings(
        model=model,
        checkpoint=None if options.checkpoint is None else str(options.checkpoint),
        data=data,
        hardware=hardware(options),
        digests=digests,
        **{
            name: getattr(options, name)
            for name in ("calibrate", "percentile", "norm_ord", "fuse_batchnorm", "bias_rows",
                         "seed", "seeds", "batch_size")
        },
    )  # fmt: skip


def _names(text: str) -> tuple[str, str]:
    names = text.split(",")
    if len(names) != 2 or not all(names):
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed are two names, IMAGES,CLASSES")
    return names[0], names[1]


def _numbers(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed are numbers with commas between")
    return numbers


def _integers(count: int) -> Callable[[str], tuple[int, ...]]:
    def parsed(text: str) -> tuple[int, ...]:
        parts = text.split(",")
        if len(parts) != count or not all(part.isdecimal() and int(part) for part in parts):
            raise argparse.ArgumentTypeError(
                f"got {text!r}; allowed are {count} whole numbers with commas between"
            )
        return tuple(int(part) for part in parts)

    return parsed
