"""The gateway: the only way from a browser to a notebook's socket. It asks who comes at every request."""
