"""Statistics over seeds: means with intervals, the ranking of series, mean curves."""
