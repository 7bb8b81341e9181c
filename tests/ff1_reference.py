"""FF1 (NIST SP 800-38G, algorithms 7 and 8) as it stands there, one value at a time: what the masks must equal."""

from __future__ import annotations

import math

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def ff1(key: bytes, *, radix: int, tweak: bytes, digits: list[int], decrypt: bool = False) -> list[int]:
    """The numerals of the encrypted value, or of the decrypted one."""
    n = len(digits)
    u = n // 2
    v = n - u
    b = math.ceil(math.ceil(v * math.log2(radix)) / 8)
    d = 4 * math.ceil(b / 4) + 4
    header = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256])
    p = header + n.to_bytes(4, "big") + len(tweak).to_bytes(4, "big")
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    first, second = _number(digits[:u], radix), _number(digits[u:], radix)
    for i in reversed(range(10)) if decrypt else range(10):
        hashed = first if decrypt else second
        q = tweak + bytes((-len(tweak) - b - 1) % 16) + bytes([i]) + hashed.to_bytes(b, "big")
        r = bytes(16)
        for start in range(0, 16 + len(q), 16):
            r = aes.update(bytes(x ^ y for x, y in zip(r, (p + q)[start : start + 16], strict=True)))
        y = int.from_bytes(r[:d], "big")
        modulus = radix ** (v if i % 2 else u)
        if decrypt:
            first, second = (second - y) % modulus, first
        else:
            first, second = second, (first + y) % modulus
    return _numerals(first, radix, u) + _numerals(second, radix, v)


def ff1_text(key: bytes, *, alphabet: str, tweak: bytes, text: str, decrypt: bool = False) -> str:
    """The same for a text of an alphabet."""
    digits = [alphabet.index(character) for character in text]
    made = ff1(key, radix=len(alphabet), tweak=tweak, digits=digits, decrypt=decrypt)
    return "".join(alphabet[digit] for digit in made)


def _number(digits: list[int], radix: int) -> int:
    number = 0
    for digit in digits:
        number = number * radix + digit
    return number


def _numerals(number: int, radix: int, length: int) -> list[int]:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, radix)
        digits.append(digit)
    return digits[::-1]
