//! The only door to ASN.1 and keys: what is wrapped, and why.
//!
//! Pure: bytes in, values out. Everything that comes from outside is read tolerantly by x509-parser
//! ([`certificate`], [`csr`]), after a look at the bare bytes; everything we write is encoded by x509-cert and `der`, since rcgen can write neither
//! an SRVName (it knows UTF8String only) nor two values of one subject field; rcgen makes keys and signatures
//! ([`key`]). No type of these crates shows in a signature here. Bundles ([`bundle`]) exist only if leaf, chain and
//! key belong together. Standards: RFC 5280, 2986, 5958, 7468.

mod about;
mod ber;
pub mod bundle;
pub mod certificate;
pub mod chain;
pub mod constraints;
pub mod container;
pub mod crl;
pub mod csr;
mod effort;
pub mod error;
pub mod extensions;
pub mod fingerprint;
pub mod general_name;
pub mod issue;
pub mod key;
mod key_format;
pub mod oid;
pub mod pem;
pub mod pins;
pub mod pkcs12;
mod pkcs7;
pub mod policies;
pub mod public_key;
pub mod rsa_flaw;
pub mod sealed;
mod signature;
mod sniff;
pub mod subject;
pub mod template;
mod tlv;
pub mod usage;
mod utf16;
pub mod window;

pub use about::About;
pub use bundle::Bundle;
pub use certificate::Certificate;
pub use chain::{Chain, Ordered, order};
pub use crl::Crl;
pub use csr::{Csr, CsrSpec};
pub use error::{Expected, ForeignForm, X509Error};
pub use extensions::{ExtensionKind, RawExtension};
pub use fingerprint::Fingerprint;
pub use key::{KeyType, Passphrase, PrivateKey};
pub use public_key::PublicKeyKind;
pub use rsa_flaw::RsaFlaw;
pub use subject::Subject;
pub use template::CertificateTemplate;
pub use usage::{KeyPurpose, KeyUsage};
pub use window::{Standing, Window, whole_days_left};
