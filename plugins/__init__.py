"""First-party methods: one file a method or family, registered through the hooks that outsiders
use, importing only from ``benchbench``."""
