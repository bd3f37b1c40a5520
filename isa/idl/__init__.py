"""IDL-core: grammar, types, scopes, and lowering to typed terms and statements."""
