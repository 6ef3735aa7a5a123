//! Root, intermediate and leaves as the servers are given them: the openssl CA of the journeys, and keys of ours.

use super::super::world::{OpensslCa, Window, World};
use edgecert::x509::{Certificate, Fingerprint, KeyType, container};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A root and an intermediate on P-256; it may also sign what `edgecert request` makes.
pub struct Pki {
    pub ca: OpensslCa,
    folder: PathBuf,
    made: AtomicU32,
}

/// One certificate with all that a server needs of it.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The leaf.
    pub leaf: Fingerprint,
    /// Leaf and intermediate, PEM.
    pub fullchain: String,
    /// PKCS#8, PEM.
    pub key: String,
}

/// What is odd about a certificate; the default is sound.
#[derive(Debug, Clone, Copy)]
pub struct Odd {
    /// Another name than those that are asked for.
    pub name: Option<&'static str>,
    /// Extended key usage, as openssl has it.
    pub usage: &'static str,
    pub signed: Signed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Now,
    /// It has expired.
    LongAgo,
    ByItself,
}

impl Default for Odd {
    fn default() -> Self {
        Self {
            name: None,
            usage: "serverAuth,clientAuth",
            signed: Signed::Now,
        }
    }
}

impl Generation {
    /// Leaf, intermediate and key.
    pub fn combined(&self) -> String {
        format!("{}{}", self.fullchain, self.key)
    }
}

impl Pki {
    /// Makes one in a folder of the world.
    pub fn new(world: &World, name: &str) -> Self {
        Self {
            ca: OpensslCa::new(world, name),
            folder: world.path(name),
            made: AtomicU32::new(0),
        }
    }

    pub fn root(&self) -> Certificate {
        leaf_of(&std::fs::read(self.ca.root()).unwrap())
    }

    /// A certificate that nobody signed but itself.
    pub fn self_signed(&self, name: &str) -> Generation {
        let odd = Odd {
            signed: Signed::ByItself,
            ..Odd::default()
        };
        self.generation_of(&[name], KeyType::Ec256, &odd)
    }

    /// A new key, and a leaf of 90 days for these DNS names.
    pub fn generation(&self, names: &[&str], key: KeyType) -> Generation {
        self.generation_of(names, key, &Odd::default())
    }

    /// The same with something odd about it.
    pub fn generation_of(&self, names: &[&str], key: KeyType, odd: &Odd) -> Generation {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let file = |ending: &str| format!("leaf-{number}.{ending}");
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap();
        let algorithm: &[&str] = match key {
            KeyType::Rsa2048 => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            KeyType::Ec256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            KeyType::Rsa3072 | KeyType::Rsa4096 | KeyType::Ec384 | KeyType::Ed25519 => {
                panic!("no server was measured with {}", key.word())
            }
        };
        let key = file("key");
        let generate = [&["genpkey", "-out", &key, "-algorithm"], algorithm].concat();
        self.ca.openssl(&generate);
        let names = odd.name.as_ref().map_or(names, std::slice::from_ref);
        let alternative: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let (subject, names, usage) = (
            format!("/CN={}", names[0]),
            format!("subjectAltName={}", alternative.join(",")),
            format!("extendedKeyUsage={}", odd.usage),
        );
        let request = [
            "req",
            "-new",
            "-key",
            &key,
            "-subj",
            &subject,
            "-config",
            "ca.cnf",
            "-addext",
            &names,
            "-addext",
            "keyUsage=critical,digitalSignature",
            "-addext",
            &usage,
            "-out",
        ];
        let signed = |window| {
            let csr = file("csr");
            self.ca.openssl(&[&request[..], &[&csr]].concat());
            self.ca.sign_with(&self.folder.join(csr), window, &[]) + &read("inter.pem")
        };
        let fullchain = match odd.signed {
            Signed::Now => signed(None),
            Signed::LongAgo => signed(Some(Window("20240101000000Z", "20240401000000Z"))),
            Signed::ByItself => {
                let own = file("pem");
                let more = [own.as_str(), "-x509", "-days", "30"];
                self.ca.openssl(&[&request[..], &more].concat());
                read(&own)
            }
        };
        Generation {
            leaf: Fingerprint::of(leaf_of(fullchain.as_bytes()).der()),
            fullchain,
            key: read(&key),
        }
    }
}

/// The first certificate of a PEM file.
pub fn leaf_of(pem: &[u8]) -> Certificate {
    container::read(pem, None).unwrap().certificates.remove(0).1
}
