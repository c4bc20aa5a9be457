"""What is fixed when a core is programmed.

- ``chip``: all arrays of a matrix: programmed, saved and aged together.
- ``tiles``: tiles that share their parameters, and their life.
- ``programmed``: what a programming gives, one frozen value, and what follows from it.
- ``cells``: what the cells hold, and how they began.
- ``programming``: what device models do to cells: error, drift, read noise.
- ``verifying``: cells that are programmed again until they are near enough.
- ``conductances``: the matrices that products of one direction are taken with.
- ``tile_circuit``: wires and nonlinear cells of a stack of tiles.
- ``converters``: what was fixed when converters were made.
- ``drift``: later times, and gains that make up for what weights have lost.
"""
