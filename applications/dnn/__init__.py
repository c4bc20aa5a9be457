"""Networks: parameters of their layers, and ranges of their converters."""

IF_STOPPED = "nothing was finished"
