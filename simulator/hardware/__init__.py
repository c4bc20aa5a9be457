"""What is fixed when a core is built: frozen models, the layout of tiles, and the plan."""
