//! The order of SRV records (RFC 2782), without its chance.
//!
//! A client draws among equals by weight, so that load is shared. Whoever looks at all wants the same order twice:
//! by priority, then the heavier first, then by name and port.

use super::Srv;

/// The records in the order in which a client would most likely try them.
pub fn in_order(mut records: Vec<Srv>) -> Vec<Srv> {
    records.sort_by(|one, other| {
        one.priority
            .cmp(&other.priority)
            .then(other.weight.cmp(&one.weight))
            .then(one.target.cmp(&other.target))
            .then(one.port.cmp(&other.port))
    });
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5269,
            target: target.to_owned(),
        }
    }

    #[test]
    fn priority_counts_first_then_weight_then_the_name() {
        let ordered = in_order(vec![
            srv(20, 100, "a"),
            srv(10, 1, "b"),
            srv(10, 9, "d"),
            srv(10, 9, "c"),
        ]);
        let names: Vec<&str> = ordered.iter().map(|one| one.target.as_str()).collect();
        assert_eq!(names, ["c", "d", "b", "a"]);
    }

    proptest! {
        #[test]
        fn the_order_of_the_answer_does_not_matter(
            records in proptest::collection::vec((0u16..3, 0u16..3, "[a-c]"), 0..12),
            turn in 0usize..12,
        ) {
            let records: Vec<Srv> = records.iter().map(|(p, w, t)| srv(*p, *w, t)).collect();
            let mut turned = records.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            prop_assert_eq!(in_order(records), in_order(turned));
        }
    }
}
