"""Lamps over all their exposures: summaries, coverage, exposure plan, quality, answers."""

from lampflux.lamps.measurements import join_tables
from lampflux.lamps.planner import plan
from lampflux.lamps.summary import summarise

__all__ = ["join_tables", "plan", "summarise"]
