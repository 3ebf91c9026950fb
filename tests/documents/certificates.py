"""Make certificates and keys for tests, as an authority would issue them for signing documents."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def write_certificate(
    folder: Path,
    name: str = "studio",
    *,
    key=None,
    from_days: int = -1,
    until_days: int = 30,
    usage=ExtendedKeyUsageOID.EMAIL_PROTECTION,
    password: bytes | None = None,
    root_first: bool = False,
) -> tuple[Path, Path]:
    """Write `NAME.pem`, a certificate and its authority's, and `NAME.key`; return both paths."""
    authority = ec.generate_private_key(ec.SECP256R1())
    key = key or ec.generate_private_key(ec.SECP256R1())
    root = _sign(_begin("Test authority", "Test authority", authority, -60, 60), authority, True)
    begun = _begin(name, "Test authority", key, from_days, until_days)
    begun = begun.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    leaf = _sign(begun, authority, False)
    texts = [one.public_bytes(serialization.Encoding.PEM) for one in (leaf, root)]
    certificate, secret = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(reversed(texts) if root_first else texts))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption(),
        )
    )
    return certificate, secret


def _begin(name: str, issuer: str, key, from_days: int, until_days: int):
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + from_days * _DAY)
        .not_valid_after(now + until_days * _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _sign(builder, authority, is_authority: bool):
    uses = {"key_cert_sign", "crl_sign"} if is_authority else {"digital_signature"}
    usage = x509.KeyUsage(**{use: use in uses for use in _USES})
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .sign(authority, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test studio"),
        ]
    )
