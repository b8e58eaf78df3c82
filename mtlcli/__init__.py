"""``mtl``: from single-task vision networks to one better multi-task network."""

__version__ = "0.1.0"
