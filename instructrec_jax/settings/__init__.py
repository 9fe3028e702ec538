"""What a run can be told: every setting, its type, and checks of values."""
