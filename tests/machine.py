"""What the machine that runs the tests does quickly."""

from extract.base.precision import AUTO, resolve

# For tests that need some precision and not a certain one.
QUICK = resolve(AUTO, "cpu")
