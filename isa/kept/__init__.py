"""Machines kept between runs: what files say is read again only when it, or the tool that read it, has changed."""
