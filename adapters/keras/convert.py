"""Converting models: which layers, with which parameters, and back."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import keras
from keras import layers

from adapters.keras.batchnorm import foldable_norms, folded
from adapters.keras.bridge import to_numpy
from adapters.keras.layer import AnalogLayer
from adapters.keras.layers import ANALOG, base_of
from adapters.shared.per_layer import (
    ModelParams,
    checked_rows,
    copied,
    params_by_layer,
    values_by_layer,
)
from adapters.shared.staying import say_what_stays, warn_of_no_arrays
from simulator import InputError, NotSupportedError, OhmCoreWarning, each_said_once

# Arguments of analog layers that digital ones do not have.
WIRING = ("params", "bias_rows", "auto_synchronize", "stream")


class Place(NamedTuple):
    """A layer of a model, its name there, and a name that does not depend on other models."""

    layer: Any
    name: str
    stream: str


def reason_to_stay(layer: Any) -> str:
    """Why a layer is not converted; empty for one that is."""
    if isinstance(layer, AnalogLayer):
        return "is analog already"
    base = base_of(layer)
    if base is None:
        return "no analog counterpart"
    if type(layer).call is not base.call:
        return f"{type(layer).__name__} computes something else than {base.__name__}"
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        return "its kernel is quantised or has a low-rank adaptation"
    return ""


def is_graph(model: Any) -> bool:
    """Whether this is a model of which Keras knows the layers and how they are connected.

    One with a call of its own computes something else than its layers say.
    """
    if not (isinstance(model, keras.Sequential) or hasattr(model, "_run_through_graph")):
        return False
    owner = next(kind for kind in type(model).__mro__ if "call" in vars(kind))
    return owner.__module__.partition(".")[0] == "keras"


def places(model: Any, nested: bool = True, prefix: str = "", stream: str = "") -> list[Place]:
    """The layers of a model in its order, each once, those of nested models in their place.

    Raises InputError for what is neither a model nor a layer.
    """
    if not isinstance(model, layers.Layer):
        raise InputError(
            f"model: got {type(model).__name__}; allowed is a model or a layer of Keras"
        )
    if not isinstance(model, keras.Model):
        return [Place(model, model.name, "")]
    found, seen, ranks = [], set(), Counter[str]()
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        own = _own_name(layer, ranks)
        if nested and is_graph(layer):
            inner = places(layer, True, f"{prefix}{layer.name}/", f"{stream}{own}/")
        else:
            inner = [Place(layer, prefix + layer.name, stream + own)]
        found += [place for place in inner if id(place.layer) not in seen]
        seen |= {id(place.layer) for place in inner}
    return found


def _own_name(layer: Any, ranks: Counter[str]) -> str:
    """The name of a layer; one that Keras gave it says how many came before in this model only.

    Keras counts on through a process, and the same model built twice would be two chips.
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
    kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    if not re.fullmatch(rf"{kind}(_\d+)?", layer.name):
        return layer.name
    ranks[kind] += 1
    return f"{kind}:{ranks[kind] - 1}"


def convertible_layers(model: Any, expand_nested: bool = False) -> list[Any]:
    """The layers that ``from_keras`` converts.

    Args:
        model: a layer or a model of Keras.
        expand_nested: count those of nested models too. Lists of parameters have an entry for each
            layer, nested ones included.

    Returns:
        The layers in the order of the model, each once.

    Raises:
        InputError: what is neither a model nor a layer.
    """
    return [p.layer for p in places(model, expand_nested) if not reason_to_stay(p.layer)]


def analog_layers(model: Any, expand_nested: bool = False) -> list[AnalogLayer]:
    """The analog layers of a model.

    Args:
        model: a layer or a model of Keras.
        expand_nested: count those of nested models too.

    Returns:
        The layers in the order of the model, each once.

    Raises:
        InputError: what is neither a model nor a layer.
    """
    return [p.layer for p in places(model, expand_nested) if isinstance(p.layer, AnalogLayer)]


