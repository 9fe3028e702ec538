"""What the commands share: how one is declared, flags, printing."""
