"""What is fixed when a core is built.

- ``build``: from the parameter tree to frozen models; nothing later looks at the tree.
- ``current_step``: the smallest difference of column currents.
- ``hardware``: these models, and the converters of each direction.
- ``layout``: which part of a matrix lies on which tile, and the two directions through it.
- ``plan``: which stages are linear, and the route that a multiply takes because of that.
- ``values``: frozen values that keep what follows from them.
"""

from simulator.hardware.build import build_hardware, snapshots
from simulator.hardware.hardware import Hardware, Periphery
from simulator.hardware.layout import Axis, Direction, Grid, matrix_axes
from simulator.hardware.plan import Plan, Route, make_plan

__all__ = [
    "Axis", "Direction", "Grid", "Hardware", "Periphery", "Plan", "Route", "build_hardware",
    "make_plan", "matrix_axes", "snapshots",
]  # fmt: skip
