"""Whether arrays for training run on a GPU."""

from __future__ import annotations

__all__ = ["cuda"]


class _Cuda:
    """Answers for analog training, not for PyTorch: it runs on the CPU whatever torch has."""

    def is_compiled(self) -> bool:
        """False: analog training on GPUs is not offered."""
        return False

    def is_available(self) -> bool:
        """The same, under the name that older scripts use."""
        return self.is_compiled()


cuda = _Cuda()
