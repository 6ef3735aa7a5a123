//! What a file tells besides what it holds: no faults, and worth a line.

/// Something worth knowing about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The text is UTF-16.
    Utf16,
    /// PKCS#12 under the encryption of old Windows: which.
    OldEncryption(String),
    /// PKCS#12 without a MAC.
    NoMac,
    /// PKCS#12 that the empty passphrase opens.
    EmptyPassphrase,
    /// OpenSSL's trust settings after a certificate.
    TrustSettings,
    /// So many certificate revocation lists.
    Lists(usize),
    /// So many things that are neither certificate, key nor list.
    Others(usize),
}

impl Note {
    /// In words, with what it means.
    pub fn words(&self) -> String {
        match self {
            Note::Utf16 => "the text is UTF-16, as Windows saves it; read all the same".to_owned(),
            Note::OldEncryption(schemes) => format!(
                "encrypted with {schemes}, as Windows wrote it until 2018: RC2-40 is broken in hours and 3DES is \
                 worn out, so guard the file as if it were not encrypted, and delete it afterwards"
            ),
            Note::NoMac => {
                "without a MAC: nothing in it proves that nobody changed it on the way".to_owned()
            }
            Note::EmptyPassphrase => {
                "the empty passphrase opens it: whoever has the file has what is in it".to_owned()
            }
            Note::TrustSettings => {
                "OpenSSL's trust settings after the certificate were left out".to_owned()
            }
            Note::Lists(1) => "1 certificate revocation list, not kept".to_owned(),
            Note::Lists(count) => format!("{count} certificate revocation lists, not kept"),
            Note::Others(1) => "1 thing of another kind, passed over".to_owned(),
            Note::Others(count) => format!("{count} things of other kinds, passed over"),
        }
    }
}
