"""Long studies of how well the package does; each prints a table."""
