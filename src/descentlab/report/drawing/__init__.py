"""Shared machinery of the panels: figures, colours, the data to draw from, curves with bands."""
