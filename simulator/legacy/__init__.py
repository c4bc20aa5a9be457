"""Base classes that notebooks written for CrossSim derive their own models from."""
