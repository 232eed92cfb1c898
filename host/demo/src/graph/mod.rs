//! Microsoft Graph's answers, as its documentation has them: users, groups, delta queries, batches, what surrounds them, and the writes of
//! an administrator.
//!
//! **This is a simulation**, see [`Tenant`]. An answer is a function of the tenant and the request; connections and their faults are the
//! server's matter.

mod answer;
mod batch;
mod caseless;
mod delta;
mod error;
mod filter;
mod json;
mod list;
mod object;
mod organisation;
mod principal;
mod query;
mod represent;
mod request;
mod rights;
mod role;
mod route;
mod schema;
mod search;
mod token;
mod write;

pub use answer::{Answer, Ids};
pub use delta::Rounds;
pub use error::{GraphError, error, throttled};
pub use json::Fields;
pub use request::Request;

use crate::tenant::{BatchItem, Fault, Tenant};
use error::{no_segment, unauthenticated};
use request::Call;

/// Answers a request.
pub fn answer(tenant: &Tenant, request: &Request, ids: &Ids) -> Answer {
    let segments = route::segments(&request.path);
    match segments.get(1).map(String::as_str) {
        Some("$batch") if segments.len() == 2 => {
            let answer = authenticated(tenant, request).and_then(|_| batch::batch(tenant, request, ids));
            answer.unwrap_or_else(|error| error.answer(ids, tenant.now()))
        }
        _ => single(tenant, request, ids),
    }
}

/// Answers a request that is no batch.
fn single(tenant: &Tenant, request: &Request, ids: &Ids) -> Answer {
    read(tenant, request).unwrap_or_else(|error| error.answer(ids, tenant.now()))
}

/// Answers an item of a batch, which faults may strike too.
fn item(tenant: &Tenant, request: &Request, ids: &Ids) -> Answer {
    let fault = tenant.state().faults.strike(&request.target(), true);
    let mut answer = match fault {
        Some(Fault::Status { code, error, retry_after }) => {
            struck(code, &error, retry_after).answer(ids, tenant.now())
        }
        Some(Fault::WrongShape) => Answer::json(200, wrong_shape()),
        Some(Fault::WrongJson) => Answer::json(200, b"\"<html>\"".to_vec()),
        _ => single(tenant, request, ids),
    };
    answer.items =
        vec![BatchItem { method: request.method.clone(), path: request.target(), status: answer.status }];
    answer
}

/// The error that a fault orders.
pub fn struck(code: u16, error: &str, retry_after: Option<String>) -> GraphError {
    let headers = retry_after.map(|after| ("retry-after", after)).into_iter().collect();
    GraphError { headers, ..self::error(code, error, "The service could not answer this request.") }
}

/// JSON that is nothing anybody asked for.
pub fn wrong_shape() -> Vec<u8> {
    br#"{"@odata.context":7,"value":{"users":[["none"]]},"@odata.nextLink":["somewhere"]}"#.to_vec()
}

fn authenticated(tenant: &Tenant, request: &Request) -> Result<crate::tenant::Identity, GraphError> {
    let token = request.token().ok_or_else(|| unauthenticated("There is no bearer token."))?;
    tenant.identity(token).ok_or_else(|| unauthenticated("The bearer token is unknown or has expired."))
}

fn read(tenant: &Tenant, request: &Request) -> Result<Answer, GraphError> {
    let mut segments = route::segments(&request.path);
    if segments.is_empty() {
        return Err(no_segment(&request.path));
    }
    let version = segments.remove(0);
    if !matches!(version.as_str(), "v1.0" | "beta") {
        return Err(no_segment(&version));
    }
    let identity = authenticated(tenant, request)?;
    let mut state = tenant.state();
    let now = state.now;
    if let Some(throttle) = &mut state.throttle {
        throttle.spend(now).map_err(throttled)?;
    }
    let query = query::Query::read(&request.query)?;
    let call = Call { request, identity: &identity, version: &version, segments, query };
    route::route(&mut state, &call)
}
