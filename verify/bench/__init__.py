"""`python -m bench`: how fast, at what cost, and is it still right: every order of a run is checked."""
