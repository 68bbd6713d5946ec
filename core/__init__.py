"""What every program shares: settings, clock, logging, connections, embedded servers."""
