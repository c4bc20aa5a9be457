"""Changes of ideal hardware that tests of several frameworks share, by their dotted paths."""

from simulator import CrossSimParameters

PROGRAMMING = {"xbar.device.programming_error.enable": True,
               "xbar.device.programming_error.model": "NormalProportionalDevice",
               "xbar.device.programming_error.magnitude": 0.1}  # fmt: skip
NOISE = {"xbar.device.read_noise.enable": True,
         "xbar.device.read_noise.model": "NormalProportionalDevice",
         "xbar.device.read_noise.magnitude": 0.1}  # fmt: skip
ADC = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 7,
       "xbar.adc.mvm.adc_range_option": "MAX"}  # fmt: skip


def hardware(**fields):
    """Ideal hardware with a seed; ``a__b`` stands for the field a.b."""
    params = CrossSimParameters()
    params.update({name.replace("__", "."): value for name, value in fields.items()})
    params.simulation.seed = 3
    return params