def inconvertible_layers(model: Any, expand_nested: bool = False) -> list[Any]:
    """The layers that ``from_keras`` leaves digital.

    Args:
        model: a layer or a model of Keras.
        expand_nested: count those of nested models too.

    Returns:
        The layers in the order of the model, each once; inputs and nested models are none.

    Raises:
        InputError: what is neither a model nor a layer.
    """
    return [
        p.layer
        for p in places(model, expand_nested)
        if reason_to_stay(p.layer)
        and not isinstance(p.layer, AnalogLayer)
        and not is_graph(p.layer)
    ]


def all_analog_layers(model: Any) -> list[AnalogLayer]:
    """The analog layers of a model wherever they are, each once; of a layer, itself."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, AnalogLayer)]


def from_keras(
    model: Any,
    params: ModelParams,
    bias_rows: int | list[int] = 0,
    fuse_batchnorm: bool = False,
    *,
    auto_synchronize: bool = True,
    allow_digital: bool = False,
) -> Any:
    """A copy of ``model`` with the products of its layers on simulated arrays.

    The given model is never changed.

    Args:
        model: a layer, a Sequential or a Functional model; models may be nested.
        params: one CrossSimParameters; a list with one entry per convertible layer, nested ones
            included (an entry may be a list, one per array); or a dictionary from name patterns
            such as ``"block*/conv*"`` to parameters, the first that fits. Layers that no pattern
            fits stay digital. The list stays as it is.
        bias_rows: input lines for the bias, one number or one per layer; 0 adds it digitally.
        fuse_batchnorm: fold batch norms into the layer before.
        auto_synchronize: program the arrays whenever a call finds changed weights. If False, they
            keep what they hold until ``synchronize``.
        allow_digital: say nothing of layers with weights that cannot be converted, also where it is
            all of them.

    Returns:
        The analog layer or model, with inputs and outputs of the digital one; compiled like the
        given one, where that is compiled.

    Raises:
        ParameterError: a list of the wrong length, a pattern that fits no layer, an entry that is
            neither parameters nor a number of rows, or a model of which no layer can be converted.
        InputError: a model that is none.
        NotSupportedError: a model whose layers Keras does not know.
    """
    known = _known_places(model)
    _warn_of_hidden(known, lambda layer: not reason_to_stay(layer), "digital", "could be analog")
    found = [place for place in known if not reason_to_stay(place.layer)]
    if not allow_digital:
        say_what_stays(_staying(known, bool(found)), bool(found), "from_keras")
    names = [place.name for place in found]
    # Looked at here: what fails in a layer that is made from its configuration, Keras renames.
    trees = [None if t is None else copied(t) for t in params_by_layer(params, names)]
    rows = map(checked_rows, values_by_layer("bias_rows", bias_rows, len(found), "convertible"))
    norms = foldable_norms(_models(model), _is_foldable) if fuse_batchnorm else {}
    gone = {id(norm) for norm in norms.values()}
    hardware = {
        id(place.layer): {
            "params": tree, "bias_rows": count, "auto_synchronize": auto_synchronize,
            "stream": place.stream,
        }
        for place, tree, count in zip(found, trees, rows, strict=True)
        if tree is not None
    }  # fmt: skip

    def made(layer: Any) -> Any:
        if id(layer) in gone:
            # By its name: a policy as an object could not be saved.
            return layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
        wired, norm = hardware.get(id(layer)), norms.get(id(layer))
        if wired is None and norm is None:
            return _copied(layer)
        base = base_of(layer)
        config = base.get_config(layer) | (wired or {}) | ({"use_bias": True} if norm else {})
        return (ANALOG[base] if wired else base).from_config(config)

    def weights(layer: Any) -> list[Any]:
        norm = norms.get(id(layer))
        if norm is None:
            return [] if id(layer) in gone else layer.get_weights()
        bias = to_numpy(layer.bias) if layer.use_bias else None
        return folded(to_numpy(layer.kernel), bias, norm)

    with each_said_once():
        analog = _rebuilt(model, made, weights, gone)
        if fuse_batchnorm:
            _warn_of_norms(analog)
        _program(analog)
    return analog


def _staying(known: list[Place], told_of_hidden: bool) -> dict[str, str]:
    """Why layers that hold a matrix stay digital, by their names.

    Those that hide others are told of apart, where ``told_of_hidden``.
    """
    return {
        place.name: f"{type(place.layer).__name__}: {reason}"
        for place in known
        if _holds_matrix(place.layer)
        and (reason := reason_to_stay(place.layer))
        and not (told_of_hidden and any(not reason_to_stay(i) for i in _inner(place.layer)))
    }


def _inner(layer: Any) -> list[Any]:
    return list(layer._flatten_layers(include_self=False))


def _holds_matrix(layer: Any) -> bool:
    """Whether a layer has weights of a product; those of look-ups and norms are none."""
    if isinstance(layer, (layers.Embedding, layers.LayerNormalization, layers.PReLU)):
        return False
    if layer.built:
        return any(len(weight.shape) > 1 for weight in layer.weights)
    return any(hasattr(layer, f"{kind}_initializer") for kind in ("kernel", "depthwise"))


def _is_analog(layer: Any) -> bool:
    return isinstance(layer, AnalogLayer)


def _is_foldable(layer: Any) -> bool:
    return base_of(layer) is not None and not reason_to_stay(layer)


def _known_places(model: Any) -> list[Place]:
    """``places``. Raises NotSupportedError for a model of which Keras does not know the layers."""
    if isinstance(model, keras.Model) and not is_graph(model):
        raise NotSupportedError(
            f"{type(model).__name__} {model.name!r} is a subclassed model with a call of its own: "
            "Keras does not know how its layers are connected. Build it as a Sequential or "
            "Functional model, make it of analog layers such as AnalogDense(params=..., "
            "units=...), or convert each layer in its constructor: self.dense = "
            "from_keras(keras.layers.Dense(...), params)"
        )
    return places(model)


def _warn_of_hidden(
    found: list[Place], wanted: Callable[[Any], bool], kind: str, inside: str
) -> None:
    """Warn of layers that hide ``wanted`` ones, so that all of it stays of its ``kind``."""
    for place in found:
        if any(map(wanted, place.layer._flatten_layers(include_self=False))):
            warnings.warn(
                f"layer {place.name!r} ({type(place.layer).__name__}) stays {kind}, and with it "
                f"the layers inside that {inside}: only Keras's Sequential and Functional models "
                "show how their layers are connected",
                OhmCoreWarning,
                stacklevel=3,
            )


def _models(model: Any) -> list[Any]:
    """The model and those nested in it, each once; none for a layer."""
    if not is_graph(model):
        return []
    found = {id(model): model}
    for layer in model.layers:
        found.update({id(inner): inner for inner in _models(layer)})
    return list(found.values())


def _copied(layer: Any) -> Any:
    """A layer like it, without its weights. Raises NotSupportedError where Keras cannot."""
    if isinstance(layer, layers.Lambda):
        return layers.Lambda(
            layer.function, output_shape=layer._output_shape, mask=layer.mask,
            arguments=layer.arguments, name=layer.name, dtype=layer.dtype_policy,
        )  # fmt: skip
    try:
        return type(layer).from_config(layer.get_config())
    except Exception as error:
        raise NotSupportedError(
            f"layer {layer.name!r}: {type(layer).__name__} cannot be copied; give it get_config "
            f"and from_config ({error})"
        ) from error


def _rebuilt(
    model: Any,
    made: Callable[[Any], Any],
    weights: Callable[[Any], list[Any]],
    gone: Collection[int] = (),
) -> Any:
    """A copy of a model or a layer, of the layers that ``made`` returns, with ``weights``.

    A Functional model is connected past layers whose identity is in ``gone``; a Sequential has
    them as they were made.
    """
    known: dict[int, tuple[Any, Any]] = {}
    passed: set[int] = set()

    def cloned(layer: Any) -> Any:
        if id(layer) not in known:
            known[id(layer)] = (layer, new(layer))
            if id(layer) in gone:
                passed.add(id(known[id(layer)][1]))
        return known[id(layer)][1]

    def new(layer: Any) -> Any:
        if isinstance(layer, keras.Sequential):
            return keras.models.clone_model(layer, clone_function=cloned)
        if is_graph(layer):
            return keras.models.clone_model(layer, clone_function=cloned, call_function=called)
        return made(layer) if isinstance(layer, layers.Layer) else _copied(layer)

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if id(layer) in passed else layer(*args, **kwargs)

    copy = cloned(model)
    for old, made_of_it in list(known.values()):
        if not is_graph(old) and isinstance(old, layers.Layer) and old.built:
            if not made_of_it.built:
                made_of_it.build_from_config(old.get_build_config())
            if values := weights(old):
                made_of_it.set_weights(values)
    return copy


def _program(model: Any) -> None:
    """Program the layers whose weights are there."""
    # Of fifty layers whose inputs are clipped, one warning says it.
    told: set[str] = set()
    for layer in all_analog_layers(model):
        if layer.built:
            layer.tell_together(told)
            layer.synchronize()


def _warn_of_norms(model: Any) -> None:
    left = [p.name for p in places(model) if isinstance(p.layer, layers.BatchNormalization)]
    if left:
        warnings.warn(
            "batch norms that follow no dense or convolution layer without activation stay: "
            + ", ".join(left),
            RuntimeWarning,
            stacklevel=3,
        )


def to_keras(model: Any, physical_weights: bool | list[bool] = False) -> Any:
    """A digital copy of ``model``.

    Args:
        model: what ``from_keras`` returned; it stays as it is.
        physical_weights: take the weights that the arrays hold, with all errors of the cells,
            instead of the layers' own; one value, or one per analog layer, nested ones included.

    Returns:
        The layer or model with layers of Keras again.

    Raises:
        ParameterError: a list of the wrong length.
        NotSupportedError: a model whose layers Keras does not know.
    """
    known = _known_places(model)
    _warn_of_hidden(known, _is_analog, "as it is", "are analog")
    found = [place.layer for place in known if _is_analog(place.layer)]
    held = values_by_layer("physical_weights", physical_weights, len(found), "analog")
    physical = {id(layer) for layer, wanted in zip(found, held, strict=True) if wanted}

    def made(layer: Any) -> Any:
        if not isinstance(layer, AnalogLayer):
            return _copied(layer)
        config = {k: v for k, v in layer.get_config().items() if k not in WIRING}
        return base_of(layer).from_config(config)

    def weights(layer: Any) -> list[Any]:
        return layer.get_core_weights() if id(layer) in physical else layer.get_weights()

    return _rebuilt(model, made, weights)


def _layers_for(function: str, model: Any) -> list[AnalogLayer]:
    """The analog layers of a model; warns where ``function`` finds none."""
    found = all_analog_layers(model)
    if not found:
        warn_of_no_arrays(function, "from_keras")
    return found


def synchronize(model: Any) -> None:
    """Program the arrays of every analog layer with its present weights: new programming errors.

    Args:
        model: what ``from_keras`` returned.

    Raises:
        InputError: weights that are not finite; it names the layer, whose cells stay.
    """
    for layer in all_analog_layers(model):
        layer.synchronize()


def reinitialize(model: Any) -> None:
    """Build the arrays of every analog layer anew: other chips of the same design.

    Args:
        model: what ``from_keras`` returned.
    """
    for layer in _layers_for("reinitialize", model):
        layer.reinitialize()
