"""Other authors' methods, trained here on the same features: one module a method."""
