"""The only package that runs Docker or any other process."""
