"""The analog layers, and what they are made of."""
