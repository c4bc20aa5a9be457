"""What several adapters need, in array terms that know no framework."""
