//! An edge whose gateways are folders that get copies, which nobody can prove; and what is staged there.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use super::edge::Edge;
use super::world::World;
use serde_json::{Value, json};

/// The record of what is assigned and staged.
pub const RECORD: &str = "edgecert.state/assignments/external-edge.json";

/// Gateways that get copies, with a first generation assigned and a second one imported.
pub fn with_two(names: &[&str]) -> Edge {
    two(names, &[])
}

/// The same of one day each, which are due: their notBefore lies an hour back.
pub fn due_with_two() -> Edge {
    let edge = two(&["front"], &["--days", "1"]);
    let told = "profile = \"public-dv\"\nrenew-at = \"99%\"";
    let text = edge.world.read("edgecert.toml");
    let text = text.replacen("profile = \"public-dv\"", told, 1);
    edge.world.write("edgecert.toml", text);
    edge
}

fn two(names: &[&str], sign: &[&str]) -> Edge {
    let edge = Edge::of_copies(names);
    edge.generation(sign);
    edge.world.run(&["assign"]).ended(0);
    edge.generation(sign);
    edge
}

pub fn rfc3339(moment: time::OffsetDateTime) -> String {
    moment
        .replace_nanosecond(0)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

pub fn in_days(days: i64) -> String {
    rfc3339(time::OffsetDateTime::now_utc() + time::Duration::days(days))
}

pub fn record(world: &World) -> Value {
    serde_json::from_str(&world.read(RECORD)).unwrap()
}

/// Lets the time of what is staged come, this long ago.
pub fn comes(world: &World, ago: time::Duration) {
    let mut record = record(world);
    record["staged"]["effective"] = json!(rfc3339(time::OffsetDateTime::now_utc() - ago));
    world.write(RECORD, record.to_string());
}

/// The generation whose leaf lies in a folder.
pub fn lies_in(world: &World, folder: &str) -> u32 {
    let lying = world.read(&format!("{folder}/edge.pem"));
    (1..9)
        .find(|number| {
            let path = format!("edgecert.state/archive/external-edge/{number}/fullchain.pem");
            world.path(&path).exists() && world.read(&path) == lying
        })
        .unwrap()
}

/// The deployment wants a further domain since the certificates were issued.
pub fn wants_more(world: &World) {
    let text = world.read("edgecert.toml").replacen(
        "xmpp-domains = [\"contoso.com\"]",
        "xmpp-domains = [\"contoso.com\", \"fabrikam.com\"]",
        1,
    );
    world.write("edgecert.toml", text);
}
