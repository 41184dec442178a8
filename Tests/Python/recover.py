"""Recovers a backup key from a Tenpin vault: written from docs/protocol.md, on the public library `varlink`.

Usage: recover.py ADDRESS ACCOUNT, the password on standard input; the key goes to standard output in hexadecimal.
Exit codes: 0 recovered, 2 wrong password, 3 the chip refuses further guesses.

It shows the wire, and is no device to use: a real one has the chip prove what it is before anything (protocol.md, "A
device session"), compares the endorsement Name with the one it pinned, and takes the guess back afterwards.
"""

import base64
import hashlib
import hmac
import sys
import unicodedata

import nacl.bindings
import nacl.pwhash
import varlink

import p256


def lp(data):
    return len(data).to_bytes(2, "big") + data


def number(value):
    return value.to_bytes(4, "big")


def raw(text):
    return base64.b64decode(text, validate=True)


def expand(key, info, size):
    """RFC 5869 §2.3 with SHA-256."""
    output, block = b"", b""
    while len(output) < size:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), "sha256")
        output += block
    return output[:size]


def canonical(recipe):
    """The one encoding of a recipe that everything is derived from."""
    out = lp(recipe["suite"].encode()) + lp(recipe["account"].encode()) + lp(raw(recipe["enrollment"]))
    for name in ("generation", "threshold", "memory", "passes"):
        out += number(recipe[name])
    out += number(len(recipe["vaults"]))
    for vault in recipe["vaults"]:
        out += lp(raw(vault["endorsementName"])) + lp(raw(vault["parentName"])) + lp(vault["authorityHash"].encode())
        out += number(vault["slot"]) + number(vault["limit"]) + lp(raw(vault["evaluationKeyName"]))
    return out


def authority_name(scalar, algorithm):
    """The Name under which the chip sees an open key: a hash of its public area (TPM 2.0 Part 2 §12.2.4)."""
    identifier = {"sha384": 0x000C, "sha512": 0x000D}[algorithm].to_bytes(2, "big")
    x, y = p256.multiply(scalar, p256.G)
    area = bytes.fromhex("0023") + identifier + bytes.fromhex("00040040 0000 0010 0010 0003 0010")
    area += lp(x.to_bytes(32, "big")) + lp(y.to_bytes(32, "big"))
    return identifier + hashlib.new(algorithm, area).digest()


def open_key(prk, label, algorithm):
    for counter in range(256):
        scalar = int.from_bytes(expand(prk, label + bytes([counter]), 48), "big") % (p256.N - 1) + 1
        if any(authority_name(scalar, algorithm)[-8:-6]):
            return scalar
    raise ValueError("no open key")


def recover(vault, account, password):
    found = vault.LookUp(account=account)
    recipe = found["recipe"]
    if recipe["suite"] != "tenpin-1" or recipe["account"] != account or len(recipe["vaults"]) != 1:
        raise ValueError("not a recipe for this account")
    if not (65536 <= recipe["memory"] <= 1 << 20 and 3 <= recipe["passes"] <= 10):
        raise ValueError("too little or too much work")
    here = recipe["vaults"][0]
    endorsement = raw(here["endorsementName"])
    ctx = hashlib.sha256(lp(b"tenpin-1 recipe") + canonical(recipe)).digest()

    # One guess.
    scalar, blinded = p256.blind(password)
    answer = vault.Evaluate(
        account=account, enrollment=recipe["enrollment"], blinded=base64.b64encode(blinded).decode())
    output = p256.finalize(password, scalar, raw(answer["evaluated"]))
    stretched = nacl.pwhash.argon2id.kdf(
        32, output, ctx[:16], opslimit=recipe["passes"], memlimit=recipe["memory"] * 1024)
    prk = hmac.digest(bytes(32), output + stretched, "sha256")

    def label(purpose, *parts):
        return lp(b"tenpin-1") + lp(purpose) + lp(ctx) + b"".join(lp(part) for part in parts)

    # Nothing that depends on the password leaves before this holds.
    if not hmac.compare_digest(expand(prk, label(b"confirmation"), 32), raw(found["confirmation"])):
        return None

    # The open key signs the chip's nonce for exactly one command: Unseal of this bundle.
    algorithm = here["authorityHash"]
    key = open_key(prk, label(b"open", endorsement), algorithm)
    bundle_name = bytes.fromhex("000b") + hashlib.sha256(raw(found["bundle"])[2:]).digest()
    cp_hash = hashlib.sha256(bytes.fromhex("0000015e") + bundle_name).digest()
    reference = hashlib.new(algorithm, b"tenpin.open" + endorsement).digest()
    challenge = vault.Challenge(account=account, enrollment=recipe["enrollment"])
    nonce = raw(challenge["nonceTPM"])
    if len(nonce) != 32 or not any(nonce):
        raise ValueError("not a nonce to sign")
    signature = p256.sign(key, nonce + number(120) + cp_hash + reference)
    sealed = raw(
        vault.Open(
            session=challenge["session"], account=account, enrollment=recipe["enrollment"],
            nonceTPM=challenge["nonceTPM"], signature=base64.b64encode(signature).decode())["bundle"])

    bundle_key = expand(prk, label(b"bundle", endorsement), 32)
    plain = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
        sealed[24:], ctx + endorsement, sealed[:24], bundle_key)
    if len(plain) != 69 or plain[0] != 1 or plain[65:] != number(recipe["generation"]):
        raise ValueError("not a bundle of this recipe")
    return plain[1:33]


def main():
    address, account = sys.argv[1:]
    # RFC 8265 §4.2 (OpaqueString), as far as this test's passwords need it.
    password = unicodedata.normalize("NFC", sys.stdin.buffer.read().decode()).encode()
    with varlink.Client(address) as client, client.open("org.tenpin.Vault") as vault:
        try:
            key = recover(vault, account, password)
        except varlink.VarlinkError as error:
            if error.error() != "org.tenpin.Vault.LockedOut":
                raise
            sys.exit(3)
    if key is None:
        sys.exit(2)
    print(key.hex())


if __name__ == "__main__":
    main()
