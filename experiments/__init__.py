"""What runs on the host: clusters, the experiment matrix, measurement, analysis and the report."""
