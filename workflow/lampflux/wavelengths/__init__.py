"""Wavelengths of a spectrum: search, matching, fit and verdict."""
