//! The talk on the embedded gateway's control socket: one JSON line asked, one JSON line answered, per connection.
//!
//! Lines end with `\n` and have a named limit; a line is either whole or not there. Keys travel in [`SecretPem`]
//! and appear in no error. Who may ask is decided by the socket's owner and mode, not here.

use crate::explain::{Explain, Explanation, os_words, printable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Longest line, in bytes.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// A private key in PEM on its way; silent in `Debug`, zeroised.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretPem(pub Zeroizing<String>);

impl fmt::Debug for SecretPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPem(…)")
    }
}

/// A pair to serve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pair {
    /// Leaf and intermediates, PEM.
    pub fullchain_pem: String,
    /// PKCS#8 PEM, not encrypted.
    pub key_pem: SecretPem,
    /// Generation number, for status.
    pub generation: u32,
    /// Codes of findings that someone let through knowingly.
    pub accepted: Vec<String>,
}

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// Validate these pairs and keep them ready; by certificate name, `None` takes a certificate away.
    Prepare {
        /// The asker's transaction; a second prepare under another id replaces an older one.
        transaction: String,
        /// What changes.
        pairs: BTreeMap<String, Option<Pair>>,
    },
    /// Write the prepared pairs to disk, swap, then answer.
    Commit {
        /// As prepared.
        transaction: String,
    },
    /// Forget what was prepared.
    Abort {
        /// As prepared.
        transaction: String,
    },
    /// What is served where, and since when.
    Status,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// Done.
    Done,
    /// Not done, and what is served is as before.
    Refused {
        /// Stable code.
        code: String,
        /// What.
        what: String,
        /// Why.
        why: String,
        /// How to mend it.
        mend: String,
    },
    /// To [`Request::Status`].
    Status(Status),
}

/// The state of a gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The gateway's name in the deployment.
    pub gateway: String,
    /// Process id.
    pub pid: u32,
    /// Start of the process.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// Connections now.
    pub connections: u32,
    /// The limit.
    pub connection_limit: u32,
    /// What is served.
    pub certificates: Vec<ServedCertificate>,
    /// Where.
    pub listeners: Vec<ServedListener>,
    /// Connections that there is room for; fewer than the limit where the system has no more descriptors. `None`: the
    /// gateway is of an older version.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// What became of the streams of each partner.
    #[serde(default)]
    pub partners: Vec<ServedPartner>,
    /// And of those of everybody else.
    #[serde(default)]
    pub others: StreamCounts,
    /// Transaction that is prepared and not committed, if any.
    pub prepared: Option<String>,
}

/// One certificate of a [`Status`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServedCertificate {
    /// Name in the deployment.
    pub certificate: String,
    /// Generation, 0 when unknown.
    pub generation: u32,
    /// `sha256:…` of the leaf.
    pub sha256: String,
    /// Names in it, typed.
    pub names: Vec<String>,
    /// End of validity.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// Served since (commit, or start of the process).
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// One listener of a [`Status`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServedListener {
    /// Protocol word.
    pub protocol: String,
    /// Address it listens on.
    pub listen: String,
    /// Backend.
    pub backend: String,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Handshakes completed.
    pub handshakes: u64,
    /// Handshakes failed.
    pub failed: u64,
}

/// One partner of a [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedPartner {
    /// Its primary domain.
    pub domain: String,
    /// Streams it may have at once, if limited.
    pub connection_limit: Option<u32>,
    /// Its streams.
    #[serde(flatten)]
    pub counts: StreamCounts,
}

/// What became of streams, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCounts {
    /// Open now.
    pub open: u32,
    /// Let in, the peer's certificate proving its domain.
    pub proved: u64,
    /// Let in inside TLS without such a proof.
    pub in_tls: u64,
    /// Let in in clear text.
    pub in_clear: u64,
    /// Turned away, by the stream error that the peer got.
    pub refused: BTreeMap<String, u64>,
}

