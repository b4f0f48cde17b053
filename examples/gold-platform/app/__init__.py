"""Gold prices by day and currency."""
