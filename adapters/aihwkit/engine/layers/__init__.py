"""Torch modules with their matrices on tiles."""
