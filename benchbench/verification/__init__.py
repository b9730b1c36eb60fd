"""Records against their schema, ids, data and predictions: what ``benchbench verify`` does.

Nothing that a record holds is executed: names and parameters are data, checked like those of a
command line.
"""
