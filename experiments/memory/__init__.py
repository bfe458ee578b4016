"""What a job takes of its cluster's memory: checked before it starts, and where the limits really are."""
