"""The rows of the Overview dashboard, one module per question."""
