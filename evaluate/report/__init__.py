"""What the report shows: drawings and pages."""
