"""What the names of aihwkit do here; the modules that mirror its tree only import from this folder.

- ``configuration``: what scripts set: devices, products, updates, mapping. Each field is declared
  once, those of devices in `simulator.update`; ``build`` makes whole configurations from words.
- ``tiles``: one array that learns: ``crossbar`` (engine cores and a pulsed array), ``periphery``
  (noise and bound management), ``tile`` (weights, bias, state; several arrays for a large matrix).
- ``layers``: torch modules on tiles, and the conversion of a model.
- ``optimizers``: steps that pulse tiles and train everything else as torch does.
- ``names``: what aihwkit has and this adapter has not, and what an import of it is told.
"""
