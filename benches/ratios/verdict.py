"""Judges one chain again and again by Python's cryptography, in one process: certificates per second.

Every round reads leaf and intermediate from DER, as the row beside it does; the anchor is read once.
"""

import sys
import time

import cryptography
from cryptography import x509

try:
    from cryptography.x509.verification import PolicyBuilder, Store
except ImportError:
    sys.exit(f"cryptography {cryptography.__version__} has no x509.verification (42 has)")

root, intermediate, leaf, name, seconds = sys.argv[1:]


def read(path):
    with open(path, "rb") as file:
        return file.read()


store = Store([x509.load_der_x509_certificate(read(root))])
between, end = read(intermediate), read(leaf)
count = 0
start = time.perf_counter()
while time.perf_counter() - start < float(seconds):
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(name))
    chain = [x509.load_der_x509_certificate(between)]
    verifier.verify(x509.load_der_x509_certificate(end), chain)
    count += 1
print(cryptography.__version__, count / (time.perf_counter() - start))
