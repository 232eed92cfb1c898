//! Who comes in and is somebody known already: linked where the match is proof, held where it isn't.
//!
//! Proof is a userName, or a manual user's e-mail address, in a domain that the source has verified or the operator declared authoritative. Guests never match by
//! themselves.

use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::stage::problem;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{DISPLAY_NAME, User, domain_of, fold};
use usher_store::{Connection, Former, Heir, IS_PROTECTED, Lease, Match, Matching, Newcomer, Read};

const PAGE: i64 = 500;

/// Matches newcomers against everybody whom this connection doesn't own.
pub async fn newcomers(
    host: &Host,
    lease: Lease,
    read: Read,
    connection: &Connection,
    former: &Former,
    verified: &[String],
) -> Result<(), Fault> {
    if !host.store.has_strangers(read).await? {
        return Ok(());
    }
    let authoritative: BTreeSet<_> =
        connection.rules.authoritative.iter().chain(verified).map(|domain| fold(domain)).collect();
    let protected = host.store.protected_records(connection.tenant).await?;
    let mut after = String::new();
    loop {
        let page = host.store.newcomers(read, false, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        let mut addresses = Vec::new();
        for Newcomer { id, user, .. } in &page {
            addresses.extend(own_addresses(user).into_iter().map(|address| (id.clone(), address)));
        }
        let mut found: BTreeMap<String, Vec<Match>> = BTreeMap::new();
        for hit in host.store.matches(read, &addresses).await? {
            found.entry(hit.id.clone()).or_default().push(hit);
        }
        let mut links = Vec::new();
        let mut problems = Vec::new();
        for Newcomer { id, user, guest } in page {
            let Some(hits) = found.remove(&id) else { continue };
            let name = user.user_name.as_deref().map(fold);
            // A former connection's people are met by their userName here, by their addresses only when that is nobody's.
            let hits: Vec<_> = hits
                .into_iter()
                .filter(|hit| !is_former(former, hit) || name.as_ref() == Some(&hit.address))
                .collect();
            if hits.is_empty() {
                continue;
            }
            // That somebody protected was made by hand and is the source's as well is never guessed.
            let guessed = |hit: &&Match| hit.owner.is_none() && protected.contains(&hit.record);
            if let Some(hit) = hits.iter().find(guessed) {
                let why =
                    format!("may be {}, who {IS_PROTECTED}; say so with `usher users link`", hit.user_name);
                problems.push((id, problem("held", &why)));
                continue;
            }
            match decide(connection.rules.matching, &authoritative, former, guest, &hits) {
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
    if !former.is_empty() {
        heirs(host, lease, read, former).await?;
    }
    host.store.hold_shared_matches(lease, read).await?;
    Ok(())
}

fn is_former(former: &Former, hit: &Match) -> bool {
    hit.owner.is_some_and(|owner| former.name(owner).is_some())
}

fn own_addresses(user: &User) -> BTreeSet<String> {
    user.user_name.iter().chain(user.emails()).map(|address| fold(address)).collect()
}

/// Newcomers who have nobody's userName, against the people of connections that gave way: by an address, else by the key. The key alone proves
/// nothing, since two exports may both count from 1: it needs the same displayName beside it.
async fn heirs(host: &Host, lease: Lease, read: Read, former: &Former) -> Result<(), Fault> {
    let store = &host.store;
    let mut after = String::new();
    loop {
        let page = store.newcomers(read, true, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        if after.is_empty() {
            store.note_former_addresses(lease, read, former).await?;
        }
        after.clone_from(&last.id);
        let mut asked = Vec::new();
        for Newcomer { id, user, .. } in &page {
            asked.extend(own_addresses(user).into_iter().map(|address| (id.clone(), Some(address))));
            asked.push((id.clone(), None));
        }
        let mut found: BTreeMap<String, Vec<Heir>> = BTreeMap::new();
        for heir in store.heirs(read, former, &asked).await? {
            found.entry(heir.id.clone()).or_default().push(heir);
        }
        let (mut links, mut problems) = (Vec::new(), Vec::new());
        for Newcomer { id, user, guest } in page {
            match found.remove(&id).and_then(|heirs| inherits(&user, guest, &heirs)) {
                Some(Inherits::One(record)) => links.push((id, record)),
                Some(Inherits::Held(why, who)) => {
                    problems.push((id, waiting(&format!("{why}; {}", settled(former)), &who)));
                }
                None => {}
            }
        }
        store.settle_matches(lease, read, &links, &problems).await?;
    }
}

/// Whom somebody takes over.
enum Inherits {
    /// This record.
    One(String),
    /// One of these records, or none: why, and which.
    Held(String, Vec<String>),
}

/// How somebody says who is meant: by a record that the source is known to have.
fn settled(former: &Former) -> &'static str {
    if former.yielding().is_empty() {
        "say which with `usher users link`"
    } else {
        "say which with `usher users link` once the switch is done"
    }
}

/// A problem that waits for a decision on records. As long as it does, nobody of them is let go as an orphan.
fn waiting(why: &str, records: &[String]) -> String {
    serde_json::json!({ "standing": "held", "why": why, "may_be": records }).to_string()
}

/// Whom somebody takes over, of those who may be meant.
fn inherits(user: &User, guest: bool, heirs: &[Heir]) -> Option<Inherits> {
    let by_address: BTreeMap<_, _> = heirs
        .iter()
        .filter_map(|heir| Some((heir.record.as_str(), (heir, heir.address.as_ref()?))))
        .collect();
    let mut who = by_address.values();
    match (who.next(), who.next()) {
        (None, _) => {
            let named = user.text(DISPLAY_NAME).map(fold)?;
            let same =
                heirs.iter().filter(|heir| heir.display_name.as_deref().map(fold).as_ref() == Some(&named));
            let same: BTreeMap<_, _> = same.map(|heir| (heir.record.as_str(), heir)).collect();
            match same.len() {
                0 => None,
                1 => same.into_keys().next().map(|record| Inherits::One(record.to_owned())),
                _ => Some(any_of(same.into_values())),
            }
        }
        (Some((heir, _)), None) if !guest => Some(Inherits::One(heir.record.clone())),
        (Some((heir, address)), None) => Some(Inherits::Held(
            format!("{address} is an address of {}, and a guest is never matched by one", heir.user_name),
            vec![heir.record.clone()],
        )),
        (Some(_), Some(_)) => Some(any_of(by_address.into_values().map(|(heir, _)| heir))),
    }
}

/// Somebody who may be several.
fn any_of<'a>(heirs: impl Iterator<Item = &'a Heir>) -> Inherits {
    let (names, records): (BTreeSet<_>, Vec<_>) =
        heirs.map(|heir| (heir.user_name.as_str(), heir.record.clone())).unzip();
    let names: Vec<_> = names.into_iter().collect();
    Inherits::Held(format!("may be any of {}", names.join(", ")), records)
}

enum Decision {
    Link(String),
    Problem(&'static str, String),
    Fail(String),
}

fn decide(
    matching: Matching,
    authoritative: &BTreeSet<String>,
    former: &Former,
    guest: bool,
    hits: &[Match],
) -> Decision {
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
    if is_former(former, hit) {
        return Decision::Link(hit.record.clone());
    }
    if hit.owner.is_some() {
        return Decision::Problem(
            "quarantined",
            format!("{} is the {how} of {}, who belongs to another connection", hit.address, hit.user_name),
        );
    }
    let proof = !guest && domain_of(&hit.address).is_some_and(|domain| authoritative.contains(&domain));
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
            owner: None,
        }
    }

    #[test]
    fn f38_only_an_authoritative_domain_is_proof_and_never_for_guests() {
        let acme = BTreeSet::from(["acme.example".to_owned()]);
        let links = |decision| matches!(decision, Decision::Link(_));
        assert!(links(decide(Matching::Ask, &acme, &Former::default(), false, &[hit(true)])));
        assert!(links(decide(Matching::Ask, &acme, &Former::default(), false, &[hit(false)])));
        assert!(!links(decide(Matching::Ask, &BTreeSet::new(), &Former::default(), false, &[hit(true)])));
        assert!(links(decide(Matching::Link, &BTreeSet::new(), &Former::default(), false, &[hit(true)])));
        assert!(!links(decide(Matching::Ask, &acme, &Former::default(), true, &[hit(true)])));
        assert!(matches!(
            decide(Matching::Fail, &BTreeSet::new(), &Former::default(), false, &[hit(true)]),
            Decision::Fail(_)
        ));
        let mut other = hit(false);
        other.record = "s".into();
        assert!(!links(decide(Matching::Link, &acme, &Former::default(), false, &[hit(true), other])));
    }
}
