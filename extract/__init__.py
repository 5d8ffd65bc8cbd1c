"""Raw videos to aligned feature shards: catalog, decoding, frozen encoders, HDF5."""
