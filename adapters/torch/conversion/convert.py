"""Converting models: which layers, with which parameters, and back."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from adapters.shared.per_layer import ModelParams, params_by_layer, values_by_layer
from adapters.shared.staying import say_what_stays
from adapters.torch.conversion.batchnorm import fuse_batchnorms
from adapters.torch.conversion.fused import switch_back, switch_off
from adapters.torch.layers.attention import AnalogMultiheadAttention
from adapters.torch.layers.conv import AnalogConv1d, AnalogConv2d, AnalogConv3d
from adapters.torch.layers.huggingface import analog_conv1d, conv1d_class
from adapters.torch.layers.inherited import with_methods_of
from adapters.torch.layers.inputs import follow_inputs
from adapters.torch.layers.layer import AnalogLayer
from adapters.torch.layers.linear import AnalogLinear
from adapters.torch.layers.models import analog_modules
from adapters.torch.layers.recurrent import (
    AnalogGRU,
    AnalogGRUCell,
    AnalogLSTM,
    AnalogLSTMCell,
    AnalogRNN,
    AnalogRNNCell,
)
from adapters.torch.layers.transposed import (
    AnalogConvTranspose1d,
    AnalogConvTranspose2d,
    AnalogConvTranspose3d,
)
from adapters.torch.runtime.computed import (
    class_before,
    computing_hooks,
    inject,
    is_computed,
    is_parametrized,
    remove,
    results,
)
from adapters.torch.runtime.fused import let_fused_kernels_run
from adapters.torch.runtime.state import COMPILED
from simulator import each_said_once

ANALOG: dict[type[nn.Module], type[AnalogLayer]] = {
    nn.Linear: AnalogLinear,
    nn.Conv1d: AnalogConv1d,
    nn.Conv2d: AnalogConv2d,
    nn.Conv3d: AnalogConv3d,
    nn.ConvTranspose1d: AnalogConvTranspose1d,
    nn.ConvTranspose2d: AnalogConvTranspose2d,
    nn.ConvTranspose3d: AnalogConvTranspose3d,
    nn.MultiheadAttention: AnalogMultiheadAttention,
    nn.RNN: AnalogRNN,
    nn.LSTM: AnalogLSTM,
    nn.GRU: AnalogGRU,
    nn.RNNCell: AnalogRNNCell,
    nn.LSTMCell: AnalogLSTMCell,
    nn.GRUCell: AnalogGRUCell,
}
# Weights and biases of layers that have other ones than "weight" and "bias".
TENSORS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.MultiheadAttention: (
        "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias",
        "out_proj.weight", "out_proj.bias",
    ),
    nn.RNNCellBase: ("weight_ih", "weight_hh", "bias_ih", "bias_hh"),
}  # fmt: skip
FOLDABLE = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
# Layers whose weights are looked up, or scale one value each.
DIGITAL_BY_NATURE = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.RMSNorm, nn.PReLU)
# Where quantised layers of torch keep their weights.
PACKED = ("_packed_params", "_all_weight_values", "_packed_weight_ih")
# Methods that compute; a subclass with one of its own computes something else.
PRODUCTS = ("forward", "_conv_forward")
# What belongs to the analog layer alone and does not go back to a digital one.
WIRING = frozenset(
    {"_params", "_bias_rows", "path", "ideal", "auto_synchronize", "redraw", "clip_gradient",
     "epoch", "chip", "arrays", "_programmed_from", "_from", "_traces", "_held", "_windows",
     "_digital_pads", "_reach", "_versions", "parts", "forward", "_loading", "_told_so_far",
     COMPILED}
)  # fmt: skip


def base_of(layer: nn.Module) -> type[nn.Module] | None:
    """The class with an analog counterpart that ``layer``, digital or analog, is of, or None."""
    return next((base for base in ANALOG if isinstance(layer, base)), None) or conv1d_class(layer)


def analog_class(base: type[nn.Module]) -> type[AnalogLayer]:
    """The analog counterpart of a class that ``base_of`` returns."""
    return ANALOG[base] if base in ANALOG else analog_conv1d(base)


def reason_to_stay(layer: nn.Module) -> str:
    """Why a layer is not converted; empty for one that is."""
    if isinstance(layer, AnalogLayer):
        return "is analog already"
    base = base_of(layer)
    if isinstance(layer, torch.jit.ScriptModule):
        return "is scripted; convert the model before torch.jit.script"
    if base is None:
        return "is quantised" if is_quantised(layer) else "no analog counterpart"
    if "forward" in layer.__dict__:
        return "its forward was replaced"
    if any(getattr(type(layer), m, None) is not getattr(base, m, None) for m in PRODUCTS):
        return f"{type(layer).__name__} computes something else than {base.__name__}"
    if type(layer).__name__ == "NonDynamicallyQuantizableLinear":
        return "its parent uses the weights directly"
    return next(filter(None, (_unfit(layer, name) for name in _tensor_names(layer))), "")


def _tensor_names(layer: nn.Module) -> tuple[str, ...]:
    """Names of the weights and biases of a layer, of which some may be None."""
    if isinstance(layer, nn.RNNBase):
        return tuple(layer._flat_weights_names)
    return next((n for kind, n in TENSORS.items() if isinstance(layer, kind)), ("weight", "bias"))


def _unfit(layer: nn.Module, name: str) -> str:
    """Why arrays could not follow a parameter of ``layer``; empty if they can."""
    place, _, leaf = name.rpartition(".")
    owner = layer.get_submodule(place)
    value = owner._parameters.get(leaf, False)
    if isinstance(value, nn.UninitializedParameter):
        return "lazy layer without weights; run the model once"
    if leaf in computing_hooks(owner) and place:
        return f"a hook computes its {name}, which runs only when {place} itself is called"
    if parametrize.is_parametrized(owner, leaf):
        # A look at the weight itself would be a step of spectral norm.
        value = next(owner.parametrizations[leaf].parameters())
    elif is_computed(owner, leaf):
        value = getattr(owner, leaf)
    elif not isinstance(value, nn.Parameter | None):
        return f"its {name} is no parameter, nor computed from one by a hook of torch (quantised?)"
    if value is None:
        return ""
    if value.is_meta:
        return f"its {name} is on the meta device, without values"
    if value.layout != torch.strided:
        return f"its {name} is sparse"
    if not value.is_floating_point():
        return f"its {name} is of {value.dtype}; arrays hold real floats"
    if type(value).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return f"its {name} is a {type(value).__name__}, no plain tensor"
    return ""


def convertible_modules(model: nn.Module) -> list[nn.Module]:
    """The layers that ``from_torch`` converts.

    Args:
        model: any module; a layer counts as a model of one layer.

    Returns:
        The layers in the order of ``model.named_modules()``, depth first, each once. Lists of
        parameters have an entry for each of them.
    """
    return [module for _, module in _named(model)]


def inconvertible_modules(model: nn.Module) -> list[nn.Module]:
    """The layers that ``from_torch`` leaves digital.

    Args:
        model: any module.

    Returns:
        The layers in the order of ``model.named_modules()``, each once; containers are none.
        ``summary`` says why each of them stays.
    """
    return [module for _, module in staying_modules(model) if reason_to_stay(module)]


def staying_modules(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Digital layers by name, depth first, each once: leaves, and all that could be analog."""
    inside = owned_modules(model)
    return [
        (name, module)
        for name, module in model.named_modules()
        if not isinstance(module, AnalogLayer) and id(module) not in inside
        and (
            base_of(module) is not None or is_quantised(module)
            or not any(True for _ in module.children())
        )
    ]  # fmt: skip


