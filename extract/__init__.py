"""Raw videos to aligned feature shards: catalog, decoding, frozen encoders, HDF5."""

from pathlib import Path

# Catalogs are many and have a room of their own, but are called as every command is: python -m extract.xd.
__path__.append(str(Path(__file__).parent / "catalogs"))
