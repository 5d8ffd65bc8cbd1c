"""Feature shards to checkpoints: VadCLIP, the AVadCLIP teacher and the distilled student."""
