//! A partner and what is said of its settings, for people and for programs.

use crate::cli::render;
use crate::explain::printable;
use crate::federation::judgement::lync_2013;
use crate::federation::{Judgement, Method, Negotiation, Partner, Weight};
use console::style;
use serde_json::{Value, json};

/// `tls required, sasl optional, dialback`.
pub fn settings_words(negotiation: Negotiation) -> String {
    format!(
        "tls {}, sasl {}, {}",
        negotiation.tls.word(),
        negotiation.sasl.word(),
        match negotiation.dialback {
            true => "dialback",
            false => "no dialback",
        }
    )
}

/// How a thing that is there differs from one that is wanted, field by field, both as programs see them.
pub fn differences(there: &Value, wanted: &Value) -> String {
    let words = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::Array(all)) if all.is_empty() => "none".to_owned(),
        Some(value) => printable(&value.to_string()),
    };
    let all = there.as_object().into_iter().flatten();
    // These two follow from the others.
    all.filter(|(key, _)| !matches!(key.as_str(), "permits" | "judgement"))
        .filter(|(key, one)| wanted.get(key) != Some(one))
        .map(|(key, one)| {
            let (key, other) = (key.replace('_', "-"), words(wanted.get(key)));
            format!("{key} is {}, not {other}", words(Some(one)))
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// A partner, whole.
pub fn partner_text(partner: &Partner) -> String {
    let row = |head: &str, text: &str| render::hanging(&format!("  {head:<10}  "), text);
    let mut domains = vec![partner.domain.to_string()];
    domains.extend(partner.additional_domains.iter().map(ToString::to_string));
    let mut text = format!("{} · {}\n", partner.domain, partner.partner_type.word());
    if let Some(description) = &partner.description {
        text.push_str(&row("is", &printable(description)));
    }
    text.push_str(&row("domains", &domains.join(", ")));
    text.push_str(&row("permits", partner.partner_type.means()));
    text.push_str(&row("settings", &settings_words(partner.negotiation)));
    text.push_str(&row(
        "methods",
        &methods_words(&partner.negotiation.methods()),
    ));
    let limit = match partner.connection_limit {
        Some(limit) => format!("at most {limit} at once"),
        None => "no limit of its own".to_owned(),
    };
    let alive = match partner.keep_alive {
        true => "idle ones are kept alive",
        false => "idle ones may end",
    };
    text.push_str(&row("streams", &format!("{limit}; {alive}")));
    if let Some(server) = partner.server {
        text.push_str(&row("runs", server.title()));
    }
    if !partner.roots.is_empty() {
        let roots: Vec<String> = partner
            .roots
            .iter()
            .map(|one| printable(&one.display().to_string()))
            .collect();
        text.push_str(&row("roots", &roots.join(", ")));
    }
    text.push_str(&judged_text(partner.negotiation));
    text
}

/// The methods in the order in which they are tried.
pub fn methods_words(methods: &[Method]) -> String {
    let words: Vec<&str> = methods.iter().map(|method| method.title()).collect();
    match words.is_empty() {
        true => "none: no stream comes about".to_owned(),
        false => words.join(", else "),
    }
}

fn weight_mark(weight: Weight) -> String {
    match weight {
        Weight::None => style("ok").green().to_string(),
        Weight::Note => style("note").cyan().to_string(),
        Weight::Warning => style("warning").yellow().to_string(),
        Weight::Error => style("error").red().to_string(),
    }
}

/// What we say of the settings; nothing where there is nothing to say.
pub fn judged_text(negotiation: Negotiation) -> String {
    let said = negotiation.judge();
    match said.weight {
        Weight::None => String::new(),
        Weight::Note | Weight::Warning | Weight::Error => render::hanging(
            &format!("  {}  ", weight_mark(said.weight)),
            &format!("{} (row {} of 18)", said.words, said.row),
        ),
    }
}

/// What Lync Server 2013 says of them.
pub fn seed_text(negotiation: Negotiation) -> String {
    let seed = lync_2013(negotiation);
    let Judgement {
        row,
        methods,
        weight,
        words,
    } = &seed.judgement;
    let said = match *words {
        "" => "nothing",
        words => words,
    };
    let mut text = render::hanging(
        "  Lync 2013  ",
        &format!(
            "row {row}, {}: {said} Methods: {}.",
            weight.word(),
            methods_words(methods)
        ),
    );
    if let Some(common) = &seed.common {
        text.push_str(&render::hanging(
            "             ",
            &format!("its common configurations list: {}", methods_words(common)),
        ));
    }
    if !seed.inconsistent.is_empty() {
        text.push_str(&render::hanging("             ", seed.inconsistent));
    }
    text
}

fn judgement_json(said: &Judgement) -> Value {
    json!({
        "row": said.row,
        "valid": said.is_valid(),
        "methods": said.methods.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "severity": said.weight.word(),
        "message": said.words,
    })
}

/// A partner for programs.
pub fn partner_json(partner: &Partner) -> Value {
    let Partner {
        domain,
        description,
        additional_domains,
        partner_type,
        negotiation,
        connection_limit,
        keep_alive,
        server,
        roots,
    } = partner;
    json!({
        "domain": domain.as_str(),
        "description": description,
        "additional_domains": additional_domains.iter().map(|one| one.as_str()).collect::<Vec<_>>(),
        "type": partner_type.word(),
        "permits": permits_json(partner_type.permits()),
        "tls": negotiation.tls.word(),
        "sasl": negotiation.sasl.word(),
        "dialback": negotiation.dialback,
        "connection_limit": connection_limit,
        "keep_alive": keep_alive,
        "server": server.map(|one| one.word()),
        "roots": roots.iter().map(|one| one.display().to_string()).collect::<Vec<_>>(),
        "judgement": judgement_json(&negotiation.judge()),
    })
}

/// What a type permits, for programs.
pub fn permits_json(permits: crate::federation::Permits) -> Value {
    permits
        .each()
        .into_iter()
        .map(|(word, _, permission)| (word.to_owned(), json!(permission.word())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What Lync Server 2013 says, for programs.
pub fn seed_json(negotiation: Negotiation) -> Value {
    let seed = lync_2013(negotiation);
    let Value::Object(mut all) = judgement_json(&seed.judgement) else {
        return Value::Null;
    };
    let common = seed
        .common
        .map(|all| all.iter().map(|one| one.word()).collect::<Vec<_>>());
    all.insert("common".into(), json!(common));
    all.insert("inconsistent".into(), json!(seed.inconsistent));
    Value::Object(all)
}
