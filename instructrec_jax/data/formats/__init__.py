"""How the bytes of raw files become columns, every bad row counted."""
