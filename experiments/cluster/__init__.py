"""Clusters of ours: up, ready, calibrated, limited, used, down."""
