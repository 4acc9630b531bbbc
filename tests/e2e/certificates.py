"""Certificates for servers under test, made by the openssl program."""

import os
import subprocess


def self_signed(directory, name="server") -> tuple:
    """Paths of a new certificate for localhost and 127.0.0.1, and of its key. Clients trust it by
    taking it for an authority."""
    certificate = os.path.join(directory, name + ".pem")
    key = os.path.join(directory, name + ".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
         certificate], check=True, capture_output=True, timeout=60)
    return certificate, key
