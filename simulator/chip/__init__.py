"""What is fixed when a core is programmed: cells, and what follows from them."""
