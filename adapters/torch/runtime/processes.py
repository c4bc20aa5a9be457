"""Several processes, as under DistributedDataParallel: one chip for all of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import distributed, nn

from adapters.torch.runtime.state import LayerState
from adapters.torch.runtime.tensors import torch_entropy
from simulator import OhmCoreWarning

# Whether this process chose chips on its own, and layers of which will be told of it.
_ALONE = {"chosen": False}


def process_count() -> int:
    """Processes of the default group of ``torch.distributed``; 1 without one."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def process_rank() -> int:
    """The number of this process in that group; 0 without one."""
    return distributed.get_rank() if process_count() > 1 else 0


def from_first_rank(value: Any) -> Any:
    """What process 0 passes; all processes take part."""
    if process_count() == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def chip_entropy(params: Any) -> Callable[[], int]:
    """Where arrays with the hardware ``params`` get a seed that it does not give.

    With several processes, all of them take part and get that of process 0. It is taken when the
    arrays are built, whether they will draw or not: later, one of them may run on its own.
    """
    tree = params[0] if isinstance(params, (list, tuple)) else params
    if tree.simulation.seed is not None:
        return torch_entropy
    if process_count() == 1:
        return _entropy_alone
    return partial(int, from_first_rank(torch_entropy()))


def _entropy_alone() -> int:
    _ALONE["chosen"] = True
    return torch_entropy()


def share_chips(model: nn.Module) -> None:
    """Give all processes the chips of process 0: errors, conductances and seeds of its arrays.

    For a model that was converted before ``init_process_group``; all processes take part. The
    parameters are left to DistributedDataParallel. Does nothing in a single process.

    Args:
        model: the converted model of this process, of the same layers in all of them.
    """
    if process_count() == 1:
        return
    layers = [module for module in model.modules() if isinstance(module, LayerState)]
    states, seed = [layer.get_chip_state() for layer in layers], torch_entropy()
    for state in states:
        for core in state["arrays"]:
            core["seed"] = seed if core["seed"] is None else core["seed"]
    for layer, state in zip(layers, from_first_rank(states), strict=True):
        layer.set_chip_state(state)
    # Of seeds that were taken so far, nothing more is to be said.
    _ALONE["chosen"] = False


def warn_of_own_chips() -> None:
    """Warn once where seeds were taken before the processes knew of each other."""
    if _ALONE["chosen"] and process_count() > 1:
        _ALONE["chosen"] = False
        warnings.warn(
            "analog layers without simulation.seed took seeds before init_process_group: every "
            "process may have another chip; share_chips(model) gives all of them that of process 0",
            OhmCoreWarning,
            stacklevel=3,
        )
