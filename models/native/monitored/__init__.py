"""A monitor's way from trap to trap as native code: what its routines do on the virtual state, and the world switch around them."""
