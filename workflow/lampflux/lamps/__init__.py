"""Lamps over all their exposures: summaries, coverage, exposure plan, quality."""

from lampflux.lamps.planner import plan
from lampflux.lamps.summary import join_tables, summarise

__all__ = ["join_tables", "plan", "summarise"]
