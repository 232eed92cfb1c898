//! Plugins that misbehave on request, by the setting `act`: what the host must survive.
//!
//! The components are the examples of this crate, one for each world and for what can't be told by a setting.
#![allow(clippy::panic, clippy::indexing_slicing)]

mod acts;
mod method;
mod policy;

pub use acts::burn;
pub use method::HostileMethod;
pub use policy::HostilePolicy;

use schemars::JsonSchema;
use serde::Deserialize;

/// Which misdeed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Settings {
    /// One of the names in `acts`, `method` or `policy`; `behave` does nothing wrong.
    pub act: String,
}
