"""JSON Web Tokens as an identity provider, or a forger, would make them; keys come from openssl."""
import base64
import hmac
import json
import subprocess


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    """Bytes of text read as leniently as any library reads it; None when it is no base64."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def openssl(*args, data=None):
    return subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True,
                          check=True, timeout=30).stdout


def make_key(folder, algorithm):
    """(private key file, public key file); for HS256 both are the file of the secret."""
    private, public = folder / f"{algorithm}.key", folder / f"{algorithm}.pub"
    if algorithm == "HS256":
        private.write_bytes(b"a secret of thirty-two bytes, or more")
        private.chmod(0o600)
        return private, private
    if algorithm[:2] in ("RS", "PS"):
        openssl("genrsa", "-out", private, 2048)
    elif algorithm == "EdDSA":
        openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    else:
        curve = {"ES256": "prime256v1", "ES384": "secp384r1"}[algorithm]
        openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    public.chmod(0o600)
    return private, public


def sign(algorithm, private, data):
    if algorithm == "none":
        return b""
    if algorithm.startswith("HS"):
        return hmac.new(private.read_bytes(), data, f"sha{algorithm[2:]}").digest()
    if algorithm == "EdDSA":  # openssl signs a file only
        path = private.with_suffix(".data")
        path.write_bytes(data)
        return openssl("pkeyutl", "-sign", "-inkey", private, "-rawin", "-in", path)
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    der = openssl("dgst", f"-sha{algorithm[2:]}", "-sign", private,
                  *(pss if algorithm.startswith("PS") else []), data=data)
    return raw_signature(der, int(algorithm[2:]) // 8) if algorithm.startswith("ES") else der


def raw_signature(der, half=32):
    """r and s of half bytes each out of the ASN.1 sequence."""
    assert der[0] == 0x30
    parts, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        number = int.from_bytes(der[at + 2:at + 2 + size], "big")
        parts += number.to_bytes(half, "big")
        at += 2 + size
    return parts


def jwk(public, kid=None, **more):
    """The JSON Web Key of a PEM file, out of the end of its DER: what follows the algorithm's name."""
    der = openssl("pkey", "-pubin", "-in", public, "-outform", "DER")
    if len(der) == 44:  # Ed25519, RFC 8410
        key = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
    elif len(der) in (91, 120):  # a point of P-256 or P-384, uncompressed
        half = 32 if len(der) == 91 else 48
        key = {"kty": "EC", "crv": f"P-{8 * half}", "x": b64(der[-2 * half:-half]),
               "y": b64(der[-half:])}
    else:
        text = openssl("rsa", "-pubin", "-in", public, "-noout", "-modulus").decode()
        key = {"kty": "RSA", "n": b64(bytes.fromhex(text.strip().split("=")[1])), "e": "AQAB"}
    return {**key, **({"kid": kid} if kid else {}), **more}


def make(algorithm, private, claims, named=None, **more):
    """A token; named: the algorithm that its head claims instead; more: members of the head."""
    head = {"alg": named or algorithm, "typ": "JWT", **more}
    text = ".".join(b64(json.dumps(part).encode()) for part in (head, claims))
    return text + "." + b64(sign(algorithm, private, text.encode()))
