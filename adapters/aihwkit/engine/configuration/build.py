"""A configuration from the name of a training algorithm."""

from __future__ import annotations

import copy
from typing import Any

from adapters.aihwkit.engine.configuration.configs import SingleRPUConfig
from adapters.aihwkit.engine.configuration.io import IOParameters
from adapters.aihwkit.engine.configuration.training import UpdateParameters
from adapters.aihwkit.engine.exceptions import ConfigError
from adapters.aihwkit.engine.names import nearest

OFFERED = ("sgd",)
NOT_OFFERED = (
    "tiki-taka", "tt", "ttv1", "ttv2", "chopped-ttv2", "c-ttv2", "ttv3", "agad", "ttv4", "mp",
    "mixed-precision",
)  # fmt: skip


def build_config(
    algorithm: str,
    device: Any,
    io_parameters: IOParameters | None = None,
    up_parameters: UpdateParameters | None = None,
    n_devices: int = 1,
    construction_seed: int = 0,
    **arguments: Any,
) -> SingleRPUConfig:
    """The configuration that trains with this algorithm; only "sgd" is offered.

    Forward and backward each take a copy of ``io_parameters``; the configuration shares nothing
    with what is given. A ``construction_seed`` other than zero replaces that of the device.
    ``arguments`` are those of compounds; "sgd" takes none. Raises ConfigError for anything that is
    not offered.
    """
    _check_algorithm(algorithm)
    if n_devices != 1:
        raise ConfigError(f"n_devices: got {n_devices!r}; allowed is 1 device per crosspoint")
    if arguments:
        raise ConfigError(f"build_config('sgd'): takes no argument {', '.join(sorted(arguments))}")
    io_parameters = IOParameters() if io_parameters is None else io_parameters
    config = SingleRPUConfig(
        device=copy.deepcopy(device),
        forward=copy.deepcopy(io_parameters),
        backward=copy.deepcopy(io_parameters),
        update=copy.deepcopy(UpdateParameters() if up_parameters is None else up_parameters),
    )
    if construction_seed:
        config.device.construction_seed = construction_seed
    return config


def _check_algorithm(algorithm: str) -> None:
    name = str(algorithm).lower()
    if name in OFFERED:
        return
    allowed = f"allowed is one of {', '.join(map(repr, OFFERED))}"
    if name in NOT_OFFERED:
        raise ConfigError(f"algorithm: {algorithm!r} is not offered here; {allowed}")
    hint = nearest(name, OFFERED)
    raise ConfigError(f"algorithm: got {algorithm!r}; {allowed}.{hint}")
