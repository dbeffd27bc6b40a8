"""Measurement of quantities on the records of a study's runs."""
