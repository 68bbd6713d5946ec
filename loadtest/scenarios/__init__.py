"""What the product promises, shown on the real programs: scenarios with figures and gates."""
