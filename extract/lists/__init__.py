"""Lists and annotation files that others publish."""
