"""The network, the model that both runners use, and their sharding."""
