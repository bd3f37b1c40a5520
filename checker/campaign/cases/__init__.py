"""What a case of a campaign is, and how a byte tape becomes one."""
