"""Studies: claims of papers, checked on the records of runs."""
