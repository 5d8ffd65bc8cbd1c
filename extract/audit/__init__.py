"""Finds out why features of the same videos differ."""
