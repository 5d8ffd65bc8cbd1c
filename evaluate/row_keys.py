"""What names a row of each table."""

# The columns of its reported CSV whose cells, joined by a slash, are the row's name.
ROW_KEYS = {
    "1": ("method",),
    "2": ("method",),
    "3": ("method",),
    "4": ("av_fusion", "av_prompt", "focal_loss"),
    "5": ("fusion",),
    "6": ("method",),
}
