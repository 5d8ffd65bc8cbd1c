"""How sure a number is: resampling of videos, weighted measures, intervals and tests."""
