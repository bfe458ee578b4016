"""The Spark job: read, preprocess, predict, post-process, write. It knows tasks by their adapter only."""
