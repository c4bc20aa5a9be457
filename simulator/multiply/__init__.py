"""One multiply, from the inputs through DAC, array and ADC to the result. START HERE.

::

    x -> range, DAC, digits -> volts -> array -> amps -> [merge] -> ADC -> codes -> [merge] -> y
    W -> range, digits, signed cells -> levels -> program -> G ---^ read noise

Axes are fixed once. Currents have the shape

    (phase, output part, input part, slice, side, output, *rest)

with phases the digits of the input, slices the digits of the weight, sides the cells of a pair,
parts the tiles of a large matrix, and rest the vectors: (batch,) for a matrix product. Merging an
axis leaves it with length 1. Voltages are in units of the full-scale read voltage, conductances of
Gmax, currents of the product of both.

- ``multiplier``: a product with the whole matrix; numbers its vectors, adds the parts of all tiles
- ``path``: one direction of a stack of tiles: drive, route, read out
- ``drive``: inputs to voltages: range, DAC, digits
- ``routes``: voltages to currents, in the way that the plan names
- ``products``: the linear product, an argument of the multiply
- ``limit``: the largest current of a line, for vectors that can reach it
- ``currents``: the axes, and how they merge before the converter
- ``variances``: noise of inputs whose squares leave the range of floats
- ``readout``: currents to results: noise, ADC, shift and add, offset, scale
- ``lookout``, ``loss``: what ranges take from values, looked at now and then, and told once
- ``recorder``: what converters see, in bounded memory

What is fixed before lies in `simulator.hardware` (when a core is built) and `simulator.chip` (when
it is programmed).
"""
