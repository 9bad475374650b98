"""What every Parley service shares: events, calls, broker, database, defaults of a worker."""
