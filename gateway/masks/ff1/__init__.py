"""FF1 (NIST SP 800-38G) over columns: the algorithm, alphabets, rows of characters in a buffer, keys and tweaks."""
