"""One multiply, from the inputs to the results."""
