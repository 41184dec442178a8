"""P-256, hash-to-curve (RFC 9380), the OPRF's client (RFC 9497, base mode) and ECDSA, in plain integers.

For a test only: nothing here takes the same time for every secret.
"""

import hashlib
import hmac
import secrets

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(p, q):
    """The sum of two affine points; None is the identity."""
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(scalar, point):
    result = None
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def root(square):
    """A square root modulo P, or None."""
    value = pow(square, (P + 1) // 4, P)
    return value if value * value % P == square % P else None


def encode(point):
    """SEC 1 §2.3.3, compressed."""
    return bytes([2 | point[1] & 1]) + point[0].to_bytes(32, "big")


def decode(data):
    """SEC 1 §2.3.4, compressed, and nothing but a point of the curve."""
    x = int.from_bytes(data[1:], "big")
    if len(data) != 33 or data[0] not in (2, 3) or x >= P:
        raise ValueError("not a compressed point")
    y = root(x * x * x + A * x + B)
    if y is None:
        raise ValueError("not on the curve")
    return x, y if y & 1 == data[0] & 1 else P - y


def expand_message_xmd(message, dst, size):
    """RFC 9380 §5.3.1 with SHA-256."""
    dst += bytes([len(dst)])
    first = hashlib.sha256(bytes(64) + message + size.to_bytes(2, "big") + b"\0" + dst).digest()
    block = hashlib.sha256(first + b"\1" + dst).digest()
    blocks = block
    for counter in range(2, (size + 31) // 32 + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block))
        block = hashlib.sha256(mixed + bytes([counter]) + dst).digest()
        blocks += block
    return blocks[:size]


def map_to_curve(u):
    """RFC 9380 §6.6.2, the simplified SWU map with Z = -10 (§8.2)."""
    z = P - 10
    zuu = z * u * u % P
    denominator = (zuu * zuu + zuu) % P
    if denominator == 0:
        x = B * pow(z * A, -1, P) % P
    else:
        x = -B * pow(A, -1, P) * (1 + pow(denominator, -1, P)) % P
    y = root(x * x * x + A * x + B)
    if y is None:
        x = zuu * x % P
        y = root(x * x * x + A * x + B)
    return x, y if y & 1 == u & 1 else P - y


def hash_to_curve(message, dst):
    """RFC 9380 §3, P256_XMD:SHA-256_SSWU_RO_."""
    uniform = expand_message_xmd(message, dst, 96)
    one, two = (int.from_bytes(part, "big") % P for part in (uniform[:48], uniform[48:]))
    return add(map_to_curve(one), map_to_curve(two))


def blind(password):
    """RFC 9497 §3.3.1: the blind and the blinded element."""
    scalar = secrets.randbelow(N - 1) + 1
    element = hash_to_curve(password, b"HashToGroup-OPRFV1-\0-P256-SHA256")
    return scalar, encode(multiply(scalar, element))


def finalize(password, scalar, evaluated):
    """RFC 9497 §3.3.1."""
    element = encode(multiply(pow(scalar, -1, N), decode(evaluated)))
    parts = (len(part).to_bytes(2, "big") + part for part in (password, element))
    return hashlib.sha256(b"".join(parts) + b"Finalize").digest()


def sign(scalar, message):
    """ECDSA with SHA-256, r || s. The nonce is hedged: a MAC under the key over the message and fresh randomness."""
    digest = hashlib.sha256(message).digest()
    while True:
        seed = hmac.digest(scalar.to_bytes(32, "big"), digest + secrets.token_bytes(32), "sha512")
        nonce = int.from_bytes(seed, "big") % N
        if nonce == 0:
            continue
        r = multiply(nonce, G)[0] % N
        s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + r * scalar) % N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
