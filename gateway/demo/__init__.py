"""An embedded bank and a journey through the gateway: a client like any other, with a real server and a real log."""
