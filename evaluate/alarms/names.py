"""What alarms may be given by, as command lines name it."""

from evaluate.branches import BRANCHES

# The surer branch of each snippet, as `evaluate.detect` alarms.
EITHER = "either"
SCORES = (*BRANCHES, EITHER)
