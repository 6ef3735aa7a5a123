//! The gateways: whether the embedded ones answer, what they may hold, who can reach their sockets and keys, and
//! whether their ports are theirs to take.

use super::{Looks, finding_of};
use crate::assign::GatewayStanding;
use crate::assign::discover::fitness::fitness;
use crate::assign::sockets::{Socket, sockets};
use crate::assign::targets::embedded::EmbeddedTarget;
use crate::deployment::{Deployment, Embedded, Gateway};
use crate::explain::{Explain, Explanation, printable};
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Slug};
use crate::store::Store;
use crate::wire::control::Status;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};
use rustix::process::{Resource, getrlimit};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Descriptors that a connection takes: the peer's and the backend's.
const DESCRIPTORS_EACH: u64 = 2;
/// Descriptors besides those of connections.
const DESCRIPTORS_BESIDE: u64 = 64;
/// Most of `/proc/PID/limits` read, in bytes.
const MAX_LIMITS_BYTES: u64 = 64 * 1024;
/// Bits of a mode that let others than the owner in.
const OTHERS: u32 = 0o077;

/// Looks at every gateway.
pub(super) fn look(deployment: &Deployment, store: Option<&Store>, looks: &mut Looks) {
    if deployment.gateways.is_empty() {
        looks.add(
            "gateway",
            "none in the deployment: nothing can be assigned and proved",
            Vec::new(),
        );
    }
    let sockets = sockets();
    for gateway in &deployment.gateways {
        match gateway.kind.embedded() {
            Some(table) => look_at_embedded(gateway, table, store, looks),
            None => look_at_server(deployment, gateway, &sockets, looks),
        }
    }
}

/// A server of a kind that is known: whether an assignment to it could work.
fn look_at_server(
    deployment: &Deployment,
    gateway: &Gateway,
    sockets: &[Socket],
    looks: &mut Looks,
) {
    let edge = &deployment.edge;
    let domains: Vec<&Domain> = edge.xmpp_domains.iter().chain(&edge.components).collect();
    let head = format!("{} ({})", gateway.name, gateway.kind.word());
    let Some(fitness) = fitness(gateway, &domains, sockets) else {
        looks.add("gateway", head, Vec::new());
        return;
    };
    let findings = fitness
        .faults
        .iter()
        .map(|fault| finding_of(Code::DoctorServer, fault))
        .collect();
    looks.add("gateway", format!("{head}: {}", fitness.said), findings);
}

fn look_at_embedded(gateway: &Gateway, table: &Embedded, store: Option<&Store>, looks: &mut Looks) {
    let name = &gateway.name;
    let mut findings = folder_findings(name, &table.directory);
    let socket = socket_findings(name, &table.socket);
    let sound = socket.is_empty();
    findings.extend(socket);
    let status = match sound {
        true => EmbeddedTarget::new(name.clone(), table.clone())
            .status()
            .map_err(Some),
        // What is wrong with it is told already.
        false => Err(None),
    };
    let said = match &status {
        Ok(status) => {
            findings.extend(limit_finding(
                name,
                status.connection_limit,
                allowed_for(status.pid),
            ));
            findings.extend(newer_findings(name, status, store));
            format!(
                "{name}: runs as pid {}, {} of {} connections",
                status.pid, status.connections, status.connection_limit
            )
        }
        Err(Some(error)) if error.standing() == GatewayStanding::Unseen => {
            findings.push(not_asked(name, &table.socket, &error.explain()));
            format!("{name}: cannot ask (permission)")
        }
        Err(error) => {
            if let Some(error) = error {
                findings.push(finding_of(Code::DoctorGatewayDown, &error.explain()));
            }
            findings.extend(
                table
                    .listeners
                    .iter()
                    .filter_map(|listener| port_finding(name, listener.listen)),
            );
            findings.extend(limit_finding(
                name,
                table.connection_limit,
                getrlimit(Resource::Nofile).maximum,
            ));
            format!("{name}: does not answer")
        }
    };
    looks.add("gateway", said, findings);
}

fn not_asked(name: &Slug, socket: &Path, told: &Explanation) -> Finding {
    Finding::new(
        Code::DoctorGatewayNotAsked,
        format!("gateway \"{name}\", {}", socket.display()),
        "this user may not ask the gateway whether it runs",
        told.why.clone(),
        "run `edgecert doctor` as that user, or as root",
    )
}

