"""The dispatcher as native code, on a host whose engine is native."""
