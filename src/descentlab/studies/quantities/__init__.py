"""Quantities that studies compare: numbers computed from curves, from grids of runs, or from theory. One quantity is one file.

All are pure functions of numbers and arrays and import no torch. A quantity that the results do not define, such as the rate at
a minimum when every run diverged, is None; arguments that are not valid raise a ValueError.
"""
