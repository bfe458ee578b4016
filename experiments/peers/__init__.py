"""Other ways to spread the engines' work over a node, tuned as well as we can, run in the engines' containers."""
