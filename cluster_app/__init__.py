"""What runs on the cluster: the task's NumPy code, the Spark job, and the builder's network."""
