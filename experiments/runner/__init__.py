"""Runs a plan: rounds of trials, evidence first, resumable. docs/experiments.md tells how."""
