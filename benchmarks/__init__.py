"""Programs that measure the pipeline's speed; each prints a table and writes JSON."""
