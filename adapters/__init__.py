"""The engine behind APIs people already know: one subpackage for each."""

# With it come the paths that modules of this package had before.
import simulator as simulator
