"""The container runtime: an engine, the images of demae, and the compose project that runs them."""
