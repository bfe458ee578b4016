"""The report of stored runs: figures, answer, verdicts, advice. Made from run folders alone; needs no Docker."""
