"""The intermediate form as calls of a builder, and what the builder makes: the text of an interpreter."""
