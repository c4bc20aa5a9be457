"""What all analog layers share: hardware, arrays that follow the weights, and how a call runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from adapters.shared.per_layer import LayerParams, checked_rows, copied
from adapters.torch.runtime.state import LayerState
from simulator import AnalogCore, ParameterError

REDRAW = ("step", "epoch", "fixed")


class AnalogLayer(LayerState, nn.Module):
    """A layer whose products run on simulated arrays.

    Its parameters are those of the digital layer; the arrays hold a copy of them, programmed when
    the layer is built and again by ``synchronize``. Forward goes through the arrays, backward
    through the weights that the arrays really hold.

    ``path`` is the name of the layer in its model, ``chip`` how many chips it has had; ``ideal``
    lets it run digitally. ``auto_synchronize``, ``redraw`` and ``clip_gradient`` are those of
    ``from_torch`` and may be set at any time.
    """

    arrays: Any
    _versions: list[int] | None

    def _wire(
        self,
        params: LayerParams,
        bias_rows: Any,
        path: str = "",
        *,
        auto_synchronize: bool = False,
        redraw: str = "step",
        clip_gradient: bool = False,
    ) -> None:
        """Build and program the arrays of a layer whose weights are in place."""
        bias_rows = self._checked_rows(bias_rows)
        if redraw not in REDRAW:
            raise ParameterError(f"redraw: got {redraw!r}; allowed is one of {REDRAW}")
        self.__dict__["_params"] = copied(params)
        self.__dict__["_bias_rows"] = bias_rows
        self.path, self.ideal = path, False
        self.auto_synchronize, self.redraw, self.clip_gradient = (
            auto_synchronize, redraw, clip_gradient,
        )  # fmt: skip
        self.epoch, self.chip = 1, 0
        self.reinitialize()

    # -- what every kind of layer says of itself -----------------------------------------------

    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: another chip of the same design.

        Raises:
            ParameterError, ModelError: parameters that no array can have.
            InputError: weights that are not finite.
        """
        raise NotImplementedError

    def synchronize(self) -> None:
        """Program the arrays with the present parameters, with new errors as ``redraw`` says.

        Raises:
            InputError: weights that are not finite; it names the layer, and the cells stay.
        """
        raise NotImplementedError

    def form_matrix(self) -> Any:
        """What the arrays are programmed with: the present parameters as a matrix.

        Returns:
            (outputs, inputs + bias rows), float32 or float64, in units of the weights; of a layer
            of several parts, one for each.
        """
        raise NotImplementedError

    def get_matrix(self) -> Any:
        """What the arrays hold, with all errors of the cells but without read noise and wires.

        Returns:
            In shape and units as ``form_matrix``.
        """
        raise NotImplementedError

    def physical_parameters(self) -> dict[str, torch.Tensor]:
        """The parameters that the arrays hold, with all errors of the cells.

        Returns:
            Tensors in the shapes of the digital layer, by their names in it.
        """
        raise NotImplementedError

    def _followed(self) -> dict[str, torch.Tensor]:
        """The parameters that the arrays are programmed from, by name."""
        raise NotImplementedError

    def _analog_forward(self, *args: Any, **kwargs: Any) -> Any:
        """The forward of the digital layer, with its products on the arrays."""
        raise NotImplementedError

    # -- parameters --------------------------------------------------------------------------

    @property
    def params(self) -> LayerParams:
        """The hardware of this layer; assigning builds new arrays."""
        return self._params

    @params.setter
    def params(self, params: LayerParams) -> None:
        self._replace("_params", copied(params))

    @property
    def bias_rows(self) -> Any:
        """Input lines that carry the bias; 0 adds it digitally. Assigning builds new arrays."""
        return self._bias_rows

    @bias_rows.setter
    def bias_rows(self, rows: Any) -> None:
        self._replace("_bias_rows", self._checked_rows(rows))

    def _checked_rows(self, rows: Any) -> Any:
        return checked_rows(rows)

    def _replace(self, name: str, value: Any) -> None:
        before = self.__dict__[name]
        self.__dict__[name] = value
        try:
            self.reinitialize()
        except Exception:
            self.__dict__[name] = before
            raise

    @property
    def core(self) -> AnalogCore:
        """The array of the layer; the first, where there are several."""
        return self.arrays[0]

    @property
    def analog_bias(self) -> bool:
        """True where the arrays hold the bias."""
        raise NotImplementedError

    @property
    def _told(self) -> set[str]:
        """What was said of values that ranges take, by all layers that share this set."""
        return self.__dict__.setdefault("_told_so_far", set())

    def tell_together(self, told: set[str]) -> None:
        """Say of lost values only what no layer has said that shares ``told``."""
        self.__dict__["_told_so_far"] = told
        for core in self.arrays:
            core.watch.told = told

    # -- programming -------------------------------------------------------------------------

    def set_time(self, time: float) -> None:
        """Look at the cells at a time since programming; they keep what they drew then.

        Args:
            time: in the unit of the drift model, >= 0.

        Raises:
            ParameterError: a time that is no finite number >= 0.
            ModelError: a model that says nothing about this time.
        """
        for core in self.arrays:
            core.time = time

    @property
    def _draw(self) -> int | None:
        """Which programming errors are drawn: new ones each step or epoch, or always the same."""
        return {"step": None, "epoch": self.epoch, "fixed": 1}[self.redraw]

    def _mark(self) -> None:
        """The arrays now hold the parameters as they are."""
        # Past torch's bookkeeping of attributes, which costs more than the values.
        self.__dict__.update(
            _programmed_from=self._stamp(),
            _copy=self._values() if self.auto_synchronize else None,
        )

    def _values(self) -> list[torch.Tensor]:
        return [t.detach().clone() for t in self._followed().values()]

    def _is_stale(self) -> bool:
        """Whether a parameter changed since the arrays were programmed, however it was done."""
        if self._stamp() != self._programmed_from or self._copy is None:
            return True
        # A change through ``.data`` leaves no trace but the values.
        held = self._followed().values()
        return not all(torch.equal(now, then) for now, then in zip(held, self._copy, strict=True))

    def _stamp(self) -> tuple[Any, ...]:
        """Changes whenever a parameter does, in place or not."""
        held = self._followed().values()
        return tuple((t.data_ptr(), 0 if t.is_inference() else t._version) for t in held)

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            name not in self.__dict__.get("_parameters", ())
            or "_programmed_from" not in self.__dict__
        ):
            super().__setattr__(name, value)
            return
        before = self._parameters.get(name)
        if before is not None and value is not None and value.shape != before.shape:
            raise ParameterError(
                f"layer {self.path!r}: {name} of shape {tuple(value.shape)}; "
                f"allowed is {tuple(before.shape)}"
            )
        super().__setattr__(name, value)
        try:
            self.synchronize()
        except Exception:
            super().__setattr__(name, before)
            raise

    def _apply(self, fn: Any, recurse: bool = True) -> AnalogLayer:
        super()._apply(fn, recurse)
        self._forget()
        return self

    def _forget(self) -> None:
        """Read the arrays anew: dtype or place of the parameters changed."""

    # -- a call ------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The forward of the digital layer on the arrays; digitally inside ``ideal(model)``."""
        if self.ideal:
            return super().forward(*args, **kwargs)
        if self.auto_synchronize and self._is_stale():
            self.synchronize()
        return self._analog_forward(*args, **kwargs)
