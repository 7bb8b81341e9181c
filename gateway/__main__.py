"""`python -m gateway` is `gateway`."""

from gateway.app import main

main()