def owned_modules(model: nn.Module) -> set[int]:
    """Identities of the modules inside layers that are analog, or can be: those see to them."""
    owners = [
        m
        for m in model.modules()
        if isinstance(m, AnalogLayer) or is_quantised(m) or not reason_to_stay(m)
    ]
    return {id(m) for owner in owners for m in owner.modules() if m is not owner}


def _named(model: nn.Module) -> list[tuple[str, nn.Module]]:
    inside = owned_modules(model)
    return [
        (name, m)
        for name, m in model.named_modules()
        if not reason_to_stay(m) and id(m) not in inside
    ]


def from_torch(
    model: nn.Module,
    params: ModelParams,
    bias_rows: int | list[int] = 0,
    fuse_batchnorm: bool = False,
    *,
    auto_synchronize: bool = True,
    redraw: str = "step",
    clip_gradient: bool = False,
    allow_digital: bool = False,
) -> nn.Module:
    """A copy of ``model`` with the products of its layers on simulated arrays.

    The given model is never changed.

    Args:
        model: any module. Parameters are copied, but for a layer that is converted itself: it
            shares them with its copy.
        params: one CrossSimParameters; a list with one entry per ``convertible_modules`` (an entry
            may be a list, one per array); or a dictionary from name patterns such as
            ``"features.*"`` to parameters, the first that fits. Layers that no pattern fits stay
            digital.
        bias_rows: input lines for the bias, one number or one per layer; 0 adds it digitally.
        fuse_batchnorm: fold batch norms into the layer before; puts the copy into evaluation mode.
        auto_synchronize: program the arrays whenever a forward finds changed parameters. If False,
            they keep what they hold until ``synchronize``.
        redraw: programming errors are drawn anew at each "step", each "epoch" (see ``new_epoch``),
            or stay "fixed".
        clip_gradient: no gradient where inputs or weights are clipped by their range.
        allow_digital: say nothing of layers with weights that cannot be converted, also where it is
            all of them.

    Returns:
        The analog model; inputs and outputs are those of the digital one. Its arrays are
        programmed with the present weights.

    Raises:
        ParameterError: a list of the wrong length, a pattern that fits no layer, parameters that
            no array can have, or a model of which no layer can be converted.
        ModelError: a device, converter or circuit model that does not exist.
        InputError: weights that are not finite. All errors of one layer name it.
    """
    if not allow_digital:
        say_what_stays(staying_with_reasons(model), bool(_named(model)), "from_torch")
    single = not reason_to_stay(model)
    copied = model if single else _copy(model)
    if fuse_batchnorm and not single:
        copied = fuse_batchnorms(copied.eval(), _is_foldable)
    layers = _named(copied)
    trees = params_by_layer(params, [name for name, _ in layers])
    rows = values_by_layer("bias_rows", bias_rows, len(layers), "convertible")
    options = {
        "auto_synchronize": auto_synchronize, "redraw": redraw, "clip_gradient": clip_gradient,
    }  # fmt: skip
    analog: dict[int, nn.Module] = {}
    with each_said_once():
        for (name, layer), tree, count in zip(layers, trees, rows, strict=True):
            if tree is not None:
                analog[id(layer)] = _convert(layer, tree, count, name, options)
    made = _replaced(copied, analog)
    # Of fifty layers whose inputs are clipped, one warning says it.
    told: set[str] = set()
    for layer in analog_modules(made):
        layer.tell_together(told)
    follow_inputs(made)
    return made


