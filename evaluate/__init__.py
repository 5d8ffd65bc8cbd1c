"""Checkpoints and shards to scores, scores to metrics, metrics to the paper's tables."""
