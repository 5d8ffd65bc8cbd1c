"""Encoders of features that others published, by the names that shards have for them."""

# What a shard says of their weights, precision and preprocessing, which no file tells.
RELEASED = "released"
I3D_1024 = "i3d-rgb-1024"
I3D_2048 = "i3d-r50-2048"
C3D = "c3d-4096"
VGGISH = "vggish-128"
