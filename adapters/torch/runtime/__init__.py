"""Where layers meet torch: tensors, random numbers of calls, processes, and what is saved."""
