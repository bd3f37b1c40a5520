"""Every way an instruction ends, by mode, and the condition for it."""
