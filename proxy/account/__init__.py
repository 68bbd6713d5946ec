"""The account map and the index of bookings, shared by all processes: what reach is computed from."""
