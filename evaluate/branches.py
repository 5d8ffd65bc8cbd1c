"""What a scores file calls the anomaly score of each branch."""

BRANCHES = {"alignment": "anomaly_alignment", "classification": "anomaly"}
