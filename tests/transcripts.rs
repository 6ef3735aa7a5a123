//! Golden transcripts: what the terminal shows, command by command, as it stands in `tests/cmd/*.toml`; and the sample
//! in `README.md`, which is one of them.
//!
//! A transcript is run by `sh` in a fresh folder with `edgecert` in front of the `PATH`. What differs from run to run
//! (dates, digests, ports …) stands as a placeholder; the width of columns does not count. `EDGECERT_BLESS=1 cargo test
//! --test transcripts` writes what is shown now into the files and the README: then read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "transcripts/placeholders.rs"]
mod placeholders;
#[path = "transcripts/script.rs"]
mod script;
mod world;

use edge::{Edge, Gateway};
use placeholders::{hide, same};
use script::{Script, Setup, Step};
use std::path::{Path, PathBuf};
use std::process::Command;
use world::{OpensslCa, Window, World};

/// The transcript that the README shows.
const README: &str = "readme";
const MARKER: &str = "<!-- transcript -->\n";
/// Most lines and columns of the README's sample.
const SAMPLE: (usize, usize) = (60, 100);

/// What a step showed.
struct Shown {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Where a transcript is run.
enum Place {
    World(World),
    Edge {
        edge: Edge,
        /// Ends with the transcript.
        _running: Gateway,
    },
}

impl Place {
    fn new(setup: &[Setup]) -> Self {
        if setup.contains(&Setup::Gateway) {
            let edge = Edge::new();
            let _running = edge.start();
            return Self::Edge { edge, _running };
        }
        let world = World::new();
        for one in setup {
            match one {
                Setup::Gateway => {}
                Setup::LabCa => {
                    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
                }
                Setup::Deployment => {
                    let edge = ["--fqdn", "edge.contoso.com", "--sip-domain", "contoso.com"];
                    let mut arguments = vec!["init", "--xmpp-domain", "contoso.com"];
                    arguments.extend(edge);
                    world.run(&arguments).ended(0);
                    let text = world.read("edgecert.toml");
                    world.write(
                        "edgecert.toml",
                        text.replacen("[\"system\"]", "[\"ca/root.pem\"]", 1),
                    );
                }
                Setup::Expired => {
                    let edge = ["--fqdn", "old.contoso.com", "--sip-domain", "contoso.com"];
                    let mut made = vec!["request", "--out", "old"];
                    made.extend(edge);
                    world.run(&made).ended(0);
                    let window = Window("20250101000000Z", "20250401000000Z");
                    let leaf = OpensslCa::new(&world, "Contoso").sign_with(
                        &csr_below(&world.path("old")),
                        Some(window),
                        &[],
                    );
                    world.write("expired.pem", leaf);
                }
            }
        }
        Self::World(world)
    }

    fn world(&self) -> &World {
        match self {
            Self::World(world) => world,
            Self::Edge { edge, .. } => &edge.world,
        }
    }

