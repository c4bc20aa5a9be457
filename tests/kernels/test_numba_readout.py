"""Results in one pass are those stage by stage, bit for bit, whatever the setting."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import core_of, full_settings, multiply

from simulator.backend import Backend
from simulator.converters import QuantizerADC, SignMagnitudeADC
from simulator.kernels import ReferenceKernels, cpu_kernels

BACKENDS = {"array code": Backend("numpy", np, ReferenceKernels(np))}
if type(cpu_kernels()) is not ReferenceKernels:
    BACKENDS["compiled"] = Backend("numpy", np, cpu_kernels())


@contextmanager
def stage_by_stage():
    """Models that tell nothing of their levels are converted on their own."""

    def unknown(self, low, high):
        return None

    with (
        mock.patch.object(QuantizerADC, "levels", unknown),
        mock.patch.object(SignMagnitudeADC, "levels", unknown),
    ):
        yield


@pytest.mark.parametrize("kernels", BACKENDS)
@settings(max_examples=80)
@given(full_settings(), st.integers(0, 2), st.booleans())
def test_one_pass_gives_what_the_stages_give(kernels, setting, copies, single):
    """Inputs are repeated until machine code is used; sums of many parts may be in any order."""
    x = setting.x
    if copies and x.ndim == 2:
        x = np.tile(x, (300 * copies, 1) if setting.transposed else (1, 300 * copies))
    setting = setting.with_inputs(x)
    if single:
        setting = setting.astype(np.complex64 if x.dtype.kind == "c" else np.float32)
    results = []
    for stages in (True, False):
        core = core_of(setting.matrix, setting.params, backend=BACKENDS[kernels])
        if stages:
            with stage_by_stage():
                results.append(multiply(core, setting))
        else:
            results.append(multiply(core, setting))
    wanted, got = results
    assert got.dtype == wanted.dtype
    assert np.array_equal(got, wanted)
