"""Wavelengths of a spectrum: search, matching, fit and verdict."""

from lampflux.wavelengths.identification import Identification, identify
from lampflux.wavelengths.lines import Lines, line_list

__all__ = ["Identification", "Lines", "identify", "line_list"]
