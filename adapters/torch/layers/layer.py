"""What all analog layers share: hardware, arrays that follow the weights, and how a call runs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from adapters.shared.per_layer import LayerParams, checked_rows, copied
from adapters.torch.runtime.computed import is_parametrized, settled, with_settled_weights
from adapters.torch.runtime.fused import keep_from_fused_kernels
from adapters.torch.runtime.state import LayerState
from adapters.torch.runtime.traces import trace
from simulator import AnalogCore, ParameterError

REDRAW = ("step", "epoch", "fixed")


class AnalogLayer(LayerState, nn.Module):
    """A layer whose products run on simulated arrays.

    Its parameters are those of the digital layer; the arrays hold a copy of them, programmed when
    the layer is built, and again by the first forward after they changed or by ``synchronize``.
    Forward goes through the arrays, backward through the weights that the arrays really hold.

    ``path`` is the name of the layer in its model, ``chip`` how many chips it has had; ``ideal``
    lets it run digitally. ``auto_synchronize``, ``redraw`` and ``clip_gradient`` are those of
    ``from_torch`` and may be set at any time.
    """

    arrays: Any
    _versions: list[int] | None
    # What the arrays were programmed from: versions, the tensors, and traces of their values.
    _programmed_from: tuple[Any, ...]
    _from: tuple[torch.Tensor, ...]
    _traces: dict[str, torch.Tensor]

    def _wire(
        self,
        params: LayerParams,
        bias_rows: Any,
        path: str = "",
        *,
        auto_synchronize: bool = True,
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
        keep_from_fused_kernels(self)

    # -- what every kind of layer says of itself -----------------------------------------------

    def reinitialize(self) -> None:
        """Build the arrays anew from ``params``: another chip of the same design.

        Raises:
            ParameterError, ModelError: parameters that no array can have.
            InputError: weights that are not finite.
        """
        raise NotImplementedError

    @torch.compiler.disable
    @with_settled_weights
    def synchronize(self) -> None:
        """Program the arrays with the present parameters, with new errors as ``redraw`` says.

        Raises:
            InputError: weights that are not finite; it names the layer, and the cells stay.
        """
        self._program()

    def _program(self) -> None:
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
        self._remember()

    def _remember(self) -> None:
        """Note the parameters as those that the arrays hold."""
        followed = self._followed()
        # Past torch's bookkeeping of attributes, which costs more than the values.
        self.__dict__.update(
            _programmed_from=_stamp(followed),
            _from=tuple(t for t in followed.values() if isinstance(t, nn.Parameter)),
            _traces={name: trace(followed[name]) for name in self._traced(followed)},
        )

    def _traced(self, followed: dict[str, torch.Tensor]) -> list[str]:
        """Those of ``followed`` that have to be told by their values.

        A change through ``.data``, as some optimizers make it, leaves no other trace; a weight that
        is computed is another tensor each time.
        """
        if not self.auto_synchronize:
            return []
        if self.training:
            return list(followed)
        return [name for name, t in followed.items() if not isinstance(t, nn.Parameter)]

    def _is_stale(self) -> bool:
        """Whether a parameter changed since the arrays were programmed.

        Changes through ``.data`` are seen in training mode, and at the first look after it.
        """
        followed = self._followed()
        if _stamp(followed) != self._programmed_from:
            return True
        return not all(torch.equal(trace(followed[n]), then) for n, then in self._traces.items())

    def _keep_in_step(self) -> None:
        """Program the arrays where their parameters changed."""
        if self._is_stale():
            self._program()
            return
        followed = self._followed()
        names = self._traced(followed)
        if len(names) != len(self._traces):
            # The mode has changed.
            self.__dict__["_traces"] = {name: trace(followed[name]) for name in names}

    def _is_replaced(self) -> bool:
        """Whether there are other parameters in the place of those that arrays were made from."""
        now = [t for t in self._followed().values() if isinstance(t, nn.Parameter)]
        return len(now) != len(self._from) or any(
            t is not then for t, then in zip(now, self._from, strict=True)
        )

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
        in_step = self._is_in_step()
        super()._apply(fn, recurse)
        self._forget()
        if in_step:
            # The same weights in another place or dtype.
            with settled(self):
                self._remember()
        return self

    def _forget(self) -> None:
        """Read the arrays anew: dtype or place of the parameters changed."""

    # -- a call ------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The forward of the digital layer on the arrays; digitally inside ``ideal(model)``."""
        if self.ideal:
            return super().forward(*args, **kwargs)
        if is_parametrized(self):
            return self._computed_once(*args, **kwargs)
        self._follow()
        return self._analog_forward(*args, **kwargs)

    @torch.compiler.disable
    def _computed_once(self, *args: Any, **kwargs: Any) -> Any:
        """A call with one look at weights that are computed at every look."""
        with parametrize.cached():
            self._follow()
            return self._analog_forward(*args, **kwargs)

    @torch.compiler.disable
    def _follow(self) -> None:
        if self.auto_synchronize:
            self._keep_in_step()
        elif self._is_replaced():
            # As by assigning a parameter, which programs it at once.
            self._program()


def _stamp(followed: dict[str, torch.Tensor]) -> tuple[Any, ...]:
    """Changes whenever a parameter does, in place or not; says nothing of a computed weight."""
    return tuple(
        (t.data_ptr(), 0 if t.is_inference() else t._version) if isinstance(t, nn.Parameter) else ()
        for t in followed.values()
    )