def staying_with_reasons(model: nn.Module) -> dict[str, str]:
    """Why layers that hold a matrix stay digital, by their names."""
    return {
        name or type(module).__name__: f"{type(module).__name__}: {reason}"
        for name, module in staying_modules(model)
        if holds_matrix(module) and (reason := reason_to_stay(module))
    }


def holds_matrix(layer: nn.Module) -> bool:
    """Whether a layer has weights of a product; those of look-ups and norms are none."""
    if type(layer).__name__ == "NonDynamicallyQuantizableLinear":
        # Its parent speaks for it.
        return False
    if isinstance(layer, DIGITAL_BY_NATURE) or "Embedding" in type(layer).__name__:
        return False
    if base_of(layer) is not None or is_quantised(layer):
        return True
    return any(
        isinstance(p, nn.UninitializedParameter) or p.ndim > 1
        for p in layer.parameters(recurse=False)
    )


def is_quantised(layer: nn.Module) -> bool:
    """Whether torch has packed the weights of a layer, out of sight of ``parameters``."""
    return any(name in dir(layer) for name in PACKED)


def _is_foldable(layer: nn.Module) -> bool:
    """Kernels of one group of a transposed convolution have outputs on their second axis."""
    grouped = getattr(layer, "transposed", False) and layer.groups > 1
    # A norm cannot be folded into a weight that is computed.
    computed = is_parametrized(layer) or computing_hooks(layer)
    fits = isinstance(layer, FOLDABLE) and not grouped and not computed
    return fits and not reason_to_stay(layer)


