"""Live detection: cameras and other sources that never end, scored as they come."""
