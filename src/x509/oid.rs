//! Object identifiers with their sources.
//!
//! Those that the room reads, writes or names; nothing else of the product knows an object identifier.

use der::oid::ObjectIdentifier;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $dotted:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($dotted);)*
    };
}

oids! {
    // subject attributes, X.520
    /// commonName.
    COMMON_NAME = "2.5.4.3";
    /// countryName.
    COUNTRY = "2.5.4.6";
    /// localityName.
    LOCALITY = "2.5.4.7";
    /// stateOrProvinceName.
    STATE = "2.5.4.8";
    /// organizationName.
    ORGANIZATION = "2.5.4.10";
    /// organizationalUnitName.
    ORGANIZATIONAL_UNIT = "2.5.4.11";

    /// emailAddress, PKCS#9.
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

    // extensions, RFC 5280 §4.2
    /// subjectKeyIdentifier.
    SUBJECT_KEY_ID = "2.5.29.14";
    /// keyUsage.
    KEY_USAGE = "2.5.29.15";
    /// subjectAltName.
    SUBJECT_ALT_NAME = "2.5.29.17";
    /// basicConstraints.
    BASIC_CONSTRAINTS = "2.5.29.19";
    /// nameConstraints.
    NAME_CONSTRAINTS = "2.5.29.30";
    /// certificatePolicies, RFC 5280 §4.2.1.4.
    CERTIFICATE_POLICIES = "2.5.29.32";
    /// policyMappings, RFC 5280 §4.2.1.5.
    POLICY_MAPPINGS = "2.5.29.33";
    /// policyConstraints, RFC 5280 §4.2.1.11.
    POLICY_CONSTRAINTS = "2.5.29.36";
    /// inhibitAnyPolicy, RFC 5280 §4.2.1.14.
    INHIBIT_ANY_POLICY = "2.5.29.54";
    /// freshestCRL, RFC 5280 §4.2.1.15.
    FRESHEST_CRL = "2.5.29.46";
    /// subjectDirectoryAttributes, RFC 5280 §4.2.1.8.
    SUBJECT_DIRECTORY_ATTRIBUTES = "2.5.29.9";
    /// subjectInfoAccess, RFC 5280 §4.2.2.2.
    SUBJECT_INFO_ACCESS = "1.3.6.1.5.5.7.1.11";
    /// tlsFeature, RFC 7633 §6.
    TLS_FEATURE = "1.3.6.1.5.5.7.1.24";
    /// authorityKeyIdentifier.
    AUTHORITY_KEY_ID = "2.5.29.35";
    /// extKeyUsage.
    EXT_KEY_USAGE = "2.5.29.37";
    /// authorityInfoAccess.
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";
    /// caIssuers, an access method of authorityInfoAccess.
    CA_ISSUERS = "1.3.6.1.5.5.7.48.2";

    // key purposes
    /// id-kp-serverAuth, RFC 5280 §4.2.1.12.
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    /// id-kp-clientAuth, RFC 5280 §4.2.1.12.
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    /// id-kp-sipDomain, RFC 5924 §4.
    SIP_DOMAIN = "1.3.6.1.5.5.7.3.20";
    /// anyExtendedKeyUsage, RFC 5280 §4.2.1.12.
    ANY_PURPOSE = "2.5.29.37.0";

    // otherName forms
    /// id-on-xmppAddr, RFC 6120 §13.7.1.4.
    XMPP_ADDR = "1.3.6.1.5.5.7.8.5";
    /// id-on-dnsSRV, RFC 4985 §2.
    DNS_SRV = "1.3.6.1.5.5.7.8.7";

    // requests
    /// extensionRequest, RFC 2985 §5.4.2.
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
    /// Microsoft's own attribute for the same thing, MS-WCCE §2.2.2.7.7.4.
    MS_CERT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14";
    /// Certificate template by name, MS-WCCE §2.2.2.7.7.1.
    MS_TEMPLATE_NAME = "1.3.6.1.4.1.311.20.2";
    /// Certificate template by identifier and version, MS-WCCE §2.2.2.7.7.2.
    MS_TEMPLATE_ID = "1.3.6.1.4.1.311.21.7";

    // containers, RFC 5652 and RFC 7292
    /// id-data.
    PKCS7_DATA = "1.2.840.113549.1.7.1";
    /// id-signedData.
    PKCS7_SIGNED_DATA = "1.2.840.113549.1.7.2";
    /// id-encryptedData.
    PKCS7_ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
    /// keyBag.
    KEY_BAG = "1.2.840.113549.1.12.10.1.1";
    /// pkcs8ShroudedKeyBag.
    SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
    /// certBag.
    CERT_BAG = "1.2.840.113549.1.12.10.1.3";
    /// crlBag.
    CRL_BAG = "1.2.840.113549.1.12.10.1.4";
    /// safeContentsBag.
    SAFE_CONTENTS_BAG = "1.2.840.113549.1.12.10.1.6";
    /// x509Certificate, the one kind of a certBag that is used.
    X509_CERTIFICATE_BAG = "1.2.840.113549.1.9.22.1";
    /// x509CRL.
    X509_CRL_BAG = "1.2.840.113549.1.9.23.1";
    /// friendlyName, RFC 2985 §5.5.1.
    FRIENDLY_NAME = "1.2.840.113549.1.9.20";
    /// localKeyId, RFC 2985 §5.5.2.
    LOCAL_KEY_ID = "1.2.840.113549.1.9.21";
    /// pbeWithSHAAnd3-KeyTripleDES-CBC.
    PBE_SHA1_3DES = "1.2.840.113549.1.12.1.3";
    /// pbeWithSHAAnd40BitRC2-CBC.
    PBE_SHA1_RC2_40 = "1.2.840.113549.1.12.1.6";
    /// PBMAC1, RFC 9579.
    PBMAC1 = "1.2.840.113549.1.5.14";
    /// SHA-1.
    SHA1 = "1.3.14.3.2.26";
    /// SHA-224.
    SHA224 = "2.16.840.1.101.3.4.2.4";
    /// hmacWithSHA1, RFC 8018 appendix B.1.
    HMAC_SHA1 = "1.2.840.113549.2.7";
    /// hmacWithSHA256.
    HMAC_SHA256 = "1.2.840.113549.2.9";
    /// hmacWithSHA384.
    HMAC_SHA384 = "1.2.840.113549.2.10";
    /// hmacWithSHA512.
    HMAC_SHA512 = "1.2.840.113549.2.11";

    // public keys, RFC 3279, RFC 5480, RFC 8410
    /// rsaEncryption.
    RSA = "1.2.840.113549.1.1.1";
    /// id-RSASSA-PSS, a key type and a signature algorithm, RFC 4055.
    RSA_PSS = "1.2.840.113549.1.1.10";
    /// id-ecPublicKey.
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    /// P-256.
    P256 = "1.2.840.10045.3.1.7";
    /// P-384.
    P384 = "1.3.132.0.34";
    /// P-521.
    P521 = "1.3.132.0.35";
    /// Ed25519, a key type and a signature algorithm.
    ED25519 = "1.3.101.112";

    // signatures, RFC 3279, RFC 4055, RFC 5758
    /// md5WithRSAEncryption.
    MD5_RSA = "1.2.840.113549.1.1.4";
    /// sha1WithRSAEncryption.
    SHA1_RSA = "1.2.840.113549.1.1.5";
    /// sha256WithRSAEncryption.
    SHA256_RSA = "1.2.840.113549.1.1.11";
    /// sha384WithRSAEncryption.
    SHA384_RSA = "1.2.840.113549.1.1.12";
    /// sha512WithRSAEncryption.
    SHA512_RSA = "1.2.840.113549.1.1.13";
    /// sha1WithRSASignature, the older name of the OIW.
    SHA1_RSA_OIW = "1.3.14.3.2.29";
    /// ecdsa-with-SHA1.
    SHA1_ECDSA = "1.2.840.10045.4.1";
    /// ecdsa-with-SHA256.
    SHA256_ECDSA = "1.2.840.10045.4.3.2";
    /// ecdsa-with-SHA384.
    SHA384_ECDSA = "1.2.840.10045.4.3.3";
    /// ecdsa-with-SHA512.
    SHA512_ECDSA = "1.2.840.10045.4.3.4";
    /// dsa-with-sha1.
    SHA1_DSA = "1.2.840.10040.4.3";

    // hashes, RFC 5754
    /// SHA-256.
    SHA256 = "2.16.840.1.101.3.4.2.1";
    /// SHA-384.
    SHA384 = "2.16.840.1.101.3.4.2.2";
    /// SHA-512.
    SHA512 = "2.16.840.1.101.3.4.2.3";

    // password-based encryption, RFC 8018
    /// PBES2.
    PBES2 = "1.2.840.113549.1.5.13";
    /// PBKDF2.
    PBKDF2 = "1.2.840.113549.1.5.12";
    /// scrypt, RFC 7914 §7.
    SCRYPT = "1.3.6.1.4.1.11591.4.11";
}

