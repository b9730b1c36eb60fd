"""Metrics, mappings, splits, intervals and comparisons.

Import what is needed from the modules of this package; the package itself imports nothing.
"""