    fn show(&self, step: &Step, columns: Option<i32>) -> Shown {
        let bin = Path::new(env!("CARGO_BIN_EXE_edgecert")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        // The world's command, for its clean environment.
        let clean = self.world().command(&[]);
        let mut command = Command::new("sh");
        command
            .args(["-c", &step.run])
            .current_dir(self.world().folder())
            .stdin(std::process::Stdio::null())
            .env("PATH", format!("{}:{path}", bin.display()));
        for (name, value) in clean.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(columns) = columns {
            command.env("COLUMNS", columns.to_string());
        }
        let output = command.output().unwrap();
        Shown {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The folder as a person would see it, and ports of the usual kind.
    fn tidy(&self, text: &str) -> String {
        let mut text = text.replace(
            &*self.world().folder().to_string_lossy(),
            placeholders::HOME,
        );
        if let Self::Edge { edge, .. } = self {
            for (address, port) in edge.listeners.iter().zip([15269, 15270, 15061, 10443]) {
                let wanted = format!("{}:{port}", address.ip());
                text = text.replace(&address.to_string(), &wanted);
            }
        }
        text
    }
}

fn csr_below(folder: &Path) -> PathBuf {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.to_string_lossy().ends_with("csr.pem")
                || path.extension().is_some_and(|end| end == "csr")
        })
        .expect("a CSR")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("EDGECERT_BLESS").is_some()
}

/// Runs a transcript. Gives the faults, and what was shown of the steps that are not hidden, as a terminal has it.
fn play(path: &Path) -> (Vec<String>, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut script =
        Script::parse(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let place = Place::new(&script.setup);
    let (mut faults, mut screen) = (Vec::new(), String::new());
    for step in &mut script.steps {
        let shown = place.show(step, script.columns);
        if step.hidden {
            if shown.code != step.code {
                faults.push(format!(
                    "{}: ended with {}\n{}",
                    step.run, shown.code, shown.stderr
                ));
            }
            continue;
        }
        if !screen.is_empty() {
            screen.push('\n');
        }
        screen.push_str(&format!("$ {}\n{}", step.run, place.tidy(&shown.stdout)));
        let (stdout, stderr) = (
            hide(&place.tidy(&shown.stdout)),
            hide(&place.tidy(&shown.stderr)),
        );
        if shown.code != step.code {
            faults.push(format!(
                "{}: ended with {}, wanted {}",
                step.run, shown.code, step.code
            ));
        }
        for (name, wanted, is) in [
            ("standard output", &step.stdout, &stdout),
            ("standard error", &step.stderr, &stderr),
        ] {
            if !same(wanted, is) {
                faults.push(format!(
                    "{}: {name}\n--- wanted\n{wanted}--- is\n{is}",
                    step.run
                ));
            }
        }
        (step.code, step.stdout, step.stderr) = (shown.code, stdout, stderr);
    }
    if blessing() {
        std::fs::write(path, script.to_toml()).unwrap();
        faults.clear();
    }
    (faults, screen)
}

/// The README's sample, without its indentation.
fn sample(readme: &str) -> (usize, usize, String) {
    let from = readme.find(MARKER).expect("the README has the marker") + MARKER.len();
    let to = from + readme[from..].find("\n## ").expect("a heading follows");
    let text = readme[from..to]
        .trim_matches('\n')
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect();
    (from, to, text)
}

#[test]
fn the_terminal_shows_what_the_transcripts_say() {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("tests/cmd"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_stem().is_some_and(|stem| stem != README))
        .collect();
    paths.sort();
    let faults: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = paths
            .iter()
            .map(|path| (path, scope.spawn(|| play(path).0)))
            .collect();
        runs.into_iter()
            .flat_map(|(path, run)| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let faults = run.join().unwrap_or_else(|_| vec!["it panicked".into()]);
                faults
                    .into_iter()
                    .map(move |fault| format!("{name}: {fault}"))
            })
            .collect()
    });
    assert!(
        faults.is_empty(),
        "{}\n\nif it is meant: EDGECERT_BLESS=1 cargo test --test transcripts, and read the difference",
        faults.join("\n\n")
    );
}

#[test]
fn the_readme_shows_how_it_really_looks() {
    let (faults, screen) = play(&root().join("tests/cmd").join(README).with_extension("toml"));
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (from, to, written) = sample(&readme);
    let (lines, columns) = SAMPLE;
    assert!(screen.lines().count() <= lines, "{screen}");
    for line in screen.lines() {
        assert!(line.chars().count() <= columns, "{line}");
    }
    if same(&hide(&written), &hide(&screen)) {
        return;
    }
    assert!(
        blessing(),
        "README.md\n--- wanted\n{screen}\n--- is\n{written}\n\nif it is meant: EDGECERT_BLESS=1 cargo test --test transcripts"
    );
    let block: String = screen
        .lines()
        .map(|line| format!("    {line}").trim_end().to_owned() + "\n")
        .collect();
    let whole = format!("{}\n{block}{}", &readme[..from], &readme[to..]);
    std::fs::write(&path, whole).unwrap();
}
