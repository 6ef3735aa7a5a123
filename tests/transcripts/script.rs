//! The file of a transcript: read, and written anew when it is blessed.

use toml::de::{DeTable, DeValue};

/// What there is before the first step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// A throw-away CA in `ca/`.
    LabCa,
    /// A deployment for contoso.com that trusts `ca/`.
    Deployment,
    /// `expired.pem`: a certificate of the first quarter of 2025.
    Expired,
    /// A CA, a deployment with an embedded gateway on free ports, and that gateway running.
    Gateway,
}

impl Setup {
    const ALL: [(&'static str, Self); 4] = [
        ("lab-ca", Self::LabCa),
        ("deployment", Self::Deployment),
        ("expired", Self::Expired),
        ("gateway", Self::Gateway),
    ];
}

/// One command.
#[derive(Default)]
pub struct Step {
    /// As it is typed; `sh` reads it.
    pub run: String,
    /// Whether only its exit code counts.
    pub hidden: bool,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A transcript.
pub struct Script {
    about: String,
    pub setup: Vec<Setup>,
    /// Columns of the terminal; none is no terminal, and nothing is broken.
    pub columns: Option<i32>,
    pub steps: Vec<Step>,
}

impl Script {
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = DeTable::parse(text).map_err(|error| error.to_string())?;
        let root = root.get_ref();
        let mut script = Self {
            about: text_of(root, "about"),
            setup: Vec::new(),
            columns: integer(root, "columns")?,
            steps: Vec::new(),
        };
        for word in list(root, "setup") {
            let word = word.as_str().unwrap_or_default();
            let known = Setup::ALL.iter().find(|(known, _)| *known == word);
            script.setup.push(known.ok_or(format!("setup {word:?}"))?.1);
        }
        for step in list(root, "step") {
            let DeValue::Table(step) = step else {
                return Err("a step is a table".into());
            };
            let hidden = matches!(
                step.get("hidden").map(toml::Spanned::get_ref),
                Some(DeValue::Boolean(true))
            );
            let code = integer(step, "code")?.unwrap_or(0);
            script.steps.push(Step {
                run: text_of(step, "run"),
                hidden,
                code,
                stdout: text_of(step, "stdout"),
                stderr: text_of(step, "stderr"),
            });
        }
        Ok(script)
    }

    pub fn to_toml(&self) -> String {
        let words: Vec<String> = Setup::ALL
            .iter()
            .filter(|(_, setup)| self.setup.contains(setup))
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let mut text = format!(
            "about = \"{}\"\nsetup = [{}]\n",
            self.about,
            words.join(", ")
        );
        if let Some(columns) = self.columns {
            text.push_str(&format!("columns = {columns}\n"));
        }
        for step in &self.steps {
            text.push_str(&format!("\n[[step]]\nrun = '''{}'''\n", step.run));
            if step.hidden {
                text.push_str("hidden = true\n");
            }
            if step.code != 0 {
                text.push_str(&format!("code = {}\n", step.code));
            }
            for (name, shown) in [("stdout", &step.stdout), ("stderr", &step.stderr)] {
                if !shown.is_empty() {
                    text.push_str(&format!("{name} = '''\n{shown}'''\n"));
                }
            }
        }
        text
    }
}

fn integer(table: &DeTable<'_>, key: &str) -> Result<Option<i32>, String> {
    match table.get(key).map(toml::Spanned::get_ref) {
        Some(DeValue::Integer(number)) => i32::from_str_radix(number.as_str(), number.radix())
            .map(Some)
            .map_err(|error| error.to_string()),
        _ => Ok(None),
    }
}

fn text_of(table: &DeTable<'_>, key: &str) -> String {
    table
        .get(key)
        .and_then(|value| value.get_ref().as_str())
        .unwrap_or_default()
        .to_owned()
}

fn list<'a>(table: &'a DeTable<'_>, key: &str) -> impl Iterator<Item = &'a DeValue<'a>> {
    let array = table.get(key).and_then(|value| value.get_ref().as_array());
    array.into_iter().flatten().map(toml::Spanned::get_ref)
}