def _convert(layer: nn.Module, tree: Any, rows: int, name: str, options: dict) -> AnalogLayer:
    """The analog layer over the parameters of ``layer``, programmed once from its weights."""
    base = base_of(layer)
    assert base is not None
    made = with_methods_of(class_before(layer), analog_class(base), base)
    analog = made.__new__(made)
    nn.Module.__init__(analog)
    kept = {k: copy.copy(v) for k, v in layer.__dict__.items() if k != COMPILED}
    analog.__dict__.update(kept)
    inject(analog)
    try:
        analog._wire(tree, rows, name, **options)
    except Exception as error:
        # The same error, saying which layer it is about.
        error.args = (f"layer {name or type(layer).__name__!r}: {error}", *error.args[1:])
        raise
    return analog


def _copy(model: nn.Module) -> nn.Module:
    """A deep copy; also of pruned layers, whose weight is a result and not a leaf."""
    return copy.deepcopy(model, results(model))


def _replaced(model: nn.Module, analog: dict[int, nn.Module]) -> nn.Module:
    if id(model) in analog:
        return analog[id(model)]
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            if child is not None and id(child) in analog:
                module._modules[name] = analog[id(child)]
    switch_off(model, lambda module: isinstance(module, AnalogLayer))
    return model


def to_torch(model: nn.Module, physical_weights: bool | list[bool] = False) -> nn.Module:
    """A digital copy of ``model``.

    Args:
        model: what ``from_torch`` returned; it stays as it is.
        physical_weights: take the weights that the arrays hold, with all errors of the cells,
            instead of the parameters; one value, or one per analog layer.

    Returns:
        The model with layers of torch again, in the shapes and dtypes of before.

    Raises:
        ParameterError: a list of the wrong length.
    """
    layers = analog_modules(model)
    physical = values_by_layer("physical_weights", physical_weights, len(layers), "analog")
    # One memo for all copies: parameters that layers share stay shared. The arrays are not copied,
    # because their layers are replaced before anything else is.
    memo: dict[int, Any] = results(model)
    for layer, held in zip(layers, physical, strict=True):
        memo[id(layer)] = _digital(layer, held, memo)
    digital = copy.deepcopy(model, memo)
    switch_back(digital)
    return digital


def _digital(layer: AnalogLayer, physical: bool, memo: dict[int, Any]) -> nn.Module:
    base = base_of(layer)
    assert base is not None
    made = getattr(class_before(layer), "digital_class", base)
    digital = made.__new__(made)
    nn.Module.__init__(digital)
    kept = {k: v for k, v in layer.__dict__.items() if k not in WIRING}
    digital.__dict__.update(copy.deepcopy(kept, memo))
    let_fused_kernels_run(digital)
    inject(digital)
    if physical:
        for name, values in layer.physical_parameters().items():
            place, _, leaf = name.rpartition(".")
            owner = digital.get_submodule(place)
            # The weight that cells hold is no norm times a direction, and so on.
            remove(owner, leaf)
            # Of its own: layers with one weight are chips with errors of their own.
            setattr(owner, leaf, _with_values(getattr(owner, leaf), values))
    return digital


def _with_values(like: nn.Parameter, values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().to(like.dtype).clone(), requires_grad=like.requires_grad)
