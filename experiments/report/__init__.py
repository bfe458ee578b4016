"""Reports: one HTML file each, made from what is stored, without a network and without Docker."""
