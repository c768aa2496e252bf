"""Stand-ins of the base images, from package registries, for places with no image registry."""
