"""What a teacher's text must be before it is data."""
