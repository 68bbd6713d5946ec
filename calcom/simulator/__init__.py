"""A second implementation of the Cal.com contract: a server of its own, and the oracle that knows what was true."""
