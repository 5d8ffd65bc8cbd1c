"""What every step stands on: errors, files that appear whole, logs, the command line, the device."""
