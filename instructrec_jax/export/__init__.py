"""Instructions as JSON, for trainers without SeqIO."""
