"""How fast the engine is on this machine: ``python -m benchmarks.run``.

`works` lists what is timed, `timing` how, and `run` measures and writes the tables.
"""
