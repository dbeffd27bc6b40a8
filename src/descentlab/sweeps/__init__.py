"""Sweeps: from the composed configs of a command to finished records. Runs in the parent process and never imports torch."""
