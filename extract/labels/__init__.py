"""Label sets: the classes of a data set, built in or one's own."""
