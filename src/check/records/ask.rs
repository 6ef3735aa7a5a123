//! The questions put to a resolver, until none is left.

use super::RecordPlan;
use super::replies::{Answers, Found, Kind, Question, Reply, questions};
use crate::dns::{Answer, DnsError, Proof, Resolver};
use crate::explain::Explain;
use crate::names::Domain;
use tokio::task::JoinSet;

/// Rounds: the plan's questions, then the targets that are published instead.
const MAX_ROUNDS: usize = 3;

/// Asks for all that the plan needs. What fails is kept as the answer. Effects: the network, for as long as the
/// resolver's own time limits allow.
pub async fn ask(plan: &RecordPlan, resolver: &Resolver) -> Answers {
    let mut answers = Answers::new();
    for _ in 0..MAX_ROUNDS {
        let mut asked = JoinSet::new();
        for question in questions(plan, &answers) {
            let resolver = resolver.clone();
            asked.spawn(async move {
                let reply = reply_to(&question, &resolver).await;
                (question, reply)
            });
        }
        if asked.is_empty() {
            break;
        }
        while let Some(done) = asked.join_next().await {
            if let Ok((question, reply)) = done {
                answers.insert(question, reply);
            }
        }
    }
    answers
}

async fn reply_to(question: &Question, resolver: &Resolver) -> Reply {
    let name = question.name.as_str();
    match question.kind {
        Kind::Srv => taken(resolver.srv(name).await, |srv| Found::Srv {
            port: srv.port,
            target: match srv.is_refusal() {
                true => String::new(),
                false => srv.target,
            },
        }),
        Kind::Address => taken(resolver.addresses(name).await, Found::Address),
        Kind::Tlsa => taken(resolver.tlsa(name).await, |tlsa| Found::Tlsa {
            usage: tlsa.usage,
            selector: tlsa.selector,
            matching: tlsa.matching,
            data: tlsa.data,
        }),
        Kind::Caa => {
            let Ok(domain) = Domain::parse(name) else {
                return nothing();
            };
            let found = resolver.caa(&domain).await;
            // What stands above has a question of its own.
            if found.as_ref().is_ok_and(|answer| answer.asked != name) {
                return nothing();
            }
            taken(found, |caa| Found::Caa {
                critical: caa.critical,
                tag: caa.tag,
                value: caa.value,
            })
        }
    }
}

fn nothing() -> Reply {
    Reply::Answered {
        records: Vec::new(),
        alias: None,
        proof: Proof::Indeterminate,
    }
}

fn taken<T>(answer: Result<Answer<T>, DnsError>, found: impl Fn(T) -> Found) -> Reply {
    match answer {
        Ok(answer) if answer.proof == Proof::Bogus => {
            Reply::Bogus("the signatures of the answer do not hold".into())
        }
        Ok(answer) => Reply::Answered {
            records: answer.records.into_iter().map(found).collect(),
            alias: answer.alias,
            proof: answer.proof,
        },
        Err(error @ DnsError::Bogus { .. }) => Reply::Bogus(error.explain().why),
        Err(error) => Reply::Failed(Box::new(error.explain())),
    }
}