/// Extensions that path validation here understands, so that they may be critical.
const UNDERSTOOD: [&str; 12] = [
    "2.5.29.14", // subjectKeyIdentifier
    "2.5.29.15", // keyUsage
    "2.5.29.17", // subjectAltName
    "2.5.29.19", // basicConstraints
    "2.5.29.30", // nameConstraints
    "2.5.29.31", // cRLDistributionPoints
    "2.5.29.32", // certificatePolicies
    "2.5.29.33", // policyMappings
    "2.5.29.35", // authorityKeyIdentifier
    "2.5.29.36", // policyConstraints
    "2.5.29.37", // extKeyUsage
    "2.5.29.54", // inhibitAnyPolicy
];

/// Whether an extension is understood when it is critical (RFC 5280 §4.2: else the certificate is to be rejected).
pub(crate) fn is_understood(extension: &str) -> bool {
    UNDERSTOOD.contains(&extension)
}

/// The name of an extension, else its dotted identifier.
pub(crate) fn extension_name(dotted: &str) -> &str {
    match dotted {
        "2.5.29.9" => "subjectDirectoryAttributes",
        "2.5.29.14" => "subjectKeyIdentifier",
        "2.5.29.15" => "keyUsage",
        "2.5.29.17" => "subjectAltName",
        "2.5.29.18" => "issuerAltName",
        "2.5.29.19" => "basicConstraints",
        "2.5.29.30" => "nameConstraints",
        "2.5.29.31" => "cRLDistributionPoints",
        "2.5.29.32" => "certificatePolicies",
        "2.5.29.33" => "policyMappings",
        "2.5.29.35" => "authorityKeyIdentifier",
        "2.5.29.36" => "policyConstraints",
        "2.5.29.37" => "extKeyUsage",
        "2.5.29.54" => "inhibitAnyPolicy",
        "1.3.6.1.5.5.7.1.1" => "authorityInfoAccess",
        "1.3.6.1.5.5.7.1.11" => "subjectInfoAccess",
        "1.3.6.1.5.5.7.1.24" => "tlsFeature",
        "1.3.6.1.4.1.311.20.2" => "certificateTemplateName",
        "1.3.6.1.4.1.311.21.7" => "certificateTemplate",
        "1.3.6.1.4.1.11129.2.4.2" => "signedCertificateTimestampList",
        "2.16.840.1.113730.1.1" => "nsCertType",
        "2.16.840.1.113730.1.13" => "nsComment",
        other => other,
    }
}

/// The short name of a subject attribute (RFC 4514 §3, and those that are seen), else its dotted identifier.
pub(crate) fn attribute_name(dotted: &str) -> &str {
    match dotted {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        other => other,
    }
}

/// The name of a signature algorithm, else its dotted identifier.
pub(crate) fn signature_name(dotted: &str) -> &str {
    match dotted {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.3.14.3.2.29" => "sha1WithRSASignature",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => other,
    }
}

/// The name of a key type, else its dotted identifier.
pub(crate) fn key_name(dotted: &str) -> &str {
    match dotted {
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.10045.2.1" => "EC",
        "1.3.132.0.10" => "secp256k1",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        other => other,
    }
}
