//! The key derivation of PKCS#12 (RFC 7292 appendix B), for MACs and for the ciphers of old Windows.

use crate::x509::Passphrase;
use aws_lc_rs::digest;
use zeroize::Zeroizing;

/// What a derived key is for: the "diversifier" of RFC 7292 appendix B.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Cipher,
    InitialVector,
    Mac,
}

impl Purpose {
    fn diversifier(self) -> u8 {
        match self {
            Purpose::Cipher => 1,
            Purpose::InitialVector => 2,
            Purpose::Mac => 3,
        }
    }
}

/// A passphrase as this derivation takes it: UTF-16, big end first, with a terminator (RFC 7292 appendix B.1).
pub(super) fn secret_of(passphrase: &Passphrase) -> Zeroizing<Vec<u8>> {
    let units = passphrase.reveal().encode_utf16();
    let mut secret: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    secret.extend([0, 0]);
    secret
}

/// So many bytes from a secret, by the steps of RFC 7292 appendix B.2. Bound `rounds` before.
pub(super) fn derive(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    secret: &[u8],
    salt: &[u8],
    rounds: u64,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    // I = S || P, each repeated to whole blocks
    let mut input = Zeroizing::new(Vec::new());
    for part in [salt, secret] {
        let whole = part.len().div_ceil(block) * block;
        input.extend(part.iter().cycle().take(whole));
    }
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    loop {
        // A = H^rounds(D || I)
        let mut first = digest::Context::new(hash);
        first.update(&vec![purpose.diversifier(); block]);
        first.update(&input);
        let mut piece = Zeroizing::new(first.finish().as_ref().to_vec());
        for _ in 1..rounds {
            let next = digest::digest(hash, &piece);
            piece.copy_from_slice(next.as_ref());
        }
        let wanted = length - derived.len();
        derived.extend(piece.iter().take(wanted));
        if derived.len() == length {
            return derived;
        }
        // every block of I becomes I + B + 1, where B is A repeated to a block
        for one in input.chunks_mut(block) {
            let mut carry = 1;
            for (at, byte) in one.iter_mut().enumerate().rev() {
                let other = piece.get(at % piece.len()).copied().unwrap_or_default();
                let sum = u16::from(*byte) + u16::from(other) + carry;
                *byte = sum.to_be_bytes()[1];
                carry = sum >> 8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that BouncyCastle and Go's pkcs12 package test with: passphrase "sesame", 2048 rounds of SHA-1.
    #[test]
    fn keys_are_those_of_others() {
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let salt = [0xff; 8];
        let secret = secret_of(&Passphrase::new("sesame".into()));
        let key = derive(hash, Purpose::Cipher, &secret, &salt, 2048, 24);
        assert_eq!(
            *key,
            [
                0x7c, 0xd9, 0xfd, 0x3e, 0x2b, 0x3b, 0xe7, 0x69, 0x1a, 0x44, 0xe3, 0xbe, 0xf0, 0xf9,
                0xea, 0x0f, 0xb9, 0xb8, 0x97, 0xd4, 0xe3, 0x25, 0xd9, 0xd1
            ]
        );
    }
}
