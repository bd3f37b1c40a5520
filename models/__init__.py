"""What a specification means: one intermediate form, bound to integers and to terms."""
