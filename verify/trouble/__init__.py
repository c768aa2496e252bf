"""`python -m trouble`: what a broken provider and unreadable events do to the orders that they do not concern."""
