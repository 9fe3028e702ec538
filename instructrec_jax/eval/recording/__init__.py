"""What an evaluation leaves behind, written by SeqIO's evaluator."""
