"""What is to be done: exposures, config, tables, and what is wrong with them."""
