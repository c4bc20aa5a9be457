"""Networks: parameters of their layers, and ranges of their converters."""
