"""Ranks a task's requests from the scores of its inputs."""
