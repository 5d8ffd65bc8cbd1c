"""Pages on which people look at what was detected, beside the videos."""
