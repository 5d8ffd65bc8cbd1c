"""Features as ``.npy`` files, as other repositories read and write them."""
