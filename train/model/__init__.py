"""VadCLIP's and AVadCLIP's networks and losses, a file for each term of the papers."""
