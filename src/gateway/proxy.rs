//! The PROXY protocol header, version 2, that tells a backend who the peer is and what it proved.
//!
//! After HAProxy's `proxy-protocol.txt` §2.2. Besides the addresses it holds PP2_TYPE_AUTHORITY (SNI, else the
//! stream's `to`), PP2_TYPE_ALPN, PP2_TYPE_SSL with the version and whether a client certificate was presented and
//! believed, and [`TYPE_VERIFIED_DOMAIN`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Our own type (the range 0xE0–0xEF is for such): the XMPP domain that the peer's certificate proves, A-label.
pub const TYPE_VERIFIED_DOMAIN: u8 = 0xE0;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const TYPE_ALPN: u8 = 0x01;
const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;
/// Longest value we put in; longer ones are left out. Names are at most 253 bytes.
const MAX_VALUE: usize = 1024;

/// What is told of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// Whether the session was resumed, so that the certificate was presented earlier.
    pub resumed: bool,
    /// Whether a client certificate was presented.
    pub presented: bool,
    /// Whether it was believed (for the stream's `from` on XMPP listeners, else as such).
    pub believed: bool,
}

/// What is told of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// The peer.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
    /// SNI, else `to`.
    pub authority: Option<&'a str>,
    /// As agreed.
    pub alpn: Option<&'a [u8]>,
    /// `None`: clear text.
    pub tls: Option<TlsFacts>,
    /// What the certificate proves.
    pub verified_domain: Option<&'a str>,
}

/// The bytes to send before anything else.
pub fn encode_header(told: &Told<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    let family = match (
        told.source.ip().to_canonical(),
        told.destination.ip().to_canonical(),
    ) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            body.extend_from_slice(&source.octets());
            body.extend_from_slice(&destination.octets());
            0x11
        }
        (source, destination) => {
            body.extend_from_slice(&to_v6(source).octets());
            body.extend_from_slice(&to_v6(destination).octets());
            0x21
        }
    };
    body.extend_from_slice(&told.source.port().to_be_bytes());
    body.extend_from_slice(&told.destination.port().to_be_bytes());
    if let Some(alpn) = told.alpn {
        put(&mut body, TYPE_ALPN, alpn);
    }
    if let Some(authority) = told.authority {
        put(&mut body, TYPE_AUTHORITY, authority.as_bytes());
    }
    if let Some(tls) = &told.tls {
        let mut value = vec![CLIENT_SSL];
        if tls.presented {
            let connection = if tls.resumed { 0 } else { CLIENT_CERT_CONN };
            value[0] |= CLIENT_CERT_SESS | connection;
        }
        // Zero means: presented and believed.
        value.extend_from_slice(&u32::from(!(tls.presented && tls.believed)).to_be_bytes());
        put(&mut value, SUBTYPE_SSL_VERSION, tls.version.as_bytes());
        put(&mut body, TYPE_SSL, &value);
    }
    if let Some(domain) = told.verified_domain {
        put(&mut body, TYPE_VERIFIED_DOMAIN, domain.as_bytes());
    }
    let mut header = Vec::with_capacity(16 + body.len());
    header.extend_from_slice(&SIGNATURE);
    header.push(0x21); // version 2, PROXY
    header.push(family);
    // At most 36 + 5 values of MAX_VALUE.
    header.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    header.extend_from_slice(&body);
    header
}

fn put(into: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if value.len() > MAX_VALUE {
        return;
    }
    into.push(kind);
    // MAX_VALUE fits in 16 bits.
    into.extend_from_slice(&(value.len() as u16).to_be_bytes());
    into.extend_from_slice(value);
}

fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_holds_addresses_and_what_was_proved() {
        let header = encode_header(&Told {
            source: "192.0.2.1:4096".parse().unwrap(),
            destination: "[::ffff:192.0.2.2]:5269".parse().unwrap(),
            authority: Some("a.example"),
            alpn: None,
            tls: Some(TlsFacts {
                version: "TLSv1.3",
                resumed: false,
                presented: true,
                believed: true,
            }),
            verified_domain: Some("b.example"),
        });
        assert_eq!(
            &header[..12],
            b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
        );
        assert_eq!(&header[12..14], &[0x21, 0x11]);
        assert_eq!(
            usize::from(u16::from_be_bytes([header[14], header[15]])),
            header.len() - 16
        );
        assert_eq!(
            &header[16..28],
            &[192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0, 0x14, 0x95]
        );
        assert_eq!(&header[28..40], b"\x02\x00\x09a.example");
        assert_eq!(&header[40..48], &[0x20, 0, 15, 0x07, 0, 0, 0, 0]);
        assert_eq!(&header[48..58], b"\x21\x00\x07TLSv1.3");
        assert_eq!(&header[58..], b"\xe0\x00\x09b.example");
    }

    #[test]
    fn mixed_families_are_told_as_ipv6() {
        let header = encode_header(&Told {
            source: "[2001:db8::1]:1".parse().unwrap(),
            destination: "192.0.2.2:2".parse().unwrap(),
            authority: None,
            alpn: None,
            tls: None,
            verified_domain: None,
        });
        assert_eq!(header[13], 0x21);
        assert_eq!(header.len(), 16 + 36);
    }
}
