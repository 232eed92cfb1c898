//! Who comes in and is somebody known already: linked where the match is proof, held where it isn't.
//!
//! Proof is a userName, or a manual user's e-mail address, in a domain that the source has verified or the operator declared authoritative. Guests never match by
//! themselves.

use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::stage::problem;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{User, domain_of, fold};
use usher_store::{Connection, Lease, Match, Matching, Read};

const PAGE: i64 = 500;

fn is_guest(user: &User) -> bool {
    user.text("userType").is_some_and(|kind| fold(kind) == "guest")
}

/// Matches newcomers against everybody whom this connection doesn't own.
pub async fn newcomers(
    host: &Host,
    lease: Lease,
    read: Read,
    connection: &Connection,
    verified: &[String],
) -> Result<(), Fault> {
    if !host.store.has_strangers(read).await? {
        return Ok(());
    }
    let authoritative: BTreeSet<_> =
        connection.rules.authoritative.iter().chain(verified).map(|domain| fold(domain)).collect();
    let mut after = String::new();
    loop {
        let page = host.store.newcomers(read, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        let mut addresses = Vec::new();
        for (id, user) in &page {
            let own: BTreeSet<_> =
                user.user_name.iter().chain(user.emails()).map(|address| fold(address)).collect();
            addresses.extend(own.into_iter().map(|address| (id.clone(), address)));
        }
        let mut found: BTreeMap<String, Vec<Match>> = BTreeMap::new();
        for hit in host.store.matches(read, &addresses).await? {
            found.entry(hit.id.clone()).or_default().push(hit);
        }
        let mut links = Vec::new();
        let mut problems = Vec::new();
        for (id, user) in page {
            let Some(hits) = found.remove(&id) else { continue };
            match decide(connection.rules.matching, &authoritative, &user, &hits) {
                Decision::Link(record) => links.push((id, record)),
                Decision::Problem(standing, why) => problems.push((id, problem(standing, &why))),
                Decision::Fail(why) => {
                    return Err(Fault::new(
                        Class::Source,
                        why,
                        "decide with `usher users link`, or change what a doubtful match does with `--set matching=ask`",
                    ));
                }
            }
        }
        host.store.settle_matches(lease, read, &links, &problems).await?;
    }
    host.store.hold_shared_matches(lease, read).await?;
    Ok(())
}

enum Decision {
    Link(String),
    Problem(&'static str, String),
    Fail(String),
}

fn decide(matching: Matching, authoritative: &BTreeSet<String>, user: &User, hits: &[Match]) -> Decision {
    let records: BTreeSet<_> = hits.iter().map(|hit| hit.record.as_str()).collect();
    let Some(hit) = hits.iter().find(|hit| hit.by_user_name).or_else(|| hits.first()) else {
        return Decision::Problem("quarantined", "no match".to_owned());
    };
    if records.len() > 1 {
        let names: BTreeSet<_> = hits.iter().map(|hit| hit.user_name.as_str()).collect();
        let names: Vec<_> = names.into_iter().collect();
        return Decision::Problem(
            "held",
            format!("may be any of {}; say which with `usher users link`", names.join(", ")),
        );
    }
    let how = if hit.by_user_name { "userName" } else { "e-mail address" };
    if !hit.manual {
        return Decision::Problem(
            "quarantined",
            format!("{} is the {how} of {}, who belongs to another connection", hit.address, hit.user_name),
        );
    }
    let proof =
        !is_guest(user) && domain_of(&hit.address).is_some_and(|domain| authoritative.contains(&domain));
    let words = format!("{} is the {how} of {}, who was made by hand", hit.address, hit.user_name);
    match matching {
        _ if proof => Decision::Link(hit.record.clone()),
        Matching::Link => Decision::Link(hit.record.clone()),
        Matching::Ask => Decision::Problem("held", format!("{words}; say so with `usher users link`")),
        Matching::Skip => Decision::Problem("skipped", words),
        Matching::Fail => Decision::Fail(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(by_user_name: bool) -> Match {
        Match {
            id: "7".into(),
            address: "ann@acme.example".into(),
            record: "r".into(),
            user_name: "ann@acme.example".into(),
            by_user_name,
            manual: true,
        }
    }

    #[test]
    fn f38_only_an_authoritative_domain_is_proof_and_never_for_guests() {
        let acme = BTreeSet::from(["acme.example".to_owned()]);
        let ann = User { id: "7".into(), user_name: Some("ann@acme.example".into()), ..User::default() };
        let links = |decision| matches!(decision, Decision::Link(_));
        assert!(links(decide(Matching::Ask, &acme, &ann, &[hit(true)])));
        assert!(links(decide(Matching::Ask, &acme, &ann, &[hit(false)])));
        assert!(!links(decide(Matching::Ask, &BTreeSet::new(), &ann, &[hit(true)])));
        assert!(links(decide(Matching::Link, &BTreeSet::new(), &ann, &[hit(true)])));
        let mut guest = ann.clone();
        guest.attributes.insert("userType".into(), "Guest".into());
        assert!(!links(decide(Matching::Ask, &acme, &guest, &[hit(true)])));
        assert!(matches!(decide(Matching::Fail, &BTreeSet::new(), &ann, &[hit(true)]), Decision::Fail(_)));
        let mut other = hit(false);
        other.record = "s".into();
        assert!(!links(decide(Matching::Link, &acme, &ann, &[hit(true), other])));
    }
}
