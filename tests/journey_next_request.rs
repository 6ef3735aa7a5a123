//! The next request from the last one: what it would ask otherwise, each with its reason; in words and in JSON.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use serde_json::{Value, json};
use world::World;

fn result(world: &World, arguments: &[&str]) -> Value {
    let document = world.run(arguments).ended(0).json();
    let all = document["result"]["certificates"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{document:#}");
    all[0]["result"].clone()
}

/// `(field, before, now)` of each change, and its reason apart.
fn changes(result: &Value) -> (Vec<Value>, Vec<String>) {
    let all = result["changes"].as_array().unwrap();
    let facts = all
        .iter()
        .map(|one| json!([one["field"], one["before"], one["now"]]));
    let whys = all
        .iter()
        .map(|one| one["why"].as_str().unwrap().to_owned());
    (facts.collect(), whys.collect())
}

/// An edge with a certificate that was asked for, signed and imported.
fn imported() -> Edge {
    let edge = Edge::new();
    edge.generation(&["--days", "1"]);
    edge
}

fn rewrite(world: &World, pairs: &[(&str, &str)]) {
    let mut text = world.read("edgecert.toml");
    for (from, to) in pairs {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replacen(from, to, 1);
    }
    world.write("edgecert.toml", text);
}

#[test]
fn the_same_is_asked_again_with_a_new_key() {
    let edge = imported();
    let world = &edge.world;
    let files = world.files("");
    let said = world.run(&["renew", "--dry-run"]).ended(0);
    said.said("asks the same as request")
        .said("a new key: on-renewal is \"new\"");
    let told = result(world, &["renew", "--dry-run", "--json"]);
    assert_eq!(told["changes"], json!([]));
    assert_eq!(told["key_choice"]["reused"], false);
    assert!(told["compared_with"].is_string());
    assert_eq!(files, world.files(""), "a dry run writes nothing");
}

#[test]
fn what_the_deployment_says_otherwise_is_told_with_its_reason() {
    let edge = imported();
    let world = &edge.world;
    rewrite(
        world,
        &[
            ("# [key]\n", "[key]\ntype = \"ec384\"\n"),
            ("xmpp-domains = [", "xmpp-domains = [\"adatum.org\", "),
        ],
    );
    let told = result(world, &["renew", "--dry-run", "--json"]);
    let (facts, whys) = changes(&told);
    assert_eq!(
        facts,
        [
            json!(["name", null, "dns:adatum.org"]),
            json!(["key_type", "ec256", "ec384"]),
        ]
    );
    assert!(whys[0].contains("XMPP domain"), "{whys:?}");
    let said = world.run(&["renew", "--dry-run"]).ended(0);
    said.said("+ dns:adatum.org")
        .said("key type: ec256 → ec384");
    // The real run says the same, and leaves it in its document.
    let made = result(world, &["renew", "--json"]);
    assert_eq!(made["changes"], told["changes"]);
    rewrite(world, &[("[\"adatum.org\", ", "[")]);
    let (facts, whys) = changes(&result(world, &["renew", "--dry-run", "--json"]));
    assert_eq!(facts[0], json!(["name", "dns:adatum.org", null]));
    assert_eq!(whys[0], "nothing in the deployment asks for it any more");
}

#[test]
fn a_key_that_is_used_again_is_told_with_its_generation() {
    let edge = imported();
    let world = &edge.world;
    rewrite(world, &[("# [key]\n", "[key]\non-renewal = \"reuse\"\n")]);
    let told = result(world, &["renew", "--dry-run", "--json"]);
    assert_eq!(told["key_choice"]["reused"], true);
    assert_eq!(told["key_choice"]["generation"], 1);
    world
        .run(&["renew", "--dry-run"])
        .ended(0)
        .said("the key of generation 1 is used again: on-renewal is \"reuse\"");
}

#[test]
fn another_profile_says_which_names_it_grants() {
    let edge = imported();
    let world = &edge.world;
    rewrite(
        world,
        &[("profile = \"public-dv\"", "profile = \"private-xmpp\"")],
    );
    let (facts, whys) = changes(&result(world, &["renew", "--dry-run", "--json"]));
    assert_eq!(facts[0], json!(["profile", "public-dv", "private-xmpp"]));
    let srv = facts
        .iter()
        .position(|one| one[2].as_str().is_some_and(|name| name.starts_with("srv:")));
    assert!(
        whys[srv.unwrap()].starts_with("the profile private-xmpp grants it"),
        "{whys:?}"
    );
}

#[test]
fn names_that_went_to_another_certificate_are_told_with_it() {
    let edge = Edge::new();
    let world = &edge.world;
    let lines = ("\nsip-domains = [", "\nsip-domains = [\"fabrikam.com\", ");
    rewrite(world, &[lines]);
    edge.generation(&["--days", "1"]);
    let done = world
        .run(&["plan", "--per-domain", "--json"])
        .ended(0)
        .json();
    assert_eq!(done["changed"], true, "{done:#}");
    let (facts, whys) = changes(&result(
        world,
        &["renew", "external-edge", "--dry-run", "--json"],
    ));
    assert!(!facts.is_empty());
    for (fact, why) in facts.iter().zip(&whys) {
        assert_eq!(fact[2], Value::Null, "{fact}");
        assert!(why.starts_with("external-edge-2 asks for it now"), "{why}");
    }
}
