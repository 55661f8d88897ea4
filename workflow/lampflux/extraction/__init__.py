"""Raw frames to spectra: background, lit rows, slit, cosmic rays, sums."""