/// Who can reach the control socket, and what lies there.
fn socket_findings(name: &Slug, path: &Path) -> Vec<Finding> {
    let Ok(there) = path.symlink_metadata() else {
        return Vec::new();
    };
    let shown = path.display().to_string();
    let place = format!("gateway \"{name}\", {shown}");
    if !there.file_type().is_socket() {
        return vec![Finding::new(
            Code::DoctorSocket,
            place,
            "something other than a socket lies where the control socket is to be",
            "the gateway will not start over it",
            format!("move it away: `mv {shown} {shown}.old`"),
        )];
    }
    if there.mode() & OTHERS != 0 {
        return vec![Finding::new(
            Code::DoctorSocket,
            place,
            "others can reach the control socket",
            format!(
                "its mode is {:04o}, wanted 0600: who reaches it can change what is served",
                there.mode() & 0o7777
            ),
            format!("`chmod 0600 {shown}`"),
        )];
    }
    Vec::new()
}

/// Who can reach the gateway's own copies of the keys.
fn folder_findings(name: &Slug, folder: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |path: &Path, wanted: &str| {
        if let Ok(there) = path.symlink_metadata()
            && (there.is_dir() || there.is_file())
            && there.mode() & OTHERS != 0
        {
            let shown = printable(&path.to_string_lossy());
            findings.push(Finding::new(
                Code::DoctorGatewayFolder,
                format!("gateway \"{name}\", {shown}"),
                "others can reach the keys of a gateway",
                format!("its mode is {:04o}, wanted {wanted}", there.mode() & 0o7777),
                format!("`chmod {wanted} {shown}`; if others could really read a key, make a new one (`edgecert request --new-key`)"),
            ));
        }
    };
    look(folder, "0700");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            look(&path, "0600");
        }
    }
    findings
}

/// Whether a listener's address could be bound now; bound without listening, so that no peer is ever taken.
fn port_finding(name: &Slug, address: SocketAddr) -> Option<Finding> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket(family, SocketType::STREAM, None).ok()?;
    // As the gateway does: connections that just ended must not count.
    sockopt::set_socket_reuseaddr(&socket, true).ok()?;
    let error = bind(&socket, &address).err()?;
    let (why, mend) = match error {
        Errno::ADDRINUSE => (
            "something else listens there",
            format!(
                "see what it is (`ss -ltnp 'sport = :{}'`), stop it or change `listen`; a .socket unit of this gateway may hold it as well",
                address.port()
            ),
        ),
        Errno::ADDRNOTAVAIL => (
            "no interface of this machine has the address",
            "change `listen`, or bring the address up".into(),
        ),
        // Ports under 1024 as another user than the gateway's: nothing is known.
        _ => return None,
    };
    Some(Finding::new(
        Code::DoctorPort,
        format!("gateway \"{name}\", listener {address}"),
        "a gateway that does not run could not take its port",
        why,
        mend,
    ))
}

/// The descriptors that a running process may have, where that can be read.
fn allowed_for(pid: u32) -> Option<u64> {
    let path = format!("/proc/{pid}/limits");
    let bytes = crate::store::atomic::read_limited(Path::new(&path), MAX_LIMITS_BYTES).ok()?;
    hard_limit(&String::from_utf8_lossy(&bytes))
}

