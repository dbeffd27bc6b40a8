"""Helpers that several tests share: commands in real processes, faulty models and data, fake launchers."""
