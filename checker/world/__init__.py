"""What a monitor's world switch rests on: the machine's own way into the monitor and back, as copies of bits."""
