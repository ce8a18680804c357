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
    if algorithm == "RS256":
        openssl("genrsa", "-out", private, 2048)
    else:
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    public.chmod(0o600)
    return private, public


def sign(algorithm, private, data):
    if algorithm == "none":
        return b""
    if algorithm.startswith("HS"):
        return hmac.new(private.read_bytes(), data, f"sha{algorithm[2:]}").digest()
    der = openssl("dgst", f"-sha{algorithm[2:]}", "-sign", private, data=data)
    return der if algorithm.startswith("RS") else raw_signature(der)


def raw_signature(der):
    """r and s of 32 bytes each out of the ASN.1 sequence."""
    assert der[0] == 0x30
    parts, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        number = int.from_bytes(der[at + 2:at + 2 + size], "big")
        parts += number.to_bytes(32, "big")
        at += 2 + size
    return parts


def make(algorithm, private, claims, named=None):
    """A token; named: the algorithm that its head claims instead."""
    head = {"alg": named or algorithm, "typ": "JWT"}
    text = ".".join(b64(json.dumps(part).encode()) for part in (head, claims))
    return text + "." + b64(sign(algorithm, private, text.encode()))
