"""What an API is, as data: metrics, endpoints, limits, rules, and the names of figures."""
