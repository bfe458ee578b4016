"""Claim S3: do faster nodes wait because execution is synchronous? Three ways of sharing, each also with a failure."""
