//! RSA keys that anybody can break, seen from the public key alone.
//!
//! Two families are known well enough to be looked for, and the Baseline Requirements 6.1.1.3 demand it: keys from the
//! Infineon library (ROCA, CVE-2017-15361), whose primes are powers of 65537 modulo many small primes, and keys whose
//! two primes lie so near each other that Fermat's method finds them (CVE-2022-26320).

use super::public_key::rsa_modulus;
use num_bigint::BigUint;

/// The small primes whose fingerprint is looked for: those of the smallest Infineon keys, which the larger share.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The generator of the Infineon primes.
const GENERATOR: u32 = 65_537;

/// Rounds of Fermat's method (BR 6.1.1.3).
const FERMAT_ROUNDS: u32 = 100;

/// Longest modulus that is looked at, in bytes: what common libraries verify. A square root of a longer one costs time.
const MAX_MODULUS: usize = 16_384 / 8;

/// Why an RSA key is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaFlaw {
    /// Its modulus has the fingerprint of the Infineon library (ROCA, CVE-2017-15361).
    Roca,
    /// Its primes are so close that 100 rounds of Fermat's method find them.
    ClosePrimes,
}

impl RsaFlaw {
    /// Looks at a SubjectPublicKeyInfo, DER; `None` for other keys, moduli over 16,384 bits, and keys without a flaw.
    ///
    /// One sound key in about 2^27 has the fingerprint by chance.
    pub fn of_spki(spki: &[u8]) -> Option<Self> {
        let modulus = rsa_modulus(spki)?;
        if modulus.len() > MAX_MODULUS + 1 {
            return None;
        }
        let modulus = BigUint::from_bytes_be(modulus);
        // An even or tiny number is no modulus; its size is judged elsewhere.
        if modulus.bits() < 512 || !modulus.bit(0) {
            return None;
        }
        if is_roca(&modulus) {
            return Some(RsaFlaw::Roca);
        }
        has_close_primes(&modulus).then_some(RsaFlaw::ClosePrimes)
    }
}

/// Whether the modulus is a power of 65537 modulo every small prime.
fn is_roca(modulus: &BigUint) -> bool {
    SMALL_PRIMES.iter().all(|prime| {
        let rest = remainder(modulus, *prime);
        let base = GENERATOR % prime;
        let mut power = 1;
        for _ in 1..*prime {
            if rest == power {
                return true;
            }
            power = power * base % prime;
        }
        false
    })
}

/// What is left of a number after division by a small one that is not 0.
fn remainder(number: &BigUint, by: u32) -> u32 {
    let digits = number.iter_u32_digits().rev();
    let rest = digits.fold(0_u64, |rest, digit| {
        ((rest << 32) | u64::from(digit)) % u64::from(by)
    });
    u32::try_from(rest).unwrap_or(0)
}

/// Fermat: n = a² - b² with a just over the root of n.
fn has_close_primes(modulus: &BigUint) -> bool {
    let middle = modulus.sqrt();
    if &middle * &middle == *modulus {
        return true;
    }
    let middle = middle + 1u8;
    let mut rest = &middle * &middle - modulus;
    // From a² to (a + 1)².
    let mut step = middle * 2u8 + 1u8;
    for _ in 0..FERMAT_ROUNDS {
        if is_square(&rest) {
            return true;
        }
        rest += &step;
        step += 2u8;
    }
    false
}

/// Small divisors: a square leaves a square modulo each of them, which most numbers do not.
const SIEVE: [u32; 4] = [64, 63, 65, 11];

/// The product of those of [`SIEVE`] that are odd.
const SIEVE_PRODUCT: u32 = 63 * 65 * 11;

/// Whether a number is a square. Only about one in 120 gets as far as the root, which costs more than the rest.
fn is_square(number: &BigUint) -> bool {
    let low = number.iter_u32_digits().next().unwrap_or(0);
    let is_square_of = |rest: u32, by: u32| (0..by).any(|root| root * root % by == rest % by);
    if !is_square_of(low, SIEVE[0]) {
        return false;
    }
    let rest = remainder(number, SIEVE_PRODUCT);
    if !SIEVE[1..].iter().all(|by| is_square_of(rest, *by)) {
        return false;
    }
    let root = number.sqrt();
    &root * &root == *number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{KeyType, PrivateKey};

    fn flaw_of(pem: &str) -> Option<RsaFlaw> {
        use der::Document;
        let (_, spki) = Document::from_pem(pem).unwrap();
        RsaFlaw::of_spki(spki.as_bytes())
    }

    #[test]
    fn a_key_of_the_infineon_library_is_known_by_its_modulus() {
        let pem = include_str!("../../fixtures/keys/roca.pub.pem");
        assert_eq!(flaw_of(pem), Some(RsaFlaw::Roca));
    }

    #[test]
    fn primes_that_lie_close_are_found() {
        let pem = include_str!("../../fixtures/keys/close-primes.pub.pem");
        assert_eq!(flaw_of(pem), Some(RsaFlaw::ClosePrimes));
    }

    #[test]
    fn squares_are_told_from_their_neighbours() {
        for root in (0..400_u32).chain([65_537, u32::MAX]) {
            let root = BigUint::from(root).pow(3);
            let square = &root * &root;
            assert!(is_square(&square), "{square}");
            assert!(root <= BigUint::from(1u8) || !is_square(&(square + 1u8)));
        }
    }

    #[test]
    fn remainders_are_those_of_long_division() {
        let number = BigUint::from(0xfedc_ba98_7654_3210_u64).pow(9);
        for by in SMALL_PRIMES.into_iter().chain([1, SIEVE_PRODUCT, u32::MAX]) {
            assert_eq!(BigUint::from(remainder(&number, by)), &number % by, "{by}");
        }
    }

    #[test]
    fn sound_keys_and_other_kinds_have_no_flaw() {
        for key_type in [
            KeyType::Rsa2048,
            KeyType::Rsa3072,
            KeyType::Ec256,
            KeyType::Ed25519,
        ] {
            let key = PrivateKey::generate(key_type).unwrap();
            assert_eq!(
                RsaFlaw::of_spki(key.spki_der()),
                None,
                "{}",
                key_type.word()
            );
        }
        assert_eq!(RsaFlaw::of_spki(b"\x30\x00"), None);
    }
}
