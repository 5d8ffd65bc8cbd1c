"""Media files of strangers: decoded in worker processes, on one time axis."""
