"""Export of a run as a script that needs only torch: its parts' own source, specialized to the config of the run."""
