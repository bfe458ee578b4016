"""What a run's records say: statistics, scaling laws, where the time goes, advice. Pure; needs no Docker."""
