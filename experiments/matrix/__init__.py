"""From a preset to cells, and from cells and a host to a plan. Pure, but for reading files."""
