"""Changes of ideal hardware that tests of several frameworks share, by their dotted paths."""

PROGRAMMING = {"xbar.device.programming_error.enable": True,
               "xbar.device.programming_error.model": "NormalProportionalDevice",
               "xbar.device.programming_error.magnitude": 0.1}  # fmt: skip
NOISE = {"xbar.device.read_noise.enable": True,
         "xbar.device.read_noise.model": "NormalProportionalDevice",
         "xbar.device.read_noise.magnitude": 0.1}  # fmt: skip
ADC = {"xbar.adc.mvm.model": "QuantizerADC", "xbar.adc.mvm.bits": 7,
       "xbar.adc.mvm.adc_range_option": "MAX"}  # fmt: skip
