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

impl Generation {
    /// Leaf, intermediate and key.
    pub fn combined(&self) -> String {
        format!("{}{}", self.fullchain, self.key)
    }
}

impl Pki {
    pub fn new(world: &World) -> Self {
        Self {
            ca: OpensslCa::new(world, "pki"),
            folder: world.path("pki"),
            made: AtomicU32::new(0),
        }
    }

    pub fn root(&self) -> Certificate {
        leaf_of(&std::fs::read(self.ca.root()).unwrap())
    }

    /// A certificate that nobody signed but itself.
    pub fn self_signed(&self, name: &str) -> Generation {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let (key, file) = (format!("own-{number}.key"), format!("own-{number}.pem"));
        let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
        self.ca.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &subject,
            "-addext",
            &names,
            "-days",
            "30",
            "-keyout",
            &key,
            "-out",
            &file,
            "-config",
            "ca.cnf",
        ]);
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap();
        let fullchain = read(&file);
        Generation {
            leaf: Fingerprint::of(leaf_of(fullchain.as_bytes()).der()),
            fullchain,
            key: read(&key),
        }
    }

    /// A new key, and a leaf of 90 days for these DNS names.
    pub fn generation(&self, names: &[&str], key: KeyType) -> Generation {
        self.generation_of(names, key, None)
    }

    /// The same for a window of time.
    pub fn generation_of(
        &self,
        names: &[&str],
        key: KeyType,
        window: Option<Window<'_>>,
    ) -> Generation {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let (key_file, csr) = (format!("leaf-{number}.key"), format!("leaf-{number}.csr"));
        let algorithm: &[&str] = match key {
            KeyType::Rsa2048 => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            KeyType::Ec256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            KeyType::Rsa3072 | KeyType::Rsa4096 | KeyType::Ec384 | KeyType::Ed25519 => {
                panic!("no server was measured with {}", key.word())
            }
        };
        let mut arguments = vec!["genpkey", "-algorithm"];
        arguments.extend(algorithm);
        arguments.extend(["-out", &key_file]);
        self.ca.openssl(&arguments);
        let alternative: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        self.ca.openssl(&[
            "req",
            "-new",
            "-key",
            &key_file,
            "-subj",
            &format!("/CN={}", names[0]),
            "-addext",
            &format!("subjectAltName={}", alternative.join(",")),
            "-addext",
            "keyUsage=critical,digitalSignature",
            "-addext",
            "extendedKeyUsage=serverAuth,clientAuth",
            "-out",
            &csr,
            "-config",
            "ca.cnf",
        ]);
        let leaf = self.ca.sign_with(&self.folder.join(csr), window, &[]);
        let fullchain = leaf + &std::fs::read_to_string(self.ca.intermediate()).unwrap();
        Generation {
            leaf: Fingerprint::of(leaf_of(fullchain.as_bytes()).der()),
            fullchain,
            key: std::fs::read_to_string(self.folder.join(key_file)).unwrap(),
        }
    }
}

/// The first certificate of a PEM file.
pub fn leaf_of(pem: &[u8]) -> Certificate {
    container::read(pem, None).unwrap().certificates.remove(0).1
}
