"""Cal.com's language: versions, paths, slots, bookings, errors, limits. Pure; no I/O."""
