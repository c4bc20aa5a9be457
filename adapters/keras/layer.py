"""What all analog layers share: hardware, arrays that follow the weights, how a call runs."""

from __future__ import annotations

import enum
import json
from typing import Any

import keras
import numpy as np
from keras import ops

from adapters.keras import bridge
from adapters.keras.chip import Chip
from adapters.keras.layouts import Layout
from adapters.keras.saved import SavedArrays
from adapters.shared.per_layer import LayerParams, checked_rows, copied
from adapters.shared.profiles import Seen
from simulator import AnalogCore, CrossSimParameters, InputError, ParameterError


class AnalogLayer(keras.layers.Layer):
    """A layer whose products run on simulated arrays; mixed into a layer of Keras.

    Arrays are programmed when they are first needed, and again when the weights have changed since.
    Forward goes through the arrays, backward through the weights that the arrays really hold.

    Args:
        args, kwargs: those of Keras's layer.
        params: the hardware; one tree, or a list with one for each array.
        bias_rows: input lines that hold the bias; 0 adds it digitally.
        auto_synchronize: False programs the arrays only by ``synchronize``, ``set_weights`` and
            loading.
        stream: names the random numbers of the arrays; None takes the name of the layer.

    Raises:
        ParameterError: no parameters, or a number of rows that is none.
        NotSupportedError: a backend of Keras that cannot run arrays in NumPy.
    """

    _chip: Chip | None = None

    def __init__(
        self,
        *args: Any,
        params: LayerParams | None = None,
        bias_rows: int = 0,
        auto_synchronize: bool = True,
        stream: str | None = None,
        **kwargs: Any,
    ) -> None:
        bridge.require_backend()
        tree, rows = copied(params), checked_rows(bias_rows)
        super().__init__(*args, **kwargs)
        self._hardware = _Hardware(tree, rows)
        self.auto_synchronize = bool(auto_synchronize)
        self.stream = self.name if stream is None else stream
        self.saved_arrays = SavedArrays(self._saved_arrays, self._load_arrays)
        # Arrays run in NumPy, which compilers do not see; jax, which could call it, then waits for
        # ever where it has no thread left.
        self.supports_jit = False

    # -- what every kind of layer says of itself -----------------------------------------------

    def _layout(self) -> Layout:
        """How the kernel of a built layer lies on arrays."""
        raise NotImplementedError

    def _digital(self, x: Any, kernel: Any) -> Any:
        """The product of the digital layer, without bias and activation."""
        raise NotImplementedError

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        """The shape in which a bias is added to products."""
        return (-1,)

    # -- parameters --------------------------------------------------------------------------

    @property
    def params(self) -> LayerParams:
        """The hardware of this layer; assigning builds new arrays."""
        return self._hardware.params

    @params.setter
    def params(self, params: LayerParams) -> None:
        self._rewire(_Hardware(copied(params), self.bias_rows))

    @property
    def bias_rows(self) -> int:
        """Input lines that carry the bias; 0 adds it digitally. Assigning builds new arrays."""
        return self._hardware.bias_rows

    @bias_rows.setter
    def bias_rows(self, rows: int) -> None:
        self._rewire(_Hardware(self.params, checked_rows(rows)))

    def _rewire(self, hardware: _Hardware) -> None:
        before, chip = self._hardware, self._chip
        self._hardware = hardware
        if chip is None:
            return
        try:
            self._chip = self._new_chip()
            self._chip.count = chip.count
            self.reinitialize()
        except Exception:
            self._hardware, self._chip = before, chip
            raise

    @property
    def analog_bias(self) -> bool:
        """True where the arrays hold the bias."""
        return self.bias_rows > 0 and bool(self.use_bias)

    # -- arrays ------------------------------------------------------------------------------

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """A weight that is never rounded for a call: arrays are programmed from its full value."""
        return super().add_weight(*args, **{**kwargs, "autocast": False})

    def build(self, input_shape: Any) -> None:
        """Make the weights; arrays follow when they are needed."""
        super().build(input_shape)
        self.built = True
        self._chip = self._new_chip()

    def _new_chip(self) -> Chip:
        return Chip(
            self._layout(), self.params, self.bias_rows if self.analog_bias else 0, self.name,
            self.stream,
        )  # fmt: skip

    def tell_together(self, told: set[str]) -> None:
        """Say of lost values only what no layer has said that shares ``told``."""
        self._built_chip().told = told

    def _built_chip(self) -> Chip:
        if self._chip is None:
            raise InputError(
                f"layer {self.name!r} has no arrays yet; build it, or call it once, so that its "
                "inputs are known"
            )
        self._chip.auto_synchronize = self.auto_synchronize
        return self._chip

    def _values(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Kernel and bias as they are."""
        bias = bridge.to_numpy(self.bias) if self.use_bias else None
        return bridge.to_numpy(self.kernel), bias

    def _ready_chip(self) -> Chip:
        """The arrays, programmed with the present weights."""
        chip = self._built_chip()
        chip.keep_up(*self._values())
        return chip

    @property
    def arrays(self) -> list[AnalogCore]:
        """One array for each group of outputs. Raises InputError before the layer is built."""
        return self._ready_chip().arrays

    @property
    def core(self) -> AnalogCore:
        """The array of the layer; the first, where there are several."""
        return self.arrays[0]

    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: another chip of the same design.

        Raises:
            InputError: a layer that is not built yet, or weights that are not finite.
            ParameterError, ModelError: parameters that no array can have.
        """
        self._built_chip().build(*self._values())

    def synchronize(self) -> None:
        """Program the arrays with the present weights: new programming errors.

        Raises:
            InputError: a layer that is not built yet, or weights that are not finite; the cells
                then stay.
        """
        self._built_chip().synchronize(*self._values())

    def form_matrix(self) -> np.ndarray:
        """What the arrays are programmed with: the present weights as a matrix.

        Returns:
            (outputs, inputs of one group + bias rows), float32 or float64, in units of the weights.
        """
        return self._built_chip().matrix(*self._values())

    def get_matrix(self) -> np.ndarray:
        """What the arrays hold, with all errors of the cells but without read noise and wires.

        Returns:
            In shape and units as ``form_matrix``.
        """
        return self._ready_chip().get_matrix()

    def get_core_weights(self) -> list[np.ndarray]:
        """The weights that the arrays hold, with all errors of the cells.

        Returns:
            As ``get_weights()``: kernel, and bias where there is one. A digital bias has no errors.
        """
        kernel, bias = self._ready_chip().physical()
        if not self.use_bias:
            return [kernel]
        return [kernel, np.array(self._values()[1]) if bias is None else bias]

    @property
    def seen_inputs(self) -> Seen | None:
        """Recorded inputs; None where ``profile_xbar_inputs`` is not set."""
        return None if self._chip is None else self._chip.seen

    # -- a call ------------------------------------------------------------------------------

    def call(self, inputs: Any) -> Any:
        """The call of the digital layer, with its product on the arrays."""
        y = self._product(ops.convert_to_tensor(inputs))
        if self.use_bias and not self.analog_bias:
            y = ops.add(y, ops.cast(ops.reshape(self.bias, self._bias_shape), y.dtype))
        return y if self.activation is None else self.activation(y)

    def _product(self, x: Any) -> Any:
        """Products with the arrays, an analog bias included, in the dtype of the layer."""
        given = keras.backend.standardize_dtype(x.dtype)
        if "complex" in given:
            raise InputError(f"layer {self.name!r}: input of {given}; allowed are real numbers")
        dtype = "float32" if self.compute_dtype in bridge.HALVES else self.compute_dtype
        x = ops.cast(x, dtype)
        if bridge.is_outline(x):
            y = self._digital_product(x, self._weights())
        else:
            y = self._analog_product(x)
        return ops.cast(y, self.compute_dtype)

    def _analog_product(self, x: Any) -> Any:
        chip, weights = self._built_chip(), self._weights()
        needs_gradient = bridge.may_need_gradient([x, *weights])
        if bridge.is_concrete([x, *weights]):
            chip.keep_up(*map(bridge.to_numpy, weights))
            if _is_below(x, chip.linear_reach):
                return self._linear_product(chip, x, weights, needs_gradient)
            y = ops.convert_to_tensor(chip.multiply(bridge.to_numpy(x)))
            held = chip.held()[0] if needs_gradient else None
        else:
            y, held = self._product_in_graph(x, weights)
        if not needs_gradient:
            return y
        kernel, *bias = weights
        digital = self._digital_product(x, [_standing_in(kernel, held), *bias])
        # Takes off exactly nothing, and has the gradient of the product with the held weights.
        return ops.subtract(y, ops.subtract(ops.stop_gradient(digital), digital))

    def _product_in_graph(self, x: Any, weights: list[Any]) -> list[Any]:
        """Products and held kernel, computed whenever the graph runs."""

        def run(x: np.ndarray, *weights: np.ndarray) -> list[np.ndarray]:
            # The arrays of now: a graph outlives those it was made with.
            chip = self._built_chip()
            if len(weights) != (2 if chip.bias_rows else 1):
                raise InputError(
                    f"layer {self.name!r}: bias_rows has changed; compile the model again"
                )
            chip.keep_up(*weights)
            return [chip.multiply(x), np.ascontiguousarray(chip.held()[0], x.dtype)]

        dtype = keras.backend.standardize_dtype(x.dtype)
        specs = [(self.compute_output_shape(x.shape), dtype), (weights[0].shape, dtype)]
        return bridge.in_numpy(run, [x, *weights], specs)

    def _linear_product(self, chip: Chip, x: Any, weights: list[Any], needs_gradient: bool) -> Any:
        """The product as the backend takes it, with what the arrays hold for weights."""
        if chip.seen is not None:
            chip.watch(bridge.to_numpy(x))
        held = [values for values in chip.held() if values is not None]
        if needs_gradient:
            held = [_standing_in(w, h) for w, h in zip(weights, held, strict=True)]
        return self._digital_product(x, held)

    def _weights(self) -> list[Any]:
        """The weights on the arrays as tensors: kernel and, on bias lines, bias."""
        followed = [self.kernel, self.bias] if self.analog_bias else [self.kernel]
        return [ops.convert_to_tensor(weight) for weight in followed]

    def _digital_product(self, x: Any, weights: list[Any]) -> Any:
        """The digital product with other weights, and their bias where arrays hold it."""
        kernel, *bias = (ops.cast(ops.convert_to_tensor(w), x.dtype) for w in weights)
        y = self._digital(x, kernel)
        return ops.add(y, ops.reshape(bias[0], self._bias_shape)) if bias else y

    # -- weights and files -------------------------------------------------------------------

    def set_weights(self, weights: Any) -> None:
        """Set kernel and bias, and program them."""
        super().set_weights(weights)
        self._weights_came()

    def load_own_variables(self, store: Any) -> None:
        """Load kernel and bias, and program them."""
        super().load_own_variables(store)
        self._weights_came()

    def _weights_came(self) -> None:
        if self._chip is not None and self._chip.is_programmed:
            self.synchronize()

    def _saved_arrays(self) -> np.ndarray | None:
        return None if self._chip is None else self._chip.saved(*self._values())

    def _load_arrays(self, data: np.ndarray) -> None:
        if self._chip is not None:
            self._chip.load(data, *self._values())
            self._hardware = _Hardware(self._chip.params, self.bias_rows)

    def load_assets(self, inner_path: str) -> None:
        """Continue with the chip that an earlier version saved beside the weights.

        Raises:
            InputError: a file of other arrays.
        """
        if self._chip is not None and inner_path:
            self._chip.load_file(inner_path, *self._values())

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; ``params`` as the text of a JSON file, or a list of it."""
        trees = self.params if isinstance(self.params, list) else [self.params]
        texts = [_as_text(tree) for tree in trees]
        return {
            **super().get_config(),
            "params": texts if isinstance(self.params, list) else texts[0],
            "bias_rows": self.bias_rows,
            "auto_synchronize": self.auto_synchronize,
            "stream": self.stream,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AnalogLayer:
        """A layer from ``get_config``."""
        params = config["params"]
        trees = [_from_text(p) for p in params] if isinstance(params, list) else _from_text(params)
        return super().from_config({**config, "params": trees})


def _is_below(x: Any, reach: float) -> bool:
    """Whether all magnitudes are smaller than ``reach``; False for NaN and infinity."""
    if 0 in x.shape:
        return True
    return reach > 0 and bool(ops.max(ops.abs(x)) < reach)


def _standing_in(weight: Any, held: Any) -> Any:
    """``held``, with the gradient going to the weight that it was programmed from."""
    held = ops.convert_to_tensor(held)
    weight = ops.cast(weight, held.dtype)
    # Adds exactly nothing.
    return ops.add(ops.subtract(weight, ops.stop_gradient(weight)), held)


class _Hardware:
    """Parameters and bias rows, out of sight of Keras, which would follow a list."""

    def __init__(self, params: Any, bias_rows: int) -> None:
        self.params, self.bias_rows = params, bias_rows


def _as_text(tree: CrossSimParameters) -> str:
    """The tree as JSON, choices as numbers, as in a file of ``to_json``."""
    return json.dumps(tree.as_dict(), default=_plain)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value.tolist()


def _from_text(text: Any) -> CrossSimParameters:
    if isinstance(text, CrossSimParameters):
        return text
    try:
        values = json.loads(text)
        return CrossSimParameters(**values)
    except (TypeError, json.JSONDecodeError) as error:
        raise ParameterError(
            f"params of a saved layer: got {type(text).__name__}; allowed is the text of a JSON "
            f"object ({error})"
        ) from None
