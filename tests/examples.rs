//! What lies in `examples/` works: the rules at promtool and on what a check says, the playbook task by task, the
//! commands of Nagios. Ansible and Nagios themselves are not asked; their files are read as they read them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/served.rs"]
mod served;
mod world;
#[path = "examples/yaml.rs"]
mod yaml;

use edge::{Edge, Gateway};
use edgecert::findings::Code;
use serde_json::Value;
use served::{Ca, Leaf};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use world::World;
use world::ports::free_addresses;

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("examples").join(name)
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(example(name)).unwrap()
}

fn yaml_of(name: &str) -> Value {
    yaml::read(&text_of(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn promtool(arguments: &[&str], file: &Path) {
    let ran = Command::new("promtool")
        .args(arguments)
        .arg(file)
        .output()
        .expect("promtool is needed: apt-get install prometheus");
    assert!(
        ran.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// The rules: the name of each alert and its expression.
fn alerts() -> Vec<(String, String)> {
    let rules = yaml_of("prometheus-rules.yml");
    let all = rules["groups"][0]["rules"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter()
        .map(|rule| (text(&rule["alert"]), text(&rule["expr"])))
        .collect()
}

#[test]
fn the_rules_pass_promtool_and_each_has_a_test() {
    promtool(
        &["check", "rules", "--lint-fatal"],
        &example("prometheus-rules.yml"),
    );
    promtool(&["test", "rules"], &example("prometheus-rules.test.yml"));
    let tests = text_of("prometheus-rules.test.yml");
    for (name, _) in alerts() {
        assert!(tests.contains(&name), "{name} is not tested");
    }
}

/// `name{label="value",…}` of an expression: the name, and its labels with their values as they are written.
fn selectors(expression: &str) -> Vec<(String, Vec<(String, String)>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("edgecert_") {
        let rest = &expression[at..];
        let name: String = rest.chars().take_while(|c| is_word(*c)).collect();
        let inside = rest[name.len()..]
            .strip_prefix('{')
            .and_then(|rest| rest.split('}').next());
        let labels = inside.into_iter().flat_map(|inside| inside.split(','));
        let labels = labels.map(|label| {
            let (key, value) = label.split_once('=').unwrap();
            (key.to_owned(), value.trim_matches(['~', '"']).to_owned())
        });
        found.push((name, labels.collect()));
    }
    found
}

/// The codes that a pattern of the rules means; `\.`, a group of alternatives and `.+` at the end are what they use.
fn codes_meant(pattern: &str) -> Vec<String> {
    let plain = pattern.replace("\\\\.", ".");
    let alternatives = match plain.split_once('(') {
        Some((head, rest)) => {
            let rest = rest.strip_suffix(')').unwrap();
            rest.split('|').map(|one| format!("{head}{one}")).collect()
        }
        None => vec![plain],
    };
    for one in &alternatives {
        let is_meant = |code: &Code| match one.strip_suffix(".+") {
            Some(part) => code.as_str().starts_with(part),
            None => code.as_str() == one,
        };
        assert!(Code::ALL.iter().any(is_meant), "{one} is no code");
    }
    alternatives
}

#[test]
fn every_metric_and_label_of_the_rules_stands_in_a_check() {
    let (edge, _gateway) = Edge::assigned();
    let said = edge
        .world
        .run(&["check", "--format", "prometheus"])
        .ended(0);
    let mut metrics = BTreeSet::new();
    let mut codes = 0;
    for (alert, expression) in alerts() {
        let used = selectors(&expression);
        assert!(!used.is_empty(), "{alert}");
        for (name, labels) in used {
            let mut samples = said.stdout.lines().filter(|line| {
                let series = line.split([' ', '{']).next();
                series == Some(name.as_str())
            });
            assert!(
                samples.any(|line| labels
                    .iter()
                    .all(|(label, _)| line.contains(&format!("{label}=\"")))),
                "{alert}: {name} with {labels:?}\n{}",
                said.stdout
            );
            for (label, value) in labels {
                if label == "code" {
                    codes += codes_meant(&value).len();
                } else if label != "severity" {
                    let sample = format!("{label}=\"{value}\"");
                    assert!(said.stdout.contains(&sample), "{alert}: {sample}");
                }
            }
            metrics.insert(name);
        }
    }
    assert!(metrics.len() >= 6 && codes >= 5, "{metrics:?}, {codes}");
}

/// Which alerts fire after two hours of what a check says; its moment is moved to the beginning of promtool's time.
fn firing(world: &World, said: &str) -> Vec<String> {
    let samples: Vec<(&str, f64)> = said
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect();
    let run = "edgecert_check_last_run_timestamp_seconds";
    let now = samples.iter().find(|(series, _)| *series == run).unwrap().1;
    let mut series = String::new();
    for (name, value) in &samples {
        let values = match *name == run {
            true => "0+300x24".to_owned(),
            false if name.contains("_timestamp_seconds") => format!("{}x24", value - now),
            false => format!("{value}x24"),
        };
        let name = name.replace('\'', "''");
        let _ = writeln!(series, "      - {{series: '{name}', values: '{values}'}}");
    }
    // promtool tells what it got where nothing was expected.
    let test = format!(
        "rule_files: ['{}']\nevaluation_interval: 5m\ntests:\n  - interval: 5m\n    input_series:\n{series}    \
         promql_expr_test:\n      - expr: count by (alertname) (ALERTS{{alertstate=\"firing\"}})\n        eval_time: 2h\n",
        example("prometheus-rules.yml").display()
    );
    world.write("fires.test.yml", test);
    let ran = Command::new("promtool")
        .args(["test", "rules"])
        .arg(world.path("fires.test.yml"))
        .output()
        .unwrap();
    let told = [ran.stdout, ran.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    let mut names: Vec<String> = told
        .split("alertname=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names.is_empty(), ran.status.success(), "{told}");
    names
}

#[test]
fn the_rules_are_silent_on_a_sound_edge_and_fire_on_what_a_check_finds() {
    let (edge, gateway) = Edge::assigned();
    let world = &edge.world;
    let metrics = |code, more: &[&str]| {
        let words = [&["check", "--format", "prometheus"], more].concat();
        world.run(&words).ended(code).stdout
    };
    assert_eq!(firing(world, &metrics(0, &[])), [""; 0]);
    // 15 of 90 days are left of one, 4 of the other; a name is missing in both, and nobody listens there.
    let ca = Ca::new(world);
    for (name, from) in [("soon", -75), ("very-soon", -86)] {
        let leaf = Leaf {
            names: &["dns:edge.contoso.com"],
            from,
            to: 90 + from,
        };
        ca.leaf(world, name, &leaf);
    }
    let dark = free_addresses(1)[0].to_string();
    let wanted = ["--name", "dns:fabrikam.com", "--roots", "root.pem"];
    let targets = ["soon.pem", "very-soon.pem", &dark];
    let said = metrics(2, &[&targets[..], &wanted].concat());
    assert_eq!(
        firing(world, &said),
        [
            "EdgecertCertificateEndsSoon",
            "EdgecertCertificateEndsVerySoon",
            "EdgecertCheckCritical",
            "EdgecertCoverageLost",
            "EdgecertListenerDark"
        ]
    );
    // Somebody puts the gateway's own copy back to what it was before an assignment.
    let copy = |from: &str, to: &str| {
        let mut copy = Command::new("cp");
        let copied = copy.args(["-a", from, to]).current_dir(world.folder());
        assert!(copied.status().unwrap().success());
    };
    copy("edgecert.gateway/front", "kept");
    edge.generation(&[]);
    world.run(&["assign"]).ended(0);
    drop(gateway);
    std::fs::remove_dir_all(world.path("edgecert.gateway/front")).unwrap();
    copy("kept", "edgecert.gateway/front");
    let _gateway = edge.start();
    assert_eq!(
        firing(world, &metrics(2, &[])),
        ["EdgecertCheckCritical", "EdgecertServedDiffersFromAssigned"]
    );
}

/// A task of the playbook that runs a command, with what it says of its outcome.
struct Task<'y> {
    task: &'y Value,
    argv: Vec<&'y str>,
    register: &'y str,
}

impl<'y> Task<'y> {
    fn all(playbook: &'y Value) -> Vec<Self> {
        let tasks = playbook[0]["tasks"].as_array().unwrap();
        let commands = tasks.iter().filter_map(|task| {
            let argv = task["ansible.builtin.command"]["argv"].as_array()?;
            Some(Self {
                task,
                argv: argv.iter().map(|word| word.as_str().unwrap()).collect(),
                register: task["register"].as_str().unwrap(),
            })
        });
        commands.collect()
    }

    /// Runs it: its command line, what stands on its standard input, for an item of its loop.
    fn run(&self, world: &World, item: &Value) -> (i32, Value) {
        let mut words = self.argv.iter().map(|word| match *word {
            "{{ edgecert }}" => "edgecert",
            "{{ item.name }}" => item["name"].as_str().unwrap(),
            word => {
                assert!(!word.contains('{'), "{word} is not known to this test");
                word
            }
        });
        assert_eq!(words.next(), Some("edgecert"));
        let words: Vec<&str> = words.collect();
        let reply = self.task["ansible.builtin.command"]["stdin"].as_str();
        let reply = reply.map(|stdin| {
            assert_eq!(stdin, "{{ lookup('ansible.builtin.file', item) }}");
            world.read(item.as_str().unwrap())
        });
        let mut child = world
            .command(&words)
            .env("EDGECERT_CONFIG", world.path("edgecert.toml"))
            .env("EDGECERT_NON_INTERACTIVE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing may have ended.
        let _ = stdin.write_all(reply.unwrap_or_default().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {output:#?}"));
        (output.status.code().unwrap(), document)
    }

    fn has_failed(&self, code: i32) -> bool {
        let condition = self.task["failed_when"].as_str().unwrap();
        let of = self.register;
        if condition == format!("{of}.rc != 0") {
            code != 0
        } else if condition == format!("{of}.rc not in [0, 1]") {
            ![0, 1].contains(&code)
        } else {
            panic!("{condition} is not known to this test")
        }
    }

    fn has_changed(&self, document: &Value) -> bool {
        match self.task["changed_when"].as_str().unwrap() {
            "false" => {
                assert_eq!(document["changed"], false, "{document:#}");
                false
            }
            condition => {
                assert_eq!(
                    condition,
                    format!("({}.stdout | from_json).changed", self.register)
                );
                document["changed"].as_bool().unwrap()
            }
        }
    }
}

/// How a run of the playbook ended: which tasks changed something, and which one failed.
#[derive(Debug, PartialEq, Eq)]
struct Played {
    changed: Vec<String>,
    failed: Option<String>,
}

impl Played {
    fn new(changed: &[&str], failed: Option<&str>) -> Self {
        Self {
            changed: changed.iter().map(ToString::to_string).collect(),
            failed: failed.map(str::to_owned),
        }
    }
}

fn play(world: &World, playbook: &Value, replies: &[&str]) -> (Played, BTreeMap<String, Value>) {
    let mut played = Played::new(&[], None);
    let mut said: BTreeMap<String, Value> = BTreeMap::new();
    for task in Task::all(playbook) {
        let items = match task.task["loop"].as_str() {
            None => vec![Value::Null],
            Some(list) if list.contains("fileglob") => {
                replies.iter().map(|name| (*name).into()).collect()
            }
            Some(list) => {
                assert!(list.contains("(certificates.stdout | from_json).result.certificates"));
                assert!(list.contains("| selectattr('generations') | rejectattr('staged')"));
                let all = said["certificates"]["result"]["certificates"].as_array();
                let mut all = all.unwrap().clone();
                all.retain(|one| {
                    !one["generations"].as_array().unwrap().is_empty() && one["staged"].is_null()
                });
                all
            }
        };
        for item in items {
            let (code, document) = task.run(world, &item);
            assert_eq!(document["exit_code"], code);
            if task.has_failed(code) {
                played.failed = Some(task.register.to_owned());
                return (played, said);
            }
            if task.has_changed(&document) {
                played.changed.push(task.register.to_owned());
            }
            said.insert(task.register.to_owned(), document);
        }
    }
    (played, said)
}

#[test]
fn the_playbook_leads_from_the_request_to_the_live_port_and_twice_changes_nothing() {
    let playbook = yaml_of("playbook.yml");
    assert!(
        !text_of("playbook.yml").contains("ansible.builtin.shell"),
        "no shell"
    );
    let edge = Edge::new();
    let world = &edge.world;
    let gateway = edge.start();
    let (played, said) = play(world, &playbook, &[]);
    assert_eq!(played, Played::new(&["renewal"], None));
    // What the tasks between take from the documents.
    let request = &said["requests"]["result"]["requests"][0];
    assert_eq!(request["state"], "pending");
    for key in ["csr", "certificate", "id"] {
        assert!(request[key].is_string(), "{request:#}");
    }
    let finding = &said["check"]["findings"][0];
    for key in ["code", "severity", "place", "what", "mend"] {
        assert!(finding[key].is_string(), "{finding:#}");
    }
    let csr = request["csr"].as_str().unwrap();
    world
        .run(&["lab", "sign", csr, "--ca", "ca", "--out", "reply.pem"])
        .ended(0);
    let (played, _) = play(world, &playbook, &["reply.pem"]);
    assert_eq!(played, Played::new(&["imported", "assigned"], None));
    assert_eq!(edge.served(), edge.certificate("reply.pem").facts().sha256);
    let (played, _) = play(world, &playbook, &["reply.pem"]);
    assert_eq!(played, Played::new(&[], None));
    // A reply that answers nothing stops it, and so does a gateway that is down.
    let stranger = Edge::new();
    stranger.generation(&[]);
    let other = stranger.world.files("edgecert.state/archive");
    let other = other
        .iter()
        .find(|(name, _)| name.ends_with("fullchain.pem"));
    world.write("stranger.pem", &other.unwrap().1);
    let (played, _) = play(world, &playbook, &["stranger.pem"]);
    assert_eq!(played, Played::new(&[], Some("imported")));
    drop(gateway);
    let (played, _) = play(world, &playbook, &[]);
    assert!(played.failed.is_some(), "{played:?}");
}

#[test]
fn the_playbook_refuses_a_deployment_with_a_mistake() {
    let playbook = yaml_of("playbook.yml");
    let tasks = playbook[0]["tasks"].as_array().unwrap();
    let command = tasks
        .iter()
        .find_map(|task| task["ansible.builtin.copy"]["validate"].as_str())
        .unwrap();
    let words: Vec<&str> = command
        .strip_prefix("{{ edgecert }} ")
        .unwrap()
        .split(' ')
        .map(|word| if word == "%s" { "new.toml" } else { word })
        .collect();
    let world = World::new();
    world.run(&["init", "--sip-domain", "contoso.com"]).ended(0);
    let text = world.read("edgecert.toml");
    std::fs::remove_file(world.path("edgecert.toml")).unwrap();
    world.write("new.toml", &text);
    world.run(&words).ended(0);
    world.write("new.toml", text.replacen("fqdn", "fqnd", 1));
    world.run(&words).ended(64);
}

/// The command lines of `nagios.cfg` by their names.
fn nagios_commands() -> BTreeMap<String, String> {
    let mut name = String::new();
    let mut all = BTreeMap::new();
    for line in text_of("nagios.cfg").lines() {
        match line.trim().split_once(' ') {
            Some(("command_name", word)) => name = word.trim().to_owned(),
            Some(("command_line", line)) => {
                all.insert(name.clone(), line.trim().to_owned());
            }
            Some(_) | None => {}
        }
    }
    all
}

/// The arguments of a command for edgecert, as a service gives them.
fn nagios_arguments(service: &str) -> Vec<String> {
    let mut parts = service.split('!');
    let line = nagios_commands()[parts.next().unwrap()].clone();
    let line = parts.enumerate().fold(line, |line, (at, argument)| {
        line.replace(&format!("$ARG{}$", at + 1), argument)
    });
    let (program, arguments) = line.split_once("/usr/local/bin/edgecert ").unwrap();
    assert!(["", "/usr/bin/sudo -n "].contains(&program), "{line}");
    assert!(!arguments.contains('$'), "{line}");
    let arguments = arguments.split(' ').map(str::to_owned);
    arguments.collect()
}

#[test]
fn the_commands_of_nagios_say_one_line_and_end_with_its_code() {
    let text = text_of("nagios.cfg");
    let services: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("check_command "))
        .map(str::trim)
        .collect();
    assert_eq!(services, ["check_edgecert", "check_federation!contoso.com"]);
    // What sudo is told to allow is what is run.
    let allowed = text.split("NOPASSWD: ").nth(1).unwrap().lines().next();
    assert!(
        nagios_commands()["check_edgecert"].ends_with(allowed.unwrap()),
        "{text}"
    );
    let edge = Edge::new();
    let world = &edge.world;
    let deployment = world.path("edgecert.toml").display().to_string();
    let on_the_edge: Vec<String> = nagios_arguments(services[0])
        .into_iter()
        .map(|word| word.replace("/etc/edgecert/edgecert.toml", &deployment))
        .collect();
    let says = |arguments: &[String], code: i32, begin: &str| {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = world.run(&words).ended(code).stdout;
        let first = said.lines().next().unwrap();
        assert!(first.starts_with(begin), "{said}");
        // Performance data stands behind one pipe, in the first line alone.
        assert_eq!(first.matches('|').count(), 1, "{said}");
        assert_eq!(said.matches('|').count(), 1, "{said}");
    };
    says(&on_the_edge, 1, "CERTIFICATES WARNING - ");
    edge.generation(&[]);
    let gateway: Gateway = edge.start();
    world.run(&["assign"]).ended(0);
    says(&on_the_edge, 0, "CERTIFICATES OK - ");
    drop(gateway);
    says(&on_the_edge, 2, "CERTIFICATES CRITICAL - ");
    // A resolver that is not there, as no question may leave this machine.
    let mut outside = nagios_arguments(services[1]);
    outside.extend(["--resolver".to_owned(), free_addresses(1)[0].to_string()]);
    says(&outside, 3, "UNKNOWN - ");
}
