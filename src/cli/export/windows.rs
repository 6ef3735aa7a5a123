//! What Windows and Lync take, and what has to be run there: certutil, and the cmdlets of the Lync Server Management
//! Shell (`Import-CsCertificate`, `Set-CsCertificate`). No passphrase stands in any of it.

use super::place::Destination;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::stored::Stored;
use crate::deployment::Certificate;
use crate::explain::Explanation;
use crate::names::Use;
use crate::x509::PublicKeyKind;
use crate::x509::fingerprint::thumbprint;
use clap::ValueEnum;

/// The provider that SChannel takes RSA keys from in every version of Windows, and Lync in no other.
const RSA_PROVIDER: &str = "Microsoft RSA SChannel Cryptographic Provider";

/// Who takes a pfx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Audience {
    /// Windows Server 2019 and newer, Windows 10 of 1709 and newer
    Windows,
    /// Windows Server 2016 and older: 3DES and SHA-1
    #[value(name = "windows-2016")]
    Windows2016,
    /// Lync Server and Skype for Business Server, on any Windows: RSA keys alone
    Lync,
}

impl Audience {
    /// Whether it may run on a Windows that reads no other scheme than the old one.
    pub(super) fn reads_old_alone(self) -> bool {
        match self {
            Audience::Windows => false,
            Audience::Windows2016 | Audience::Lync => true,
        }
    }
}

/// What to run there, in its order: one of two ways to import, then the rest.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// The usual way in.
    pub either: Vec<String>,
    /// The way in where the usual one is barred; empty: there is none.
    pub or: Vec<String>,
    /// After either.
    pub then: Vec<String>,
}

impl Commands {
    /// The blocks that hold something, each with the words before it; a single one needs none.
    pub(super) fn blocks(&self) -> Vec<(Option<&'static str>, &[String])> {
        let (either, or) = match self.or.is_empty() {
            true => (None, None),
            false => (
                Some("either, by certutil:"),
                Some("or, where certutil may not be used:"),
            ),
        };
        [
            (either, self.either.as_slice()),
            (or, self.or.as_slice()),
            (Some("then, whichever it was:"), self.then.as_slice()),
        ]
        .into_iter()
        .filter(|(_, commands)| !commands.is_empty())
        .collect()
    }
}

/// Refuses a key that they cannot use.
pub(super) fn insist_on_key(audience: Audience, stored: &Stored) -> Result<(), Failure> {
    let kind = stored.bundle.key().kind();
    let why = match (audience, &kind) {
        (_, PublicKeyKind::Rsa { .. })
        | (Audience::Windows | Audience::Windows2016, PublicKeyKind::Ec { .. }) => return Ok(()),
        (Audience::Lync, _) => {
            format!("Lync and Skype for Business take RSA keys alone, and it is {kind}")
        }
        (Audience::Windows | Audience::Windows2016, _) => {
            format!("Windows takes RSA and EC keys for TLS, and it is {kind}")
        }
    };
    let certificate = &stored.record.certificate;
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "export.key-type",
            what: format!(
                "the key of {certificate}/{} is of no use there",
                stored.record.number
            ),
            place: format!("{certificate}/{}", stored.record.number),
            why,
            mend: match audience {
                Audience::Lync => format!(
                    "give its issuer `profile = \"lync\"`, or its key `type = \"rsa2048\"`, and request it again: `edgecert request {certificate} --new-key --key-type rsa2048`"
                ),
                Audience::Windows | Audience::Windows2016 => {
                    format!("`edgecert request {certificate} --new-key --key-type rsa2048`")
                }
            },
        },
    ))
}

/// What to run there, in its order.
pub(super) fn commands(
    audience: Audience,
    destination: &Destination,
    stored: &Stored,
    own: Option<&Certificate>,
) -> Commands {
    let file = match destination {
        Destination::File(path) => path.file_name().map(|name| name.to_string_lossy()),
        Destination::StandardOutput | Destination::Folder(_) => None,
    };
    let file = quoted(file.as_deref().unwrap_or("FILE.pfx"));
    let provider = match stored.bundle.key().kind() {
        PublicKeyKind::Rsa { .. } => format!("-csp \"{RSA_PROVIDER}\" "),
        PublicKeyKind::Ec { .. } | PublicKeyKind::Ed25519 | PublicKeyKind::Other(_) => {
            String::new()
        }
    };
    let mut commands = Commands {
        either: vec![format!("certutil {provider}-importpfx {file}")],
        ..Commands::default()
    };
    if audience == Audience::Lync {
        let print = thumbprint(stored.bundle.chain().leaf.der());
        let is_internal = own.is_some_and(|own| own.uses.contains(&Use::InternalEdge));
        // The XMPP gateway of the Edge presents the certificate of the Access Edge.
        let types = match is_internal {
            true => "Internal",
            false => "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication",
        };
        commands.or = vec![format!(
            "Import-CsCertificate -Path {file} -Password (Read-Host) -PrivateKeyExportable $true"
        )];
        commands.then = vec![
            format!("Set-CsCertificate -Type {types} -Thumbprint {print}"),
            "Stop-CsWindowsService".to_owned(),
            "Start-CsWindowsService".to_owned(),
        ];
    }
    commands
}

/// The words before the commands.
pub(super) fn heading(audience: Audience) -> &'static str {
    match audience {
        Audience::Windows | Audience::Windows2016 => {
            "on the Windows server, as an administrator (it asks for the passphrase):"
        }
        Audience::Lync => {
            "on the Edge Server, in the Lync Server Management Shell, as an administrator (it asks for the passphrase; the \
             XMPP gateway presents the Access Edge certificate):"
        }
    }
}

/// A file name as cmd and PowerShell both take it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    // A quote or a dollar cannot stand in it on Windows, or would mean something.
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => "FILE.pfx".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_read_is_not_repeated() {
        assert_eq!(quoted("external-edge-4.pfx"), "external-edge-4.pfx");
        for odd in ["a b.pfx", "a\".pfx", "$(x).pfx", "a;b", "ä"] {
            assert_eq!(quoted(odd), "FILE.pfx");
        }
    }
}