/// The hard limit of `Max open files` (proc_pid_limits(5)): soft, hard, unit after the words.
fn hard_limit(limits: &str) -> Option<u64> {
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn limit_finding(name: &Slug, connections: u32, allowed: Option<u64>) -> Option<Finding> {
    let needed = u64::from(connections) * DESCRIPTORS_EACH + DESCRIPTORS_BESIDE;
    let allowed = allowed.filter(|allowed| *allowed < needed)?;
    Some(Finding::new(
        Code::DoctorDescriptors,
        format!("gateway \"{name}\""),
        "a gateway may have fewer file descriptors than its connection limit needs",
        format!("{connections} connections need {needed}, and {allowed} are allowed"),
        format!(
            "LimitNOFILE={needed} in its unit (or `ulimit -n {needed}`), or a lower connection-limit"
        ),
    ))
}

/// What it serves and this state does not know: the state is a copy, or was restored.
fn newer_findings(name: &Slug, status: &Status, store: Option<&Store>) -> Vec<Finding> {
    let known = |certificate: &str, sha256: &str| {
        let (Some(store), Ok(certificate)) = (store, Slug::parse(certificate)) else {
            return false;
        };
        store
            .generations(&certificate)
            // A state that cannot be read is told elsewhere.
            .map_or(true, |generations| {
                generations.iter().any(|one| one.leaf.sha256 == sha256)
            })
    };
    status
        .certificates
        .iter()
        .filter(|served| !known(&served.certificate, &served.sha256))
        .map(|served| {
            let certificate = printable(&served.certificate);
            Finding::new(
                Code::DoctorNewerLive,
                format!("gateway \"{name}\""),
                format!("it serves a leaf of {certificate} that this state does not know"),
                format!(
                    "{} as generation {}, until {}: this state is a copy, was restored, or is not the one it was assigned from",
                    printable(&served.sha256),
                    served.generation,
                    crate::cli::render::date(served.not_after)
                ),
                format!("use the state it was assigned from (--state), or `edgecert assign {certificate}` to make this one count"),
            )
            .with_severity(Severity::Warning)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assign::AssignError;
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::unix::fs::PermissionsExt;

    fn front() -> Slug {
        Slug::parse("front").unwrap()
    }

    #[test]
    fn a_port_that_is_taken_is_found_and_a_free_one_is_not() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let finding = port_finding(&front(), address).unwrap();
        assert!(
            finding.why.contains("something else listens"),
            "{finding:?}"
        );
        drop(taken);
        assert_eq!(port_finding(&front(), address), None);
        let strange: SocketAddr = "192.0.2.1:5269".parse().unwrap();
        let finding = port_finding(&front(), strange).unwrap();
        assert!(finding.why.contains("no interface"), "{finding:?}");
    }

    #[test]
    fn a_socket_of_another_user_says_nothing_of_the_gateway() {
        let refused = |kind: std::io::ErrorKind| AssignError::GatewayUnreachable {
            gateway: front(),
            socket: "front.sock".into(),
            source: kind.into(),
        };
        for (kind, standing) in [
            (
                std::io::ErrorKind::PermissionDenied,
                GatewayStanding::Unseen,
            ),
            (std::io::ErrorKind::NotFound, GatewayStanding::Down),
            (std::io::ErrorKind::ConnectionRefused, GatewayStanding::Down),
        ] {
            assert_eq!(refused(kind).standing(), standing, "{kind}");
        }
        let told = refused(std::io::ErrorKind::PermissionDenied).explain();
        let finding = not_asked(&front(), Path::new("front.sock"), &told);
        assert!(finding.why.contains("belongs to"), "{finding:?}");
        assert!(finding.mend.contains("as that user"), "{finding:?}");
    }

    #[test]
    fn descriptors_are_counted_twice_a_connection() {
        assert_eq!(limit_finding(&front(), 1000, Some(2064)), None);
        assert_eq!(limit_finding(&front(), 1000, None), None);
        let finding = limit_finding(&front(), 1000, Some(2063)).unwrap();
        assert!(finding.mend.contains("LimitNOFILE=2064"), "{finding:?}");
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(hard_limit(limits), Some(524_288));
        assert_eq!(
            hard_limit("Max open files  unlimited  unlimited  files"),
            None
        );
    }

    #[test]
    fn sockets_and_keys_that_others_can_reach_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let chmod = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let path = folder.path().join("front.sock");
        assert_eq!(socket_findings(&front(), &path), []);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        chmod(&path, 0o666);
        assert!(socket_findings(&front(), &path)[0].why.contains("0666"));
        chmod(&path, 0o600);
        assert_eq!(socket_findings(&front(), &path), []);
        drop(listener);
        let pair = folder.path().join("edge.pem");
        std::fs::write(&pair, "").unwrap();
        chmod(&pair, 0o644);
        chmod(folder.path(), 0o700);
        let found = folder_findings(&front(), folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].why.contains("0644"), "{found:?}");
        assert!(
            socket_findings(&front(), &pair)[0]
                .what
                .contains("something other than a socket")
        );
    }
}
