"""engagement_nb."""
