"""The engine behind APIs people already know: one subpackage for each."""
