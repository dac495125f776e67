"""Services that are asked, and answer."""
