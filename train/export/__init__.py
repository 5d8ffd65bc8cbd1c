"""Checkpoints and encoders in a form that other runtimes read."""
