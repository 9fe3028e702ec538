"""What a tuned model must beat, over the same requests and candidates."""
