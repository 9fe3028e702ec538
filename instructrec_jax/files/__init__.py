"""Files and folders: locks, swaps, and texts that strangers wrote."""