/// Why a talk failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Reading or writing.
    #[error("the control socket failed")]
    Io(#[from] std::io::Error),
    /// A line over [`MAX_LINE`].
    #[error("a control line is too long")]
    TooLarge,
    /// Not the JSON of a request or an answer; never with the line's own text, as it may hold a key.
    #[error("the control socket speaks another language: {0}")]
    Malformed(String),
    /// The other side closed before its line was whole.
    #[error("the control socket was closed without an answer")]
    Closed,
}

impl Explain for ControlError {
    fn explain(&self) -> Explanation {
        let (code, why, mend) = match self {
            ControlError::Io(error) => (
                "wire.control-io",
                os_words(error),
                "see that the gateway runs and answers: `edgecert gateway status`",
            ),
            ControlError::TooLarge => (
                "wire.control-too-large",
                format!("a line has more than {MAX_LINE} bytes"),
                "assign fewer certificates at once, or look for a file that is no certificate",
            ),
            ControlError::Malformed(what) => (
                "wire.control-malformed",
                printable(what),
                "see that the socket in edgecert.toml is the gateway's own, and that gateway and command are of one version",
            ),
            ControlError::Closed => (
                "wire.control-closed",
                "the gateway ended the talk before it answered; it may have died".to_owned(),
                "look into the gateway's log, start it again, and look at `edgecert gateway status`",
            ),
        };
        Explanation {
            code,
            what: self.to_string(),
            place: String::new(),
            why,
            mend: mend.to_owned(),
        }
    }
}

/// Asks and waits for the answer; the stream's own time limits apply.
///
/// # Errors
/// [`ControlError::Closed`] when the gateway ends the talk without a whole answer: whether it did what was asked is
/// then not known.
pub fn ask(stream: &mut (impl Read + Write), request: &Request) -> Result<Answer, ControlError> {
    stream.write_all(&write_request(request)?)?;
    stream.flush()?;
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    let mut chunk = [0u8; 4096];
    loop {
        let count = match stream.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            return Err(ControlError::Closed);
        }
        line.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if let Some(answer) = read_line(&line)? {
            return Ok(answer);
        }
    }
}

/// Reads a request from bytes that may be incomplete: `None` until its line is whole.
///
/// # Errors
/// [`ControlError::TooLarge`] past [`MAX_LINE`], [`ControlError::Malformed`] for another language or a second line.
pub fn read_request(bytes: &[u8]) -> Result<Option<Request>, ControlError> {
    read_line(bytes)
}

/// A request as the line that is sent; zeroised, as it may hold keys.
///
/// # Errors
/// [`ControlError::TooLarge`] past [`MAX_LINE`].
pub fn write_request(request: &Request) -> Result<Zeroizing<Vec<u8>>, ControlError> {
    to_line(request)
}

/// An answer as the line that is sent.
///
/// # Errors
/// [`ControlError::TooLarge`] past [`MAX_LINE`].
pub fn write_answer(answer: &Answer) -> Result<Vec<u8>, ControlError> {
    Ok(to_line(answer)?.to_vec())
}

fn to_line(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, ControlError> {
    // Room for a common pair, so that a growing buffer leaves no copies of keys behind.
    let mut line = Zeroizing::new(Vec::with_capacity(64 * 1024));
    serde_json::to_writer(&mut *line, value).map_err(|error| malformed(&error))?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(ControlError::TooLarge);
    }
    Ok(line)
}

fn read_line<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, ControlError> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() >= MAX_LINE {
            Err(ControlError::TooLarge)
        } else {
            Ok(None)
        };
    };
    if end >= MAX_LINE {
        return Err(ControlError::TooLarge);
    }
    let (line, rest) = bytes.split_at(end);
    if rest.len() > 1 {
        return Err(ControlError::Malformed("more than one line".to_owned()));
    }
    serde_json::from_slice(line)
        .map(Some)
        .map_err(|error| malformed(&error))
}

