"""Rows that carry another input's result: the experiment of docs/wrong-rows.md."""
