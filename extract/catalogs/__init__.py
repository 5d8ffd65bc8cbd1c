"""One command a data set: its lists and annotations, as they are downloaded, become a catalog."""
