"""The way of a write that may change what is bookable: checked, in turn, once, and looked for when it got lost."""
