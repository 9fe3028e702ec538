"""The network, the model both runners drive, and how they are sharded."""
