"""Reads every certificate file of a folder by Python's cryptography, in one process, and looks at each date.

Leaf and chain are read; no signature and no name is checked, which is less than the row beside it does.
"""

import datetime
import pathlib
import sys

import cryptography
from cryptography import x509

now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
count = ended = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.pem")):
    for one in x509.load_pem_x509_certificates(path.read_bytes()):
        ended += one.not_valid_after < now
    count += 1
print(cryptography.__version__, count, ended)
