"""Outer-product update of conductances by pulse trains (place of; no model yet)."""

__all__: list[str] = []
