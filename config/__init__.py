"""The configuration: its text, its keys, and what it names outside itself."""
