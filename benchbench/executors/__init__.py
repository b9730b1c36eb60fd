"""Where the cells of a plan run. Today: in this process, one sweep after the other."""
