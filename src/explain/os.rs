//! What the operating system refused, in words without its numbers.

use super::printable;
use std::io::{Error, ErrorKind};

/// The usual refusals as a person says them; any other as the system says it, without `(os error 2)`. An error that
/// is not the system's keeps its own words. Fit to be shown.
pub fn os_words(error: &Error) -> String {
    let own = || {
        let text = error.to_string();
        let cut = text.find(" (os error").unwrap_or(text.len());
        let text = text.get(..cut).unwrap_or_default();
        // getaddrinfo's, as std words it.
        let unresolved = text.strip_prefix("failed to lookup address information: ");
        printable(&unresolved.map_or(text.to_owned(), |why| {
            format!("the name cannot be resolved: {}", why.to_lowercase())
        }))
    };
    if error.get_ref().is_some() {
        return own();
    }
    // The kinds are std's, and grow with it.
    #[allow(clippy::wildcard_enum_match_arm)]
    let words = match error.kind() {
        ErrorKind::NotFound => "nothing lies there",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::AlreadyExists => "something lies there already",
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder",
        ErrorKind::IsADirectory => "it is a folder, not a file",
        ErrorKind::DirectoryNotEmpty => "the folder is not empty",
        ErrorKind::StorageFull => "no space is left on the file system",
        ErrorKind::QuotaExceeded => "the quota is used up",
        ErrorKind::InvalidFilename => "the name is too long",
        ErrorKind::AddrInUse => "something else listens there",
        ErrorKind::AddrNotAvailable => "no interface of this machine has the address",
        ErrorKind::ConnectionRefused => "connection refused: nothing listens there",
        ErrorKind::HostUnreachable => "no route to this host",
        ErrorKind::NetworkUnreachable => "no route to this network",
        ErrorKind::TimedOut => "no answer in time",
        _ => return own(),
    };
    words.to_owned()
}

/// How to mend a file that cannot be read.
pub fn reading_mend(path: &str, error: &Error) -> String {
    // The kinds are std's, and grow with it.
    #[allow(clippy::wildcard_enum_match_arm)]
    match error.kind() {
        ErrorKind::NotFound => {
            "name one that is there: relative paths count from the folder that the command runs in"
                .to_owned()
        }
        ErrorKind::PermissionDenied => {
            format!("let this user read it (`ls -ld {path}`), or run as the user that owns it")
        }
        ErrorKind::IsADirectory => "name a file".to_owned(),
        _ => "see to the file system, then run the command again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_without_their_numbers() {
        for (error, words) in [
            (Error::from_raw_os_error(2), "nothing lies there"),
            (Error::from_raw_os_error(13), "permission denied"),
            (
                Error::from_raw_os_error(20),
                "a part of the path is a file, not a folder",
            ),
            (
                Error::from_raw_os_error(28),
                "no space is left on the file system",
            ),
            (Error::from_raw_os_error(98), "something else listens there"),
            (
                Error::from_raw_os_error(111),
                "connection refused: nothing listens there",
            ),
            (Error::from_raw_os_error(5), "Input/output error"),
            (Error::other("its own words"), "its own words"),
            (
                Error::other("failed to lookup address information: Name or service not known"),
                "the name cannot be resolved: name or service not known",
            ),
        ] {
            assert_eq!(os_words(&error), words, "{error:?}");
        }
    }
}
