"""A frozen encoder with a head."""
