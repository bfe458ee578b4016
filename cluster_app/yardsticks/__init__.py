"""What the engines are measured against: inference alone, a node alone, other ways to spread the same work.

Each module is a program that runs in a node's container. Its last line on stdout is "yardstick: " and its result as
JSON; messages go to stderr.
"""
