//! OAuth 2.0 with Microsoft Entra: how a connection's account proves itself, and the access tokens it gets for that.
//!
//! [`Registration`] says where and as whom, [`Proof`] by what, [`Tokens`] keeps and renews. What holds: texts that are secret are wiped
//! when they go and are never printed; no error has a secret, a token or a whole body in it; a refresh token is redeemed by one at a
//! time, however many tasks and hosts want it ([`TokenStore`]).

mod aadsts;
mod assertion;
mod carrier;
mod certificate;
mod cloud;
mod code;
mod consent;
mod device;
mod endpoint;
mod error;
mod granted;
mod id_token;
mod kept;
mod registration;
pub mod scopes;
mod secret;
mod signed_in;
mod state;
mod store;
mod tokens;

#[cfg(test)]
mod tests;

pub use certificate::{BadCertificate, Certificate};
pub use cloud::Cloud;
pub use code::CodeSignIn;
pub use consent::AdminConsent;
pub use device::DeviceSignIn;
pub use endpoint::{Entra, Proof};
pub use error::{Block, Refusal, TokenError};
pub use granted::Granted;
pub use id_token::{IdTokens, Identity};
pub use registration::Registration;
pub use secret::Secret;
pub use signed_in::SignedIn;
pub use store::{MemoryStore, StoreFailure, TokenStore};
pub use tokens::{AccessToken, Permission, TokenSource, Tokens};
