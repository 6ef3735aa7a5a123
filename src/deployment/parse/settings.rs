//! `[assign]`, `[check]` and `[store]`.

use super::super::read::{Table, Value};
use super::super::{AssignSettings, CheckSettings, StoreSettings, Thresholds};
use super::{Context, optional_table};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// An hour: no proof and no writer is worth waiting for longer.
const HOUR: u64 = 3_600;

pub(super) fn assign(root: &Table<'_, '_>) -> Option<AssignSettings> {
    let mut settings = AssignSettings {
        prove_within: Duration::from_secs(30),
    };
    if let Some(table) = optional_table(root, "assign") {
        if let Some(value) = table.get("prove-within") {
            settings.prove_within = value.duration(1..=HOUR).unwrap_or_default();
        }
        table.finish();
    }
    Some(settings)
}

pub(super) fn check(root: &Table<'_, '_>) -> Option<CheckSettings> {
    let mut settings = CheckSettings {
        leaf: Thresholds::LEAF,
        chain: Thresholds::CHAIN,
        timeout: Duration::from_secs(10),
        jobs: 256,
        resolver: None,
        targets: Vec::new(),
    };
    let Some(table) = optional_table(root, "check") else {
        return Some(settings);
    };
    read_thresholds(&table, "leaf", &mut settings.leaf);
    read_thresholds(&table, "chain", &mut settings.chain);
    if let Some(value) = table.get("timeout") {
        settings.timeout = value.duration(1..=HOUR).unwrap_or_default();
    }
    if let Some(value) = table.get("jobs") {
        settings.jobs = value.integer(1..=16_384).unwrap_or_default();
    }
    settings.resolver = table
        .get("resolver")
        .and_then(|value| read_resolver(&value));
    if let Some(value) = table.get("targets") {
        settings.targets = value.unique(|target| target.line(1024)).unwrap_or_default();
    }
    table.finish();
    Some(settings)
}

/// Either threshold may be left out. They are compared when they have the same unit.
fn read_thresholds(table: &Table<'_, '_>, key: &'static str, thresholds: &mut Thresholds) {
    let Some(table) = optional_table(table, key) else {
        return;
    };
    let warning = table.get("warning");
    let critical = table.get("critical");
    let read = |value: &Option<Value<'_, '_>>, default| {
        value
            .as_ref()
            .map_or(Some(default), |value| value.life_left())
    };
    let parsed = read(&warning, thresholds.warning).zip(read(&critical, thresholds.critical));
    if let Some((warns, fails)) = parsed {
        if fails.is_less_than(warns) == Some(false) {
            let place = critical
                .or(warning)
                .map_or_else(|| table.place(), |value| value.place());
            place.fail_because(
                format!("critical {fails} is not below warning {warns}"),
                "both are life that is left, so the warning comes with more of it",
                "let critical be smaller than warning",
            );
        }
        *thresholds = Thresholds {
            warning: warns,
            critical: fails,
        };
    }
    table.finish();
}

/// An address with a port; without one, DNS's own.
fn read_resolver(value: &Value<'_, '_>) -> Option<SocketAddr> {
    match value.text()?.parse::<IpAddr>() {
        Ok(address) => Some(SocketAddr::new(address, 53)),
        Err(_) => value.socket_address(),
    }
}

pub(super) fn store(root: &Table<'_, '_>, context: &Context) -> Option<StoreSettings> {
    let mut settings = StoreSettings {
        directory: if context.under_etc {
            PathBuf::from("/var/lib/edgecert")
        } else {
            context.base.join("edgecert.state")
        },
        keep_generations: 5,
        lock_timeout: Duration::from_secs(30),
    };
    let Some(table) = optional_table(root, "store") else {
        return Some(settings);
    };
    if let Some(path) = table.get("directory").and_then(|value| value.path()) {
        settings.directory = context.base.join(path);
    }
    if let Some(value) = table.get("keep-generations") {
        settings.keep_generations = value.integer(0..=10_000).unwrap_or_default();
    }
    if let Some(value) = table.get("lock-timeout") {
        settings.lock_timeout = value.duration(0..=HOUR).unwrap_or_default();
    }
    table.finish();
    Some(settings)
}
