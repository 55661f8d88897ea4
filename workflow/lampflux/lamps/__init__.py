"""Lamps over all their exposures: summaries, coverage, exposure plan, quality, answers."""
