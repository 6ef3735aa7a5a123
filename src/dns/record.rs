//! The records that matter to an edge, as values; `Display` writes them as in a zone file (RFC 1035 §5.1).

use crate::explain::hex;
use std::fmt;

/// Where a service is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Srv {
    /// The lowest is asked first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// A host in A-labels, lower case and printable, without the root's dot; `.` where the service is not offered.
    pub target: String,
}

impl Srv {
    /// Whether it says that the service is decidedly not available (RFC 2782, "Target").
    pub fn is_refusal(&self) -> bool {
        self.target == "."
    }
}

impl fmt::Display for Srv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.is_refusal() { "" } else { "." };
        write!(
            f,
            "{} {} {} {}{dot}",
            self.priority, self.weight, self.port, self.target
        )
    }
}

/// A certificate or key pinned to a port (RFC 6698 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE (RFC 7218).
    pub usage: u8,
    /// 0 the certificate, 1 its SubjectPublicKeyInfo.
    pub selector: u8,
    /// 0 all of it, 1 SHA-256, 2 SHA-512.
    pub matching: u8,
    /// What is compared.
    pub data: Vec<u8>,
}

impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = hex(&self.data);
        write!(
            f,
            "{} {} {} {data}",
            self.usage, self.selector, self.matching
        )
    }
}

/// Which CA may issue (RFC 8659 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caa {
    /// Whoever does not know the tag must not issue.
    pub critical: bool,
    /// `issue`, `issuewild`, `iodef`, …; printable.
    pub tag: String,
    /// As it stands there; printable.
    pub value: String,
}

impl fmt::Display for Caa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.critical { 128 } else { 0 };
        write!(f, "{flags} {} \"", self.tag)?;
        for c in self.value.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_in_a_zone_file() {
        let srv = |target: &str| Srv {
            priority: 10,
            weight: 5,
            port: 5269,
            target: target.to_owned(),
        };
        let tlsa = Tlsa {
            usage: 3,
            selector: 1,
            matching: 1,
            data: vec![0x0a, 0xff],
        };
        let caa = Caa {
            critical: true,
            tag: "issue".to_owned(),
            value: "ca.example; a=\"b\"".to_owned(),
        };
        for (written, expected) in [
            (
                srv("edge.contoso.com").to_string(),
                "10 5 5269 edge.contoso.com.",
            ),
            (srv(".").to_string(), "10 5 5269 ."),
            (tlsa.to_string(), "3 1 1 0aff"),
            (caa.to_string(), "128 issue \"ca.example; a=\\\"b\\\"\""),
        ] {
            assert_eq!(written, expected);
        }
    }
}
