"""What scripts written for CrossSim, and files of version 0.1, need.

- ``table``: old import paths, and where their names live now.
- ``devices``, ``generic``, ``composite``, ``shipped``, ``moments``, ``numbers``, ``definitions``:
  device models in the form of CrossSim.
- ``converters``, ``parameters``, ``cores``, ``networks``, ``backend``: other names of scripts.
- ``saved``: pickled cores of version 0.1.
"""