/// The kind and place of a fault; serde's own words would repeat the value.
fn malformed(error: &serde_json::Error) -> ControlError {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Io => "cannot be written",
        Category::Syntax => "not JSON",
        Category::Data => "JSON with a key, word or value that is not known here",
        Category::Eof => "JSON that ends too early",
    };
    ControlError::Malformed(format!("{what}, column {}", error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// A stream that answers what it was given, a few bytes at a time.
    struct Script {
        answer: VecDeque<u8>,
        asked: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.answer.len().min(buffer.len()).min(7);
            for slot in buffer.iter_mut().take(count) {
                *slot = self.answer.pop_front().unwrap();
            }
            Ok(count)
        }
    }

    impl Write for Script {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            self.asked.extend_from_slice(buffer);
            Ok(buffer.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn asked_of(answer: &[u8], request: &Request) -> (Result<Answer, ControlError>, Vec<u8>) {
        let mut script = Script {
            answer: answer.iter().copied().collect(),
            asked: Vec::new(),
        };
        (ask(&mut script, request), script.asked)
    }

    fn prepare() -> Request {
        Request::Prepare {
            transaction: "t1".into(),
            pairs: BTreeMap::from([
                (
                    "external-edge".to_owned(),
                    Some(Pair {
                        fullchain_pem: "CHAIN".into(),
                        key_pem: SecretPem(Zeroizing::new("HUSH".into())),
                        generation: 4,
                        accepted: vec!["chain.root-included".into()],
                    }),
                ),
                ("old".to_owned(), None),
            ]),
        }
    }

    #[test]
    fn requests_travel_whole_and_silently() {
        let (answer, line) = asked_of(b"{\"answer\":\"done\"}\n", &prepare());
        assert!(matches!(answer, Ok(Answer::Done)));
        assert_eq!(line, *write_request(&prepare()).unwrap());
        for cut in 0..line.len() {
            assert!(matches!(read_request(&line[..cut]), Ok(None)), "{cut}");
        }
        let Ok(Some(Request::Prepare { pairs, .. })) = read_request(&line) else {
            panic!("not read back");
        };
        let pair = pairs["external-edge"].as_ref().unwrap();
        assert_eq!(pair.key_pem.0.as_str(), "HUSH");
        assert!(pairs["old"].is_none());
        assert!(!format!("{:?}", prepare()).contains("HUSH"));
    }

    #[test]
    fn answers_are_read_back() {
        let refused = Answer::Refused {
            code: "gateway.mismatch".into(),
            what: "a".into(),
            why: "b\nc".into(),
            mend: "d".into(),
        };
        let line = write_answer(&refused).unwrap();
        let (answer, asked) = asked_of(&line, &Request::Status);
        assert_eq!(asked, b"{\"op\":\"status\"}\n");
        assert!(matches!(answer, Ok(Answer::Refused { why, .. }) if why == "b\nc"));
    }

    #[test]
    fn bad_talk_is_told_without_its_text() {
        for (bytes, word) in [
            (&b""[..], "without an answer"),
            (b"{\"answer\":", "without an answer"),
            (b"HUSH\n", "not JSON"),
            (b"{\"answer\":\"HUSH\"}\n", "not known here"),
            (b"{\"answer\":\"done\"}\n{}", "more than one line"),
            (b"{\n", "ends too early"),
        ] {
            let error = asked_of(bytes, &Request::Status).0.unwrap_err();
            let told = format!("{error} {:?}", error.explain());
            assert!(told.contains(word), "{told}");
            assert!(!told.contains("HUSH"), "{told}");
        }
        assert!(matches!(
            read_request(&vec![b'x'; MAX_LINE]),
            Err(ControlError::TooLarge)
        ));
    }

    proptest! {
        #[test]
        fn any_line_is_borne(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_request(&bytes);
        }
    }
}
