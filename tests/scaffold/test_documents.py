"""docs/add-a-service.md and docs/fork.md, followed word by word in a copy of this checkout."""
