"""`make bench`: the performance figures, a module a group. docs/benchmarks.md tells how they are made."""
