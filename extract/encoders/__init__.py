"""The frozen encoders, what they take, and where their weights come from."""
