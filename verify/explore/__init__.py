"""The explorer: all services' real rules over one log, in interleavings nobody would think of, and their judge."""
