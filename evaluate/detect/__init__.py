"""Detection in videos of one's own, and what it writes."""
