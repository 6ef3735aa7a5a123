//! The rows: one oddity each, what the three say of it, and the reason where they differ.

use crate::{Row, row};

pub const ROWS: &[Row] = &[
    row("plain", &[], [true, true, true], ""),
    row(
        "leaf SKI critical",
        &[("leaf", "subjectKeyIdentifier", "critical,hash")],
        [false, false, true],
        "GnuTLS knows the extension and does not mind that it is critical (RFC 5280 §4.2.1.2)",
    ),
    row(
        "ca SKI critical",
        &[("ca", "subjectKeyIdentifier", "critical,hash")],
        [false, false, true],
        "GnuTLS knows the extension and does not mind that it is critical (RFC 5280 §4.2.1.2)",
    ),
    row(
        "leaf no AKI none",
        &[("leaf", "authorityKeyIdentifier", "none")],
        [false, false, true],
        "GnuTLS builds the path by names and signatures, and asks for no key identifier (RFC 5280 §4.2.1.1)",
    ),
    row(
        "ca no AKI",
        &[("ca", "authorityKeyIdentifier", "none")],
        [false, false, true],
        "GnuTLS builds the path by names and signatures, and asks for no key identifier (RFC 5280 §4.2.1.1)",
    ),
    row(
        "leaf no EKU",
        &[("leaf", "extendedKeyUsage", "")],
        [true, true, true],
        "",
    ),
    row(
        "leaf EKU client only",
        &[("leaf", "extendedKeyUsage", "clientAuth")],
        [false, false, false],
        "",
    ),
    row(
        "leaf EKU any",
        &[("leaf", "extendedKeyUsage", "anyExtendedKeyUsage")],
        [false, false, true],
        "GnuTLS takes anyExtendedKeyUsage for every purpose; OpenSSL, webpki, Go and NSS do not",
    ),
    row(
        "leaf EKU any+server",
        &[("leaf", "extendedKeyUsage", "serverAuth,anyExtendedKeyUsage")],
        [true, true, true],
        "",
    ),
    row(
        "leaf EKU empty",
        &[
            ("leaf", "extendedKeyUsage", ""),
            ("leaf", "2.5.29.37", "DER:3000"),
        ],
        [false, false, true],
        "GnuTLS takes an empty list for none; RFC 5280 §4.2.1.12 wants one purpose at least",
    ),
    row(
        "ca EKU client only",
        &[("ca", "extendedKeyUsage", "clientAuth")],
        [false, false, false],
        "",
    ),
    row(
        "leaf KU certsign",
        &[("leaf", "keyUsage", "critical,digitalSignature,keyCertSign")],
        [false, false, true],
        "GnuTLS does not hold keyUsage against basicConstraints (RFC 5280 §4.2.1.3)",
    ),
    row(
        "leaf KU absent",
        &[("leaf", "keyUsage", "")],
        [true, true, true],
        "",
    ),
    row(
        "leaf KU empty",
        &[
            ("leaf", "keyUsage", ""),
            ("leaf", "2.5.29.15", "critical,DER:030100"),
        ],
        [false, false, true],
        "GnuTLS takes an empty keyUsage for none (RFC 5280 §4.2.1.3 wants a bit)",
    ),
    row(
        "ca KU no certsign",
        &[("ca", "keyUsage", "critical,cRLSign")],
        [false, false, false],
        "",
    ),
    row(
        "ca KU absent",
        &[("ca", "keyUsage", "")],
        [false, false, true],
        "GnuTLS takes an absent keyUsage of a CA for any (RFC 5280 §4.2.1.3 wants it there)",
    ),
    row(
        "ca no BC",
        &[("ca", "basicConstraints", "")],
        [false, false, false],
        "",
    ),
    row(
        "ca BC false",
        &[("ca", "basicConstraints", "critical,CA:FALSE")],
        [false, false, false],
        "",
    ),
    row(
        "ca BC not critical",
        &[("ca", "basicConstraints", "CA:TRUE")],
        [false, false, true],
        "GnuTLS does not mind basicConstraints that are not critical (RFC 5280 §4.2.1.9)",
    ),
    row(
        "root BC missing",
        &[("root", "basicConstraints", "")],
        [false, false, true],
        "GnuTLS lets a root that was configured do without basicConstraints",
    ),
    row(
        "root BC not critical",
        &[("root", "basicConstraints", "CA:TRUE")],
        [false, false, true],
        "GnuTLS does not mind basicConstraints that are not critical (RFC 5280 §4.2.1.9)",
    ),
    row(
        "root BC false",
        &[("root", "basicConstraints", "critical,CA:FALSE")],
        [false, false, false],
        "",
    ),
    row(
        "root pathlen 0",
        &[("root", "basicConstraints", "critical,CA:TRUE,pathlen:0")],
        [false, false, false],
        "",
    ),
    row(
        "leaf BC pathlen w/o CA",
        &[("leaf", "basicConstraints", "critical,CA:FALSE,pathlen:0")],
        [false, false, true],
        "GnuTLS does not mind a path length in a leaf (RFC 5280 §4.2.1.9)",
    ),
    row(
        "leaf BC false",
        &[("leaf", "basicConstraints", "critical,CA:FALSE")],
        [true, true, true],
        "",
    ),
    row(
        "leaf BC true",
        &[("leaf", "basicConstraints", "critical,CA:TRUE")],
        [true, true, true],
        "",
    ),
    row(
        "leaf serial 0",
        &[("leaf", "serial", "0")],
        [false, true, true],
        "neither OpenSSL nor GnuTLS asks for the bounds of a serial number (RFC 5280 §4.1.2.2)",
    ),
    row(
        "leaf serial negative",
        &[("leaf", "serial", "-5")],
        [false, true, true],
        "neither OpenSSL nor GnuTLS asks for the bounds of a serial number (RFC 5280 §4.1.2.2)",
    ),
    row(
        "leaf serial 21 bytes",
        &[(
            "leaf",
            "serial",
            "0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
        )],
        [false, true, true],
        "neither OpenSSL nor GnuTLS asks for the bounds of a serial number (RFC 5280 §4.1.2.2)",
    ),
    row(
        "leaf serial 20 bytes high bit",
        &[(
            "leaf",
            "serial",
            "0xffffffffffffffffffffffffffffffffffffffff",
        )],
        [false, true, true],
        "neither OpenSSL nor GnuTLS asks for the bounds of a serial number (RFC 5280 §4.1.2.2)",
    ),
    row(
        "root serial 0",
        &[("root", "serial", "0")],
        [true, true, true],
        "",
    ),
    row(
        "ca serial 0",
        &[("ca", "serial", "0")],
        [false, true, true],
        "neither OpenSSL nor GnuTLS asks for the bounds of a serial number (RFC 5280 §4.1.2.2)",
    ),
    row(
        "leaf empty subject san not critical",
        &[("leaf", "subject", "/")],
        [false, false, true],
        "GnuTLS does not mind (RFC 5280 §4.1.2.6)",
    ),
    row(
        "leaf empty subject san critical",
        &[
            ("leaf", "subject", "/"),
            ("leaf", "subjectAltName", "critical,DNS:edge.example.com"),
        ],
        [true, true, true],
        "",
    ),
    row(
        "ca empty subject",
        &[("ca", "subject", "/")],
        [false, false, false],
        "",
    ),
    row(
        "unknown critical leaf",
        &[("leaf", "1.2.3.4", "critical,DER:0500")],
        [false, false, false],
        "",
    ),
    row(
        "unknown critical ca",
        &[("ca", "1.2.3.4", "critical,DER:0500")],
        [false, false, false],
        "",
    ),
    row(
        "unknown critical root",
        &[("root", "1.2.3.4", "critical,DER:0500")],
        [false, false, false],
        "",
    ),
    row(
        "unknown noncritical",
        &[("leaf", "1.2.3.4", "DER:0500")],
        [true, true, true],
        "",
    ),
    row(
        "AIA critical",
        &[(
            "leaf",
            "authorityInfoAccess",
            "critical,caIssuers;URI:http://a.example/a.cer",
        )],
        [false, false, true],
        "GnuTLS knows the extension and does not mind that it is critical (RFC 5280 §4.2.2.1)",
    ),
    row(
        "AIA malformed",
        &[("leaf", "1.3.6.1.5.5.7.1.1", "DER:0c096d616c666f726d6564")],
        [false, true, true],
        "neither parses the extension when it verifies; a strict reader has to (RFC 5280 §4.2.2.1)",
    ),
    row(
        "AIA sound",
        &[(
            "leaf",
            "authorityInfoAccess",
            "caIssuers;URI:http://a.example/a.cer",
        )],
        [true, true, true],
        "",
    ),
    row(
        "no SAN",
        &[("leaf", "subjectAltName", "")],
        [false, true, true],
        "both fall back to the common name, which RFC 9525 §1.2 no longer does",
    ),
    row(
        "SAN empty",
        &[
            ("leaf", "subjectAltName", ""),
            ("leaf", "2.5.29.17", "DER:3000"),
        ],
        [false, false, true],
        "GnuTLS falls back to the common name; the extension has to hold a name (RFC 5280 §4.2.1.6)",
    ),
    row(
        "SAN malformed",
        &[
            ("leaf", "subjectAltName", ""),
            ("leaf", "2.5.29.17", "DER:0c03616263"),
        ],
        [false, false, false],
        "",
    ),
    row(
        "SAN wildcard",
        &[(
            "leaf",
            "subjectAltName",
            "DNS:*.example.com,DNS:edge.example.com",
        )],
        [true, true, true],
        "",
    ),
    row(
        "SAN partial wildcard",
        &[(
            "leaf",
            "subjectAltName",
            "DNS:ed*.example.com,DNS:edge.example.com",
        )],
        [false, true, true],
        "both pass over the odd entry and match the other; RFC 9525 §6.3 lets a wildcard be a whole label only",
    ),
    row(
        "nc dns sound",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;DNS:example.com",
        )],
        [true, true, true],
        "",
    ),
    row(
        "nc dns self",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;DNS:edge.example.com",
        )],
        [true, true, true],
        "",
    ),
    row(
        "nc dns other",
        &[("ca", "nameConstraints", "critical,permitted;DNS:other.com")],
        [false, false, false],
        "",
    ),
    row(
        "nc dns excl",
        &[("ca", "nameConstraints", "critical,excluded;DNS:example.com")],
        [false, false, false],
        "",
    ),
    row(
        "nc dns excl other",
        &[("ca", "nameConstraints", "critical,excluded;DNS:other.com")],
        [true, true, true],
        "",
    ),
    row(
        "nc dns leading period",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;DNS:.example.com",
        )],
        [false, true, true],
        "both take a leading period, as Microsoft writes it; RFC 5280 §4.2.1.10 has none for DNS names",
    ),
    row(
        "nc dns wildcard",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;DNS:*.example.com",
        )],
        [false, false, false],
        "",
    ),
    row(
        "nc email only",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;email:example.org",
        )],
        [true, true, true],
        "",
    ),
    row(
        "nc ip only",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;IP:10.0.0.0/255.0.0.0",
        )],
        [true, true, true],
        "",
    ),
    row(
        "nc bad mask",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;IP:10.0.0.0/255.0.255.0",
        )],
        [false, true, false],
        "OpenSSL looks at a mask only when there is an address; RFC 4632 wants its ones in a row",
    ),
    row(
        "nc uri",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;URI:example.com",
        )],
        [true, true, true],
        "",
    ),
    row(
        "nc dn mismatch",
        &[
            ("ca", "nameConstraints", "critical,permitted;dirName:dn"),
            ("ca", "[dn]", "[dn]\nCN=someone else\n"),
        ],
        [false, false, true],
        "GnuTLS does not weigh constraints on directory names",
    ),
    row(
        "nc othername",
        &[(
            "ca",
            "nameConstraints",
            "critical,permitted;otherName:1.2.3;UTF8:x",
        )],
        [true, true, false],
        "GnuTLS refuses every critical constraint that it does not know; RFC 5280 §4.2.1.10 only where a name of the form stands below",
    ),
    row(
        "nc rid",
        &[("ca", "nameConstraints", "critical,permitted;RID:1.2.3")],
        [true, true, false],
        "GnuTLS refuses every critical constraint that it does not know; RFC 5280 §4.2.1.10 only where a name of the form stands below",
    ),
    row(
        "nc dn match",
        &[
            ("ca", "nameConstraints", "critical,permitted;dirName:dn"),
            ("ca", "[dn]", "[dn]\nO=Acme\n"),
            ("leaf", "subject", "/O=ACME/CN=edge.example.com"),
        ],
        [true, true, true],
        "",
    ),
    row(
        "nc excl dn match",
        &[
            ("ca", "nameConstraints", "critical,excluded;dirName:dn"),
            ("ca", "[dn]", "[dn]\nO=Acme\n"),
            ("leaf", "subject", "/O=Acme/CN=edge.example.com"),
        ],
        [false, false, false],
        "",
    ),
    row(
        "nc not critical",
        &[("ca", "nameConstraints", "permitted;DNS:example.com")],
        [false, true, true],
        "neither minds, as the Baseline Requirements allow it; RFC 5280 §4.2.1.10 wants it critical",
    ),
    row(
        "nc root",
        &[(
            "root",
            "nameConstraints",
            "critical,permitted;DNS:other.com",
        )],
        [false, false, false],
        "",
    ),
    row(
        "nc both null",
        &[("ca", "2.5.29.30", "critical,DER:3000")],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.10 wants one of the two lists",
    ),
    row(
        "nc both empty",
        &[("ca", "2.5.29.30", "critical,DER:3004a000a100")],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.10 wants one subtree at least in a list",
    ),
    row(
        "nc leaf",
        &[("leaf", "nameConstraints", "permitted;DNS:example.com")],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.10 has them in CA certificates only",
    ),
    row(
        "nc leaf critical",
        &[(
            "leaf",
            "nameConstraints",
            "critical,permitted;DNS:example.com",
        )],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.10 has them in CA certificates only",
    ),
    row(
        "nc ca san outside root",
        &[
            (
                "root",
                "nameConstraints",
                "critical,permitted;DNS:example.com",
            ),
            ("ca", "subjectAltName", "DNS:evil.org"),
        ],
        [false, false, true],
        "GnuTLS weighs the names of the leaf alone",
    ),
    row(
        "nc ip excluded match",
        &[
            (
                "ca",
                "nameConstraints",
                "critical,excluded;IP:10.0.0.0/255.0.0.0",
            ),
            ("leaf", "subjectAltName", "DNS:edge.example.com,IP:10.1.2.3"),
        ],
        [false, false, false],
        "",
    ),
    row(
        "nc email mismatch",
        &[
            (
                "ca",
                "nameConstraints",
                "critical,permitted;email:example.org",
            ),
            (
                "leaf",
                "subjectAltName",
                "DNS:edge.example.com,email:a@b.example",
            ),
        ],
        [false, false, false],
        "",
    ),
    row(
        "nc email match",
        &[
            (
                "ca",
                "nameConstraints",
                "critical,permitted;email:b.example",
            ),
            (
                "leaf",
                "subjectAltName",
                "DNS:edge.example.com,email:a@b.example",
            ),
        ],
        [true, true, true],
        "",
    ),
    row(
        "nc uri match",
        &[
            ("ca", "nameConstraints", "critical,permitted;URI:b.example"),
            (
                "leaf",
                "subjectAltName",
                "DNS:edge.example.com,URI:https://b.example/x",
            ),
        ],
        [true, true, true],
        "",
    ),
    row(
        "nc uri sip",
        &[
            ("ca", "nameConstraints", "critical,permitted;URI:b.example"),
            (
                "leaf",
                "subjectAltName",
                "DNS:edge.example.com,URI:sip:b.example",
            ),
        ],
        [false, false, true],
        "GnuTLS weighs no constraint on URIs without authority; RFC 5280 §4.2.1.10 wants such refused",
    ),
    row(
        "nc othername there",
        &[
            (
                "ca",
                "nameConstraints",
                "critical,excluded;otherName:1.2.3;UTF8:x",
            ),
            (
                "leaf",
                "subjectAltName",
                "DNS:edge.example.com,otherName:1.2.3;UTF8:x",
            ),
        ],
        [false, false, false],
        "",
    ),
    row(
        "pc not critical",
        &[("ca", "policyConstraints", "requireExplicitPolicy:3")],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.11 wants it critical",
    ),
    row(
        "pc explicit no policy",
        &[(
            "ca",
            "policyConstraints",
            "critical,requireExplicitPolicy:0",
        )],
        [false, false, false],
        "",
    ),
    row(
        "pc explicit policies",
        &[
            (
                "ca",
                "policyConstraints",
                "critical,requireExplicitPolicy:0",
            ),
            ("ca", "certificatePolicies", "1.2.3"),
            ("leaf", "certificatePolicies", "1.2.3"),
        ],
        [true, true, false],
        "GnuTLS does not know policyConstraints, and they are critical",
    ),
    row(
        "inhibitAny not critical",
        &[("ca", "inhibitAnyPolicy", "0")],
        [false, true, true],
        "neither minds; RFC 5280 §4.2.1.14 wants it critical",
    ),
    row(
        "policies twice",
        &[("leaf", "certificatePolicies", "1.2.3,1.2.3")],
        [false, false, true],
        "GnuTLS does not mind; RFC 5280 §4.2.1.4 wants each once",
    ),
];
