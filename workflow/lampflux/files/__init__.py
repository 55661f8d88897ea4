"""Files: raw frames, products, tables."""
