"""Teachers that are language models: servers, batch files, local models."""
