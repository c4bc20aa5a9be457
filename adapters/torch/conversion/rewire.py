"""Other converters on the same chip: parameters change, cells stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from adapters.shared.per_layer import copied
from adapters.torch.layers.layer import AnalogLayer
from simulator import CrossSimParameters

Change = Callable[[CrossSimParameters], None]


def rewire(layer: AnalogLayer, params: Any, state: dict[str, Any] | None = None) -> None:
    """Give a layer other parameters and leave its chip: cells, their errors, random state.

    Arrays are built from ``params``, which may differ in whatever does not touch what cells hold,
    such as converters, their ranges and what is recorded; then they continue from ``state``, that
    of the present arrays if None. If this fails, the layer stays.

    Raises ParameterError, ModelError for parameters that no array can have, and InputError for
    those with which conductances would mean other weights.
    """
    layer.set_chip_state(layer.get_chip_state() if state is None else state, params=copied(params))


def changed(params: Any, change: Change) -> Any:
    """A copy of the parameters of a layer, one tree or lists of them, with ``change`` made."""
    if isinstance(params, (list, tuple)):
        return [changed(tree, change) for tree in params]
    tree = params.copy()
    change(tree)
    return tree


@contextmanager
def lent(layers: list[AnalogLayer]) -> Iterator[dict[AnalogLayer, Any]]:
    """Inside, layers may be rewired and run; afterwards every chip is where it was before.

    Yields a dictionary: a layer that is put into it has these parameters afterwards, the others
    have their own again. After an error all have.
    """
    for layer in layers:
        if layer.auto_synchronize and not layer._is_in_step():
            layer.synchronize()
    before = [(layer, layer.params, layer.get_chip_state()) for layer in layers]
    wanted: dict[AnalogLayer, Any] = {}
    try:
        yield wanted
        for layer, params, state in before:
            _settle(layer, wanted.get(layer, params), state)
    except BaseException:
        for layer, params, state in before:
            _settle(layer, params, state)
        raise


def _settle(layer: AnalogLayer, params: Any, state: dict[str, Any]) -> None:
    if layer.params is params:
        layer.set_chip_state(state)
    else:
        rewire(layer, params, state)
