"""What several scripts of lampflux share."""

__version__ = "0.1.0"
