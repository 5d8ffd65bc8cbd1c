"""The generated demo data set: small videos with sound and known events."""
