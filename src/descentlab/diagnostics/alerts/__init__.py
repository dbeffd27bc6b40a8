"""Rules that report why training fails, each with the overrides that fix it. One rule is one file."""
