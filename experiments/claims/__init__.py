"""The claims ledger: what the paper claims, and what this project's measurements say to each claim, by rule."""
