//! What a refusal of Graph means to a read.

use crate::outside::{Failure, Refusal};
use usher_plugin::Fault;

/// Codes by which Graph says that a token of a delta query or of a page is worth nothing any more. They come in any case.
/// Source: <https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset> and answers seen in the wild.
const EXPIRED: [&str; 7] = [
    "syncstatenotfound",
    "syncstateinvalid",
    "resyncrequired",
    "resyncchangesapplydifferences",
    "resyncchangesuploaddifferences",
    "directory_expiredpagetoken",
    "directory_resyncrequired",
];

/// Whether it means that the chain can't be gone on with.
pub fn is_expired(refusal: &Refusal) -> bool {
    refusal.status == 410
        || (refusal.status == 400 && EXPIRED.iter().any(|expired| refusal.code.eq_ignore_ascii_case(expired)))
}

/// Whether it means that the object isn't there: the directory's own word for it, and not some gateway's 404.
pub fn is_not_found(refusal: &Refusal) -> bool {
    refusal.status == 404 && refusal.code.eq_ignore_ascii_case("Request_ResourceNotFound")
}

/// In words.
pub fn words(refusal: &Refusal) -> String {
    let Refusal { status, code, message, request_id } = refusal;
    let request = request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    format!("Graph refused with {status} {code}: {message}{request}")
}

/// A failure with which nothing can be done but to end the call.
pub fn fault(failure: Failure) -> Fault {
    match failure {
        Failure::Failed(fault) => fault,
        Failure::Refused(refusal) => Fault::Source(words(&refusal)),
    }
}

/// The same in a chain of pages: `lost` is what an expired token means to it.
pub fn fault_in_chain(failure: Failure, lost: Fault) -> Fault {
    match failure {
        Failure::Refused(refusal) if is_expired(&refusal) => lost,
        other => fault(other),
    }
}
