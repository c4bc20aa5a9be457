"""What a core says of its hardware."""

import numpy as np

from simulator import AnalogCore, CrossSimParameters


def test_a_core_lists_what_of_it_is_not_ideal():
    p = CrossSimParameters()
    ideal = AnalogCore(np.eye(2, 3), p)
    assert ideal.effects == {}
    assert "effects=[]" in repr(ideal)
    assert str(ideal) == "BALANCED core of shape (2, 3) on 1x1 arrays, ideal"
    error = p.xbar.device.programming_error
    error.enable, error.model, error.magnitude = True, "NormalProportionalDevice", 0.05
    core = AnalogCore(np.eye(2, 3), p)
    assert core.effects == {
        "programming error": "NormalProportionalDevice, 0.05", "on/off ratio": "10",
    }  # fmt: skip
    assert "effects=[programming error, on/off ratio]" in repr(core)
    assert "  programming error  NormalProportionalDevice, 0.05\n  on/off ratio       10" in str(
        core
    )


def test_arrays_with_parameters_of_their_own_are_all_heard():
    trees = [CrossSimParameters() for _ in range(2)]
    for bits, tree in zip((4, 6), trees):
        tree.core.rows_max = 3
        tree.xbar.device.cell_bits = bits
    core = AnalogCore(np.eye(2, 6), trees)
    assert core.effects == {"weight levels": "cells of 4 bits; cells of 6 bits"}
