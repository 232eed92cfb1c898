//! Whose turn it is: one connection of a tenant is the active one, and what a run of another may do.

use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::report::Report;
use usher_store::{Connection, Former, Intent, Lease, Read, State};

/// What a run of this connection may take over from others. A run that changes something is refused where that would take a switch.
pub(crate) fn former(all: &[Connection], connection: &Connection, intent: Intent) -> Result<Former, Fault> {
    let rest = || all.iter().filter(|other| other.id != connection.id);
    let idle: Vec<_> = rest().filter(|other| other.state == State::Disabled).collect();
    let others: Vec<_> = rest().filter(|other| other.state.is_live()).collect();
    let live = connection.state.is_live();
    match (intent, others.first()) {
        (Intent::Switch, None) if live => Err(Fault::new(
            Class::Settings,
            format!("{} is the active connection already", connection.name),
            "run it with `usher sync`",
        )),
        (Intent::Sync, Some(active)) if !live => Err(Fault::new(
            Class::Settings,
            format!("{} is the active connection, and one is at a time", active.name),
            format!(
                "`usher switch {}` shows what would become of everybody, asks, and switches",
                connection.name
            ),
        )),
        // Two that are active are from before one was at a time: each goes on by itself until a switch makes it the only one.
        (Intent::Sync | Intent::Plan, _) if live => Ok(Former::new(&idle, &[])),
        _ => Ok(Former::new(&idle, &others)),
    }
}

/// What the plan of a switch rests on besides everything else: who gives way.
pub(crate) fn basis(former: &Former) -> String {
    if former.yielding().is_empty() { String::new() } else { format!(" from {:?}", former.yielding()) }
}

/// Tells who gives way, and how many of theirs stay behind.
pub(crate) async fn tell(
    host: &Host,
    lease: Lease,
    read: Read,
    former: &Former,
    report: &mut Report,
) -> Result<(), Fault> {
    let yielding = former.yielding_names();
    if yielding.is_empty() {
        return Ok(());
    }
    let (connection, yielding) = (report.connection.clone(), yielding.join(" and "));
    report.notes.push(format!(
        "{yielding} gives way to {connection}: its settings are kept, and it is idle from then on"
    ));
    let orphans = host.store.left_behind(lease, read, former).await?;
    report.users.orphaned = orphans.users;
    report.groups.orphaned = orphans.groups;
    if orphans.users + orphans.groups > 0 {
        report.notes.push(format!(
            "{} users and {} groups of {yielding} that {connection} doesn't have stay as they are, orphaned: `usher orphans list` shows them, `usher orphans remove` plans letting them go",
            orphans.users, orphans.groups
        ));
    }
    Ok(())
}
