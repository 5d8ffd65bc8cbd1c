"""The configuration: from YAML to checked settings, and to the names and command lines that the rules use."""
