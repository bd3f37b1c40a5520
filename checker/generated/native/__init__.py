"""Native code evaluated on terms: what the lowering writes for a back end does what the specification says."""
