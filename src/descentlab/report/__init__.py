"""The report of sweeps: records are loaded, summarized over seeds, tabulated, and drawn on one HTML page."""
