"""What scripts set, checked where it is assigned."""
