"""Traces of values, by which a layer sees that its weights changed."""

from __future__ import annotations

import math

import torch

# Words of 8 bytes up to which a trace is a copy.
COPIED = 4096


def trace(values: torch.Tensor) -> torch.Tensor:
    """What tells a tensor from one of other values: a copy, or sums over its bits.

    Sums are taken along both axes of a square, so that values that change places are seen too.

    Args:
        values: any tensor.

    Returns:
        A tensor of at most 2 sqrt(n) + 4096 entries; two of them are compared bit for bit.
    """
    values = values.detach()
    if values.layout != torch.strided:
        return values.clone()
    words, rest = _words(values)
    if len(words) <= COPIED:
        return torch.cat([words, rest])
    side = math.isqrt(len(words))
    square = words[: side * side].view(side, side)
    # The sides of a square leave 2 sqrt(n) words at most.
    return torch.cat([square.sum(0), square.sum(1), words[side * side :], rest])


def _words(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The bits of a tensor in words of 8 bytes, and the bytes that are left."""
    flat = values.contiguous().reshape(-1)
    if flat.storage_offset() * flat.element_size() % 8:
        flat = flat.clone()
    flat = flat.view(torch.uint8)
    cut = len(flat) // 8 * 8
    return flat[:cut].view(torch.int64), flat[cut:].to(torch.int64)
