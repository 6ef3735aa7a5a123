//! Rows of the negotiation matrix, as they stand in a deployment.

/// A way in which two servers can trust a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Sasl,
    TlsDialback,
    TcpDialback,
}

/// TLS, SASL and dialback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    tls: String,
    sasl: String,
    dialback: bool,
}

impl Row {
    /// `RRT`: required, required, true.
    pub fn of(letters: &str) -> Self {
        let word = |at: usize| {
            let word = match letters.as_bytes()[at] {
                b'R' => "required",
                b'O' => "optional",
                b'N' => "not-supported",
                other => panic!("{other}"),
            };
            word.to_owned()
        };
        Self {
            tls: word(0),
            sasl: word(1),
            dialback: letters.as_bytes()[2] == b'T',
        }
    }

    /// Its keys, with something between them.
    pub fn toml(&self, between: &str) -> String {
        [
            format!("tls = \"{}\"", self.tls),
            format!("sasl = \"{}\"", self.sasl),
            format!("dialback = {}", self.dialback),
        ]
        .join(between)
    }

    /// All 18, with what is to be expected of each.
    pub fn all() -> Vec<(Row, Vec<Method>)> {
        include_str!("../../fixtures/negotiation-matrix.csv")
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty())
            .map(|line| {
                let fields: Vec<&str> = line.splitn(7, ',').collect();
                let row = Row {
                    tls: fields[0].replace('_', "-"),
                    sasl: fields[1].replace('_', "-"),
                    dialback: fields[2] == "true",
                };
                let methods = fields[4].split('|').filter(|word| !word.is_empty());
                let methods = methods.map(|word| match word {
                    "sasl_over_tls" => Method::Sasl,
                    "tls_dialback" => Method::TlsDialback,
                    "tcp_dialback" => Method::TcpDialback,
                    other => panic!("{other}"),
                });
                (row, methods.collect())
            })
            .collect()
    }

    /// SASL needs TLS: a deployment that says otherwise is refused.
    pub fn is_refused(&self) -> bool {
        self.tls == "not-supported" && self.sasl != "not-supported"
    }

    /// Whether TLS and a certificate are asked for without another way.
    pub fn demands_certificate(methods: &[Method]) -> bool {
        methods == [Method::Sasl]
    }
}
