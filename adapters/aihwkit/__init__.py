"""Training on resistive arrays behind the names of aihwkit, for scripts written for it."""
