"""From a digital model to an analog one and back, and other hardware under the same cells."""
