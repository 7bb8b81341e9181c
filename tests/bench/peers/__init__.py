"""Other masks, in an environment of their own: their pins clash with the gateway's."""
