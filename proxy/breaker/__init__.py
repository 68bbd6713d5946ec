"""When calls to Cal.com stop, for whom, and how they begin again."""
