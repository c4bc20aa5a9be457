"""Arrays that learn by pulses, and what stands around them."""
