"""Who may call Cal.com, and when: the sliding log shared by all processes."""
