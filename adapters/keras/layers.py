"""The analog layers: each is its layer of Keras, with the same arguments and hardware besides."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from adapters.keras.layer import AnalogLayer
from adapters.keras.layouts import ConvLayout, DenseLayout, Layout

# What files call the place of these classes.
PACKAGE = "ohmcore"


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogDense(AnalogLayer, layers.Dense):
    """``keras.layers.Dense`` on arrays: inputs (..., inputs), results (..., units)."""

    def _layout(self) -> Layout:
        return DenseLayout(*map(int, self.kernel.shape))

    def _digital(self, x: Any, kernel: Any) -> Any:
        return ops.matmul(x, kernel)


class AnalogConv(AnalogLayer):
    """Convolution on arrays; every group of channels has an array of its own."""

    def _layout(self) -> Layout:
        return self._conv_layout(self.groups, depthwise=False)

    def _conv_layout(self, groups: int, depthwise: bool) -> Layout:
        return ConvLayout(
            tuple(map(int, self.kernel.shape)), tuple(self.strides), tuple(self.dilation_rate),
            groups, self.padding, self.data_format == "channels_last", depthwise,
        )  # fmt: skip

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (-1,) if self.data_format == "channels_last" else (-1, *[1] * self.rank)

    def _digital(self, x: Any, kernel: Any) -> Any:
        return self._convolved(ops.conv, x, kernel)

    def _convolved(self, convolution: Any, x: Any, kernel: Any) -> Any:
        padding = self.padding
        if padding == "causal":
            pads = [[0, 0], [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]]
            pads.insert(2 if self.data_format == "channels_last" else 1, [0, 0])
            x, padding = ops.pad(x, pads), "valid"
        return convolution(
            x, kernel, strides=tuple(self.strides), padding=padding,
            dilation_rate=self.dilation_rate, data_format=self.data_format,
        )  # fmt: skip


class AnalogDepthwiseConv(AnalogConv):
    """Depthwise convolution on arrays: every channel has an array of its own."""

    def _layout(self) -> Layout:
        return self._conv_layout(int(self.kernel.shape[-2]), depthwise=True)

    def _digital(self, x: Any, kernel: Any) -> Any:
        return self._convolved(ops.depthwise_conv, x, kernel)


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogConv1D(AnalogConv, layers.Conv1D):
    """``keras.layers.Conv1D`` on arrays."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogConv2D(AnalogConv, layers.Conv2D):
    """``keras.layers.Conv2D`` on arrays."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogConv3D(AnalogConv, layers.Conv3D):
    """``keras.layers.Conv3D`` on arrays."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogDepthwiseConv1D(AnalogDepthwiseConv, layers.DepthwiseConv1D):
    """``keras.layers.DepthwiseConv1D`` on arrays."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class AnalogDepthwiseConv2D(AnalogDepthwiseConv, layers.DepthwiseConv2D):
    """``keras.layers.DepthwiseConv2D`` on arrays."""


ANALOG: dict[type[layers.Layer], type[AnalogLayer]] = {
    layers.Dense: AnalogDense,
    layers.Conv1D: AnalogConv1D,
    layers.Conv2D: AnalogConv2D,
    layers.Conv3D: AnalogConv3D,
    layers.DepthwiseConv1D: AnalogDepthwiseConv1D,
    layers.DepthwiseConv2D: AnalogDepthwiseConv2D,
}


def base_of(layer: Any) -> type[layers.Layer] | None:
    """The class with an analog counterpart that ``layer``, digital or analog, is of, or None."""
    return next((base for base in ANALOG if isinstance(layer, base)), None)
